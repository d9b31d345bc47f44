//! Locks of user space: spinning, optimistic, contended, and uncontended.
//!
//! In: a plan. Out: threads that fight in user mode. Refuses: the kernel, except where a lock of the
//! standard library sleeps. With more threads than CPUs (`--threads`) a holder may lose its CPU, and
//! the others spin for its time slice.

use std::fs::File;
use std::hint;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::Needs;
use crate::plan::{self, Plan, Work};
use crate::scenario::file_locks::flock;
use crate::scenario::healthy::burn_rounds;
use crate::scratch::Scratch;
use crate::sys;

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "user-spinlock",
        description: "a test-and-set spinlock in user space: best with more threads than CPUs",
        class: Class::UserSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::TWO_CPUS,
        prepare: spinlock,
    },
    Scenario {
        name: "user-ticket",
        description: "a fair spinlock in user space: with more threads than CPUs the next in line is seldom running",
        class: Class::UserSpin,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::TWO_CPUS,
        prepare: ticket,
    },
    Scenario {
        name: "hot-counter",
        description: "compare-and-swap on one counter in user space: one cache line for all CPUs",
        class: Class::AtomicHotLine,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::TWO_CPUS,
        prepare: hot_counter,
    },
    Scenario {
        name: "optimistic-retry",
        description: "read, compute, commit if nobody else did: most transactions start again",
        class: Class::TransactionRestart,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::TWO_CPUS,
        prepare: optimistic_retry,
    },
    Scenario {
        name: "mutex-contended",
        description: "one mutex of the standard library around a short computation: waiters sleep, work gets done",
        class: Class::LockContention,
        expected_status: Status::Contended,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: mutex_contended,
    },
    Scenario {
        name: "locks-uncontended",
        description: "a mutex, a pipe and a file lock of its own for each thread: locks without waiters",
        class: Class::KernelWork,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: locks_uncontended,
    },
];

/// Work under a lock, and between two: about as long, so that the lock is always wanted.
const HELD_ROUNDS: u32 = 100;
const FREE_ROUNDS: u32 = 100;

/// Spins between two looks at the stop flag; a waiter whose holder lost its CPU must come back.
const NR_SPINS_PER_OP: u32 = 100_000;

/// Rounds of one optimistic transaction: long enough that another one commits meanwhile.
const TRANSACTION_ROUNDS: u32 = 20_000;

/// A word on cache lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

fn spinlock(_: &Plan) -> anyhow::Result<Work> {
    let lock = Arc::new(Line::default());
    Work::by_thread(move |_| {
        let lock = Arc::clone(&lock);
        plan::counted(move || {
            for _ in 0..NR_SPINS_PER_OP {
                if lock.0.swap(1, Ordering::Acquire) == 0 {
                    burn_rounds(HELD_ROUNDS);
                    lock.0.store(0, Ordering::Release);
                    burn_rounds(FREE_ROUNDS);
                    return Ok(1);
                }
                hint::spin_loop();
            }
            Ok(0)
        })
    })
}

fn ticket(_: &Plan) -> anyhow::Result<Work> {
    let lock = Arc::new((Line::default(), Line::default()));
    Work::by_thread(move |_| {
        let lock = Arc::clone(&lock);
        let mut ticket = None;
        plan::counted(move || {
            let (next, serving) = (&lock.0.0, &lock.1.0);
            let mine = *ticket.get_or_insert_with(|| next.fetch_add(1, Ordering::Relaxed));
            for _ in 0..NR_SPINS_PER_OP {
                if serving.load(Ordering::Acquire) == mine {
                    burn_rounds(HELD_ROUNDS);
                    serving.store(mine + 1, Ordering::Release);
                    ticket = None;
                    return Ok(1);
                }
                hint::spin_loop();
            }
            Ok(0)
        })
    })
}

fn hot_counter(_: &Plan) -> anyhow::Result<Work> {
    let counter = Arc::new(Line::default());
    Work::by_thread(move |_| {
        let counter = Arc::clone(&counter);
        plan::op(move || {
            let mut seen = counter.0.load(Ordering::Relaxed);
            while let Err(now) =
                counter
                    .0
                    .compare_exchange_weak(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed)
            {
                seen = now;
            }
            Ok(())
        })
    })
}

fn optimistic_retry(_: &Plan) -> anyhow::Result<Work> {
    let version = Arc::new(Line::default());
    Work::by_thread(move |_| {
        let version = Arc::clone(&version);
        plan::counted(move || {
            let seen = version.0.load(Ordering::Acquire);
            burn_rounds(TRANSACTION_ROUNDS);
            let committed = version
                .0
                .compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed)
                .is_ok();
            Ok(committed.into())
        })
    })
}

fn mutex_contended(_: &Plan) -> anyhow::Result<Work> {
    let mutex = Arc::new(Mutex::new(0_u64));
    Work::shared(move || {
        let mut total = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        burn_rounds(HELD_ROUNDS);
        *total += 1;
        drop(total);
        burn_rounds(FREE_ROUNDS * 10);
        Ok(())
    })
}

fn locks_uncontended(plan: &Plan) -> anyhow::Result<Work> {
    let scratch = Scratch::new()?;
    for index in 0..plan.nr_threads {
        scratch.file(&index.to_string(), 0)?;
    }
    let folder = scratch.path().to_owned();
    Ok(Work::by_thread(move |index| {
        let file = File::open(folder.join(index.to_string()))?;
        let (reader, writer) = sys::pipe(libc::O_NONBLOCK)?;
        let mutex = Mutex::new(0_u64);
        plan::op(move || {
            *mutex.lock().unwrap_or_else(PoisonError::into_inner) += 1;
            flock(&file, libc::LOCK_EX)?;
            sys::write(&writer, &[1])?;
            sys::read(&reader, &mut [0])?;
            flock(&file, libc::LOCK_UN)
        })
    })?
    .keep(scratch))
}
