//! Tests of the last-acquirer chain.

use std::collections::BTreeSet;

use super::super::signs::Signs;
use super::*;
use crate::event::{ReleaseEvent, SampleEvent, SampleMode, TaskRef};
use crate::ids::{LockAddr, Pid, Tgid};

fn wait(pid: u32, begin_ns: u64, end_ns: u64) -> WaitEvent {
    WaitEvent {
        lock: LockAddr(1),
        kind: LockKind::Spinlock,
        begin: MonotonicNs(begin_ns),
        in_line_after_ns: None,
        end: MonotonicNs(end_ns),
        spin_ns: end_ns - begin_ns,
        pid: Pid(pid),
        tgid: Tgid(1),
        cpu: CpuId(pid),
        stack: None,
        acquired: true,
    }
}

fn sample(cpu: u32, pid: u32, at_ns: u64, mode: SampleMode) -> SampleEvent {
    SampleEvent {
        cpu: CpuId(cpu),
        taken: MonotonicNs(at_ns),
        task: TaskRef {
            pid: Pid(pid),
            tgid: Tgid(pid),
            comm: None,
        },
        mode,
        in_traced_spin: false,
        in_self: false,
        prio: None,
        user_ip: None,
        first_arg: None,
        frames: Vec::new(),
    }
}

fn signs(waits: &[WaitEvent], samples: &[SampleEvent]) -> Signs {
    Signs::new(waits.iter(), &[], samples, &BTreeSet::from([LockAddr(1)]))
}

/// Lengths of holds and gaps of a saturated lock.
fn lengths(waits: &[WaitEvent], samples: &[SampleEvent], complete: bool) -> Vec<(u64, u64)> {
    let signs = signs(waits, samples);
    let open: BTreeSet<u64> = waits.iter().map(|wait| slice(wait.end)).collect();
    let waits: Vec<_> = waits.iter().collect();
    let streamed = match complete {
        true => Streamed::All,
        false => Streamed::Slices(&open),
    };
    chain(&waits, &signs, streamed)
        .holds
        .iter()
        .filter(|hold| hold.is_saturated())
        .map(|hold| (hold.held_ns(), hold.gap_ns()))
        .collect()
}

#[test]
fn gaps_span_slices_only_if_complete() {
    let waits = [
        wait(1, 0, 100),
        wait(2, 50, 300),
        wait(3, 60, 5 << SLICE_SHIFT),
    ];
    assert_eq!(lengths(&waits, &[], false), [(200, 200)]);
    let long = (5 << SLICE_SHIFT) - 300;
    assert_eq!(lengths(&waits, &[], true), [(200, 200), (long, long)]);
}

#[test]
fn a_lock_that_was_free_has_no_holder() {
    assert_eq!(
        lengths(&[wait(1, 0, 100), wait(2, 200, 300)], &[], true),
        []
    );
}

#[test]
fn who_gave_up_held_nothing() {
    let gave_up = WaitEvent {
        acquired: false,
        ..wait(2, 0, 150)
    };
    assert_eq!(
        lengths(&[wait(1, 0, 100), gave_up, wait(3, 50, 300)], &[], true),
        [(200, 200)]
    );
}

#[test]
fn who_waits_again_has_let_go() {
    // 1 passes within 10 ns and queues again; the next in line does not run for 890 ns.
    let waits = [wait(1, 0, 100), wait(2, 50, 1000), wait(1, 110, 1100)];
    assert_eq!(lengths(&waits, &[], true), [(10, 900), (100, 100)]);
    // Readers may take what they have.
    let shared = waits.map(|wait| WaitEvent {
        kind: LockKind::Rwlock,
        ..wait
    });
    assert_eq!(lengths(&shared, &[], true), [(900, 900), (100, 100)]);
}

#[test]
fn who_is_seen_in_user_mode_or_replaced_has_let_go() {
    let waits = [wait(1, 0, 100), wait(2, 50, 1000)];
    let before = sample(1, 9, 90, SampleMode::Kernel);
    let inside = sample(1, 1, 200, SampleMode::Kernel);
    let seen = |last| lengths(&waits, &[before.clone(), inside.clone(), last], true);
    assert_eq!(seen(sample(1, 1, 400, SampleMode::User)), [(300, 900)]);
    assert_eq!(seen(sample(1, 7, 500, SampleMode::Kernel)), [(400, 900)]);
    assert_eq!(seen(sample(3, 7, 500, SampleMode::Kernel)), [(900, 900)]);
}

