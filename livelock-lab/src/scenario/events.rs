//! Events: one that wakes everybody, one with a long list to wake, timers without end.
//!
//! In: a plan. Out: threads that wait for events and make them. Refuses: waits without a limit.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::ptr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::child;
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::scenario::files::{epoll, raise_file_limit, watch};
use crate::scenario::healthy::burn_rounds;
use crate::scenario::tasks::blocked;
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "epoll-herd",
        description: "all threads wait for one event and one gets it: the others wake for nothing",
        class: Class::ThunderingHerd,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: epoll_herd,
    },
    Scenario {
        name: "wake-list",
        description: "write to an event counter that poll sets watch 64 times: a long walk under a spinlock",
        class: Class::LongHold,
        expected_status: Status::Livelock,
        kind: Kind::Positive,
        needs: Needs::COLLAPSE,
        prepare: wake_list,
    },
    Scenario {
        name: "timerfd-storm",
        description: "8 timers a thread that expire every 20 us: the CPUs do little but expire them",
        class: Class::TimerStorm,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::NOTHING,
        prepare: timerfd_storm,
    },
    Scenario {
        name: "posix-timer-storm",
        description: "a process a thread with a timer that sends it a signal every 20 us",
        class: Class::TimerStorm,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::NOTHING,
        prepare: posix_timer_storm,
    },
];

/// Longest wait: then the thread looks at the stop flag.
const WAIT_MS: libc::c_int = 50;

/// Between two events of the herd, unless a thread is still busy with the last one.
const HERD_ROUNDS: u32 = 2_000;

/// Poll sets that watch one counter, each through several names of it.
const NR_SETS: usize = 8;
const NR_NAMES: usize = 8;

/// Timers of a thread, and how often they expire.
const NR_TIMERS: usize = 8;
const TIMER_PERIOD: Duration = Duration::from_micros(20);

/// Thread 0 writes, the others wait with a poll set of their own, without EPOLLEXCLUSIVE.
fn epoll_herd(plan: &Plan) -> anyhow::Result<Work> {
    plan.at_least(2)?;
    let event = Arc::new(sys::eventfd(0).context("failed to make an event counter")?);
    Work::by_thread(move |index| {
        let event = Arc::clone(&event);
        if index == 0 {
            return plan::counted(move || {
                burn_rounds(HERD_ROUNDS);
                sys::write(&event, &1_u64.to_ne_bytes())?;
                Ok(0)
            });
        }
        let set = epoll()?;
        watch(&set, &event, libc::EPOLLIN.cast_unsigned())?;
        plan::counted(move || {
            if wait(&set)? {
                sys::tried(sys::read(&event, &mut [0; 8]))
            } else {
                Ok(0)
            }
        })
    })
}

fn wait(set: &OwnedFd) -> io::Result<bool> {
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one event in a live local.
    let rc = unsafe { libc::epoll_wait(set.as_raw_fd(), &raw mut event, 1, WAIT_MS) };
    match sys::done(rc) {
        Ok(nr_events) => Ok(nr_events > 0),
        Err(err) if sys::is_again(&err) => Ok(false),
        Err(err) => Err(err),
    }
}

/// Nobody waits for the poll sets: all that a write does is to walk them.
fn wake_list(plan: &Plan) -> anyhow::Result<Work> {
    raise_file_limit((plan.nr_threads + NR_SETS + NR_NAMES) as u64 + 24)?;
    let event = sys::eventfd(0).context("failed to make an event counter")?;
    let names: Vec<OwnedFd> = (0..NR_NAMES)
        .map(|_| event.try_clone())
        .collect::<Result<_, _>>()
        .context("failed to duplicate a file")?;
    let mut sets = Vec::new();
    for _ in 0..NR_SETS {
        let set = epoll()?;
        for name in &names {
            watch(&set, name, libc::EPOLLIN.cast_unsigned()).context("failed to watch a file")?;
        }
        sets.push(set);
    }
    let event = Arc::new(event);
    Ok(Work::by_thread(move |_| {
        let event = Arc::clone(&event);
        // Nobody reads: it would take ages to fill a counter of 64 bits.
        plan::op(move || sys::write(&event, &1_u64.to_ne_bytes()).map(drop))
    })?
    .keep((sets, names)))
}

