//! Real-time tasks that leave their peers no CPU.
//!
//! In: a plan. Out: pairs of threads on one CPU, one with a real-time priority, one without. Refuses:
//! the first CPU, if there is another one, and to be unstoppable: the thread that ends the load has a
//! higher priority than all others.

use std::hint;
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::cpus;
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::scenario::healthy::burn_rounds;
use crate::sys;

const REAL_TIME: Needs = Needs {
    rt: true,
    root: true,
    ..Needs::TWO_CPUS
};

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "rt-spin",
        description: "a real-time thread computes without end, its peer on the same CPU starves",
        class: Class::RtStarvation,
        expected_status: Status::Starved,
        kind: Kind::Positive,
        needs: REAL_TIME,
        prepare: spin,
    },
    Scenario {
        name: "rt-yield",
        description: "a real-time thread yields until its peer on the same CPU is done: the peer never gets there",
        class: Class::RtStarvation,
        expected_status: Status::Starved,
        kind: Kind::Positive,
        needs: REAL_TIME,
        prepare: yield_until_done,
    },
    Scenario {
        name: "yield-storm",
        description: "all threads yield without end: switches that achieve nothing, without a priority",
        class: Class::KernelWork,
        expected_status: Status::Busy,
        kind: Kind::Boundary,
        needs: Needs::NOTHING,
        prepare: yield_storm,
    },
];

/// Priority of the spinners, and of the thread that ends them.
const SPINNER_PRIORITY: libc::c_int = 10;
const MAIN_PRIORITY: libc::c_int = 20;

/// Work of the peer before it hands over.
const PEER_ROUNDS: u32 = 5_000;
const SPINNER_ROUNDS: u32 = 10_000;

/// Values of the word between a yielding thread and its peer.
const WANTED: u32 = 0;
const DONE: u32 = 1;

/// Gives the calling thread a real-time priority. What it starts gets an ordinary one.
fn become_real_time(priority: libc::c_int) -> Result<(), Missing> {
    // SAFETY: made of integers, for which zero is valid.
    let mut param: libc::sched_param = unsafe { mem::zeroed() };
    param.sched_priority = priority;
    let policy = libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK;
    // SAFETY: the kernel reads a live local; 0 is the calling thread.
    sys::done(unsafe { libc::sched_setscheduler(0, policy, &raw const param) })
        .map(drop)
        .map_err(|err| {
            Missing::because(
                &err,
                "a real-time priority cannot be had",
                "run it as root (CAP_SYS_NICE), in a cgroup that may use real time (cpu.rt_runtime_us)",
            )
        })
}

/// Threads in pairs: the even one of a pair has a real-time priority. Both are bound to one CPU.
fn pairs(
    plan: &Plan,
    make: impl Fn(usize, bool) -> anyhow::Result<plan::Op> + Send + Sync + 'static,
) -> anyhow::Result<Work> {
    plan.at_least(2)?;
    become_real_time(MAIN_PRIORITY)?;
    let cpu_ids = plan.cpu_ids.clone();
    Work::by_thread(move |index| {
        let (pair, is_spinner) = (index / 2, index.is_multiple_of(2));
        // From the last CPU down, and never the first one unless it is the only one.
        let nr_usable = cpu_ids.len().saturating_sub(1).max(1);
        let place = cpu_ids.len().saturating_sub(1 + pair % nr_usable);
        let cpu_id = *cpu_ids.get(place).context("no CPU for this thread")?;
        cpus::pin_to(cpu_id).context("failed to bind a thread to its CPU")?;
        if is_spinner {
            become_real_time(SPINNER_PRIORITY)?;
        }
        make(pair, is_spinner)
    })
}

fn spin(plan: &Plan) -> anyhow::Result<Work> {
    pairs(plan, |_, is_spinner| {
        let nr_rounds = if is_spinner {
            SPINNER_ROUNDS
        } else {
            PEER_ROUNDS
        };
        plan::op(move || {
            burn_rounds(nr_rounds);
            Ok(())
        })
    })
}

/// Counts hand-overs: without the kernel's throttling of real-time tasks there would be none.
fn yield_until_done(plan: &Plan) -> anyhow::Result<Work> {
    let words: Vec<_> = (0..plan.nr_threads.div_ceil(2))
        .map(|_| Arc::new(AtomicU32::new(WANTED)))
        .collect();
    pairs(plan, move |pair, is_spinner| {
        let word = Arc::clone(words.get(pair).context("no word for this pair")?);
        plan::counted(move || {
            if is_spinner {
                thread::yield_now();
                let done = word
                    .compare_exchange(DONE, WANTED, Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok();
                return Ok(done.into());
            }
            burn_rounds(PEER_ROUNDS);
            word.store(DONE, Ordering::Release);
            hint::spin_loop();
            Ok(0)
        })
    })
}

fn yield_storm(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        thread::yield_now();
        Ok(())
    })
}