#[test]
fn a_traced_release_ends_the_hold_unless_somebody_had_it_meanwhile() {
    let waits = [wait(1, 0, 100), wait(2, 50, 1000), wait(3, 60, 2000)];
    let release = |pid: u32, acquired: u64, released: u64| ReleaseEvent {
        lock: LockAddr(1),
        acquired: MonotonicNs(acquired),
        released: MonotonicNs(released),
        pid: Pid(pid),
        tgid: Tgid(1),
        cpu: CpuId(pid),
        stack: None,
        taken_at: None,
    };
    // The second is of a hold that began after 3 had the lock: it was let go in between, unseen.
    let releases = [release(1, 100, 700), release(2, 1000, 2500)];
    let signs = signs(&waits, &[]).with_releases(&releases);
    let all: Vec<_> = waits.iter().collect();
    let held: Vec<_> = chain(&all, &signs, Streamed::All)
        .holds
        .iter()
        .map(|hold| (hold.held_ns(), hold.is_exact))
        .collect();
    assert_eq!(held, [(600, true), (1000, false)]);
}

#[test]
fn time_after_the_last_acquirer_let_go_is_somebody_elses() {
    // 1 is back at 150; 2 waits from 200 on, for someone who came by without waiting.
    let waits = [wait(1, 0, 100), wait(2, 200, 300), wait(1, 150, 400)];
    let signs = signs(&waits, &[]);
    let all: Vec<_> = waits.iter().collect();
    let seen = chain(&all, &signs, Streamed::All);
    let unseen: Vec<_> = seen.holds.iter().map(Hold::has_unseen).collect();
    assert_eq!((unseen, seen.nr_unbounded), (vec![true, false], 1));
}

#[test]
fn a_hold_that_leaves_the_streamed_moments_has_no_bound() {
    let late = 5 << SLICE_SHIFT;
    let waits = [wait(1, 0, 100), wait(2, 50, 300), wait(3, 60, late)];
    let open = BTreeSet::from([0, 5]);
    let all: Vec<_> = waits.iter().collect();
    let cut = |samples: &[SampleEvent]| {
        let seen = chain(&all, &signs(&waits, samples), Streamed::Slices(&open));
        (seen.holds.len(), seen.ended_ns, seen.nr_unbounded)
    };
    assert_eq!(cut(&[]), (1, vec![], 2));
    assert_eq!(
        cut(&[sample(2, 2, 800, SampleMode::User)]),
        (1, vec![500], 1)
    );
    // A wait that was streamed for its stack alone says nothing.
    let lone = BTreeSet::from([0]);
    let seen = chain(&all, &signs(&waits, &[]), Streamed::Slices(&lone));
    assert_eq!(seen.nr_unbounded, 1);
}

#[test]
fn a_sign_of_an_earlier_window_is_not_forgotten() {
    let waits = [wait(1, 0, 100), wait(2, 50, 1000)];
    let mut signs = signs(&waits, &[]);
    signs.keep(&waits[0], MonotonicNs(130));
    let all: Vec<_> = waits.iter().collect();
    assert_eq!(chain(&all, &signs, Streamed::All).holds[0].held_ns(), 30);
}

#[test]
fn idle_tasks_are_told_apart_by_cpu() {
    let mut other = wait(0, 150, 2000);
    other.cpu = CpuId(7);
    let waits = [wait(0, 0, 100), wait(2, 50, 1000), other];
    assert_eq!(lengths(&waits, &[], true)[0], (900, 900));
}

#[test]
fn a_holder_is_seen_to_run_by_samples_that_lie_apart() {
    const MS: u64 = 1_000_000;
    let holder = wait(1, 0, MS);
    let seen = |samples: &[SampleEvent]| {
        let seen = signs(std::slice::from_ref(&holder), samples)
            .seen_running(&holder, MonotonicNs(40 * MS));
        seen.map(|at| at.0 / MS)
    };
    let ran = |at_ms: u64| sample(1, 1, at_ms * MS, SampleMode::Kernel);
    assert_eq!(seen(&[ran(11), ran(21), ran(31)]), Some(31));
    assert_eq!(seen(&[ran(11), ran(21), ran(41)]), Some(21), "it was over");
    assert_eq!(seen(&[ran(21)]), None);
    let caught_up = sample(1, 1, 21 * MS + 100, SampleMode::Kernel);
    assert_eq!(seen(&[ran(21), caught_up]), None, "one go");
    assert_eq!(
        seen(&[ran(11), sample(2, 1, 21 * MS, SampleMode::Kernel)]),
        None
    );
    let wants = |lock| SampleEvent {
        first_arg: Some(lock),
        ..ran(31)
    };
    assert_eq!(
        seen(&[ran(11), ran(21), wants(1)]),
        Some(21),
        "it waits again"
    );
    assert_eq!(seen(&[ran(11), ran(21), wants(2)]), Some(31));
    let waiting = SampleEvent {
        in_traced_spin: true,
        ..ran(31)
    };
    assert_eq!(seen(&[ran(11), ran(21), waiting]), Some(21));
}