fn period() -> libc::itimerspec {
    // SAFETY: made of integers, for which zero is valid.
    let mut spec: libc::itimerspec = unsafe { mem::zeroed() };
    spec.it_value.tv_nsec = i64::from(TIMER_PERIOD.subsec_nanos());
    spec.it_interval = spec.it_value;
    spec
}

fn timerfd_storm(plan: &Plan) -> anyhow::Result<Work> {
    raise_file_limit((plan.nr_threads * (NR_TIMERS + 1)) as u64 + 24)?;
    Work::by_thread(|_| {
        let set = epoll()?;
        let timers: Vec<OwnedFd> = (0..NR_TIMERS)
            .map(|_| timer(&set))
            .collect::<Result<_, _>>()
            .context("failed to make a timer")?;
        plan::counted(move || {
            if !wait(&set)? {
                return Ok(0);
            }
            let mut nr_expired = 0;
            for timer in &timers {
                nr_expired += sys::tried(sys::read(timer, &mut [0; 8]))?;
            }
            Ok(nr_expired)
        })
    })
}

fn timer(set: &OwnedFd) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    let timer = sys::own_fd(unsafe {
        libc::timerfd_create(
            libc::CLOCK_MONOTONIC,
            libc::TFD_CLOEXEC | libc::TFD_NONBLOCK,
        )
    })?;
    let spec = period();
    // SAFETY: the kernel reads a live local; a null old value is allowed.
    sys::done(unsafe {
        libc::timerfd_settime(timer.as_raw_fd(), 0, &raw const spec, ptr::null_mut())
    })?;
    watch(set, &timer, libc::EPOLLIN.cast_unsigned())?;
    Ok(timer)
}

/// A timer of the kernel, deleted when dropped.
struct PosixTimer(libc::timer_t);

impl Drop for PosixTimer {
    fn drop(&mut self) {
        // SAFETY: the timer is ours and ends here.
        unsafe { libc::timer_delete(self.0) };
    }
}

fn posix_timer_storm(_: &Plan) -> anyhow::Result<Work> {
    let set = blocked(libc::SIGRTMIN())?;
    Work::by_thread(move |_| {
        // Made in the process: a child does not inherit timers.
        let mut timer = None;
        child::in_process(move || {
            if timer.is_none() {
                timer = Some(posix_timer()?);
            }
            take(&set)
        })
    })
}

/// Waits for a signal of the set, and takes it.
fn take(set: &libc::sigset_t) -> io::Result<u64> {
    let limit = libc::timespec {
        tv_sec: 0,
        tv_nsec: i64::from(WAIT_MS) * 1_000_000,
    };
    // SAFETY: the set is initialised, the timespec is valid, a null siginfo is allowed.
    let rc = unsafe { libc::sigtimedwait(set, ptr::null_mut(), &raw const limit) };
    sys::tried(sys::done(rc))
}

/// A timer that signals the calling thread.
fn posix_timer() -> io::Result<PosixTimer> {
    // SAFETY: made of integers, for which zero is valid.
    let mut event: libc::sigevent = unsafe { mem::zeroed() };
    event.sigev_notify = libc::SIGEV_THREAD_ID;
    event.sigev_signo = libc::SIGRTMIN();
    // SAFETY: takes nothing.
    event.sigev_notify_thread_id = unsafe { libc::gettid() };
    let mut id: libc::timer_t = ptr::null_mut();
    // SAFETY: the kernel reads one live local and writes the other.
    sys::done(unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut id) })?;
    let timer = PosixTimer(id);
    let spec = period();
    // SAFETY: the timer is ours, the kernel reads a live local.
    sys::done(unsafe { libc::timer_settime(timer.0, 0, &raw const spec, ptr::null_mut()) })?;
    Ok(timer)
}
