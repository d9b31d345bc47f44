//! Attempts that were counted: trylocks and guarded reads, in vain and not.

use livelock_core::attempts::{AttemptKind, AttemptSite, CpuAttempts, SiteAttempts};
use livelock_core::event::TaskRef;
use livelock_core::ids::{CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, Tgid};
use livelock_core::lock_call::{LockCallEvent, LockCallKind};
use livelock_core::verdict::{CauseClass, Confidence, ProgressState, Status};

use super::bench::{NR_CPUS, Place, Second, judge, place_of};
use super::{expect, syscalls};

const SECOND_NS: u64 = 1_000_000_000;

/// What every CPU counts in `function`: attempts and successes a second, of which no more than 100 are counted.
fn counted(kind: AttemptKind, function: &str, tried: u64, succeeded: u64) -> SiteAttempts {
    let begin = place_of(function);
    let stopped = |per_sec: u64| match per_sec {
        0..=100 => (per_sec, SECOND_NS),
        _ => (100, 100 * SECOND_NS / per_sec),
    };
    let (nr_tried, tried_ns) = stopped(tried);
    let (nr_succeeded, succeeded_ns) = stopped(succeeded);
    let on_cpu = |cpu| CpuAttempts {
        cpu: CpuId(cpu),
        nr_tried,
        tried_ns,
        nr_succeeded,
        succeeded_ns,
    };
    SiteAttempts {
        site: AttemptSite {
            kind,
            tried_at: CodeAddr(begin + 0x40),
            succeeded_at: CodeAddr(begin + 0x50),
            begin: CodeAddr(begin),
            end: CodeAddr(begin + 0x100),
        },
        cpus: (0..NR_CPUS).map(on_cpu).collect(),
    }
}

/// All CPUs are below `hallway_trylock`, in whatever it calls.
fn hallway(tried: u64, succeeded: u64, nr_ok_syscalls: u64) -> Second {
    Second {
        places: vec![
            Place::kernel(60, &["aes_encrypt", "hallway_trylock", "do_syscall_64"]),
            Place::kernel(39, &["hallway_trylock", "do_syscall_64"]),
        ],
        activity: Some(syscalls(nr_ok_syscalls, 0)),
        attempts: vec![counted(
            AttemptKind::Trylock,
            "hallway_trylock",
            tried,
            succeeded,
        )],
        ..Second::default()
    }
}

#[test]
fn trylocks_that_fail_while_nothing_returns_are_a_live_lock() {
    let verdict = judge(&hallway(9_000, 20, 10));
    expect(&verdict, Status::Livelock, CauseClass::TrylockRetry);
    let signal = verdict
        .evidence
        .iter()
        .find(|evidence| evidence.signal == "failed_attempts");
    let signal = signal.expect("what was counted");
    assert!((signal.value - 99.8).abs() < 0.1, "{}", signal.value);
    assert!(verdict.cause.summary.contains("hallway_trylock"));
}

#[test]
fn trylocks_that_succeed_are_work() {
    for (tried, succeeded) in [(9_000, 9_000), (9_000, 4_500), (50, 50)] {
        let verdict = judge(&hallway(tried, succeeded, 10));
        expect(&verdict, Status::Busy, CauseClass::KernelWork);
    }
}

#[test]
fn trylocks_that_fail_now_and_then_between_work_are_work() {
    let verdict = judge(&hallway(200, 0, 10));
    expect(&verdict, Status::Busy, CauseClass::KernelWork);
}

#[test]
fn whoever_gets_on_without_the_lock_wastes_nothing() {
    let verdict = judge(&hallway(9_000, 20, 2_000_000));
    expect(&verdict, Status::Busy, CauseClass::TrylockRetry);
    assert_eq!(verdict.omega, Some(0.0));
}

#[test]
fn threads_that_do_other_things_too_are_not_accused() {
    let mixed = Second {
        places: vec![
            Place::kernel(60, &["hallway_trylock", "do_syscall_64"]),
            Place::kernel(39, &["aes_encrypt", "do_syscall_64"]),
        ],
        ..hallway(9_000, 20, 10)
    };
    expect(&judge(&mixed), Status::Busy, CauseClass::KernelWork);
}

/// What threads do with locks, in this order.
fn calls(done: &[(u32, LockCallKind, u64)]) -> Vec<LockCallEvent> {
    let call = |(at, &(pid, kind, lock)): (u64, &(u32, LockCallKind, u64))| LockCallEvent {
        kind,
        lock: LockAddr(lock),
        at: MonotonicNs(at),
        cpu: CpuId(pid),
        task: TaskRef {
            pid: Pid(pid),
            tgid: Tgid(pid),
            comm: None,
        },
    };
    (0..).zip(done).map(call).collect()
}

/// `pid` takes `held`, tries for `wanted` and steps back.
const fn steps_back(pid: u32, held: u64, wanted: u64) -> [(u32, LockCallKind, u64); 3] {
    [
        (pid, LockCallKind::Lock, held),
        (pid, LockCallKind::Trylock, wanted),
        (pid, LockCallKind::Unlock, held),
    ]
}

/// The hallway where nobody counts system calls, with these calls watched.
fn uncounted(done: &[[(u32, LockCallKind, u64); 3]]) -> Second {
    Second {
        activity: None,
        calls: calls(done.as_flattened()),
        ..hallway(9_000, 20, 0)
    }
}

#[test]
fn who_tries_for_what_the_other_has_wastes_its_time_whoever_counts_system_calls() {
    let (one, other) = (steps_back(1, 10, 20), steps_back(2, 20, 10));
    let verdict = judge(&uncounted(&[one, other, one, other]));
    expect(&verdict, Status::Livelock, CauseClass::TrylockRetry);
    assert_ne!(verdict.confidence, Confidence::Low);
}

#[test]
fn without_a_count_of_system_calls_failing_trylocks_alone_prove_nothing() {
    let one = steps_back(1, 10, 20);
    let (both, too) = (steps_back(1, 20, 10), steps_back(2, 10, 20));
    for done in [
        &[][..],
        // One way, by two threads.
        &[one, too, one, too],
        // Both ways, by one thread.
        &[one, both, one, both],
    ] {
        let verdict = judge(&uncounted(done));
        expect(&verdict, Status::Busy, CauseClass::TrylockRetry);
        assert_eq!(verdict.progress.state, ProgressState::Unknown);
    }
}

/// Three in four samples are below a guarded read, the rest writes.
fn readers(tried: u64, succeeded: u64) -> Second {
    Second {
        places: vec![
            Place::kernel(74, &["aes_encrypt", "prune_guarded"]),
            Place {
                pid: 200,
                ..Place::kernel(25, &["drain_everything"])
            },
        ],
        attempts: vec![counted(
            AttemptKind::SeqRead,
            "prune_guarded",
            tried,
            succeeded,
        )],
        ..Second::default()
    }
}

#[test]
fn reads_that_start_over_are_waste_as_far_as_they_do() {
    let verdict = judge(&readers(40, 2));
    expect(&verdict, Status::Contended, CauseClass::SeqlockRetry);
    let omega = verdict.omega.expect("omega");
    assert!((omega - 0.74 * 0.95).abs() < 0.02, "{omega}");
    assert!(verdict.cause.summary.contains("prune_guarded"));
}

#[test]
fn reads_that_hold_are_work() {
    for (tried, succeeded) in [(40, 40), (40, 25), (1_000_000, 1_000_000), (1, 0)] {
        let verdict = judge(&readers(tried, succeeded));
        expect(&verdict, Status::Busy, CauseClass::KernelWork);
    }
}
