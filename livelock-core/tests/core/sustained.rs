//! A share of waste that scatters about the threshold.

use crate::scenario::{Load, Samples, Sim, Sums, Table};
use livelock_core::event::LockKind;
use livelock_core::verdict::{Confidence, ProgressState, Status};

/// Of four CPUs, `omega` of the busy time in the lock's slow path.
fn spinning(omega: f64) -> Load {
    let nr_spin = (100.0 * omega) as u32;
    Load {
        user: 0.01,
        kernel: 0.99,
        sums: Some(Sums {
            kind: LockKind::Spinlock,
            burn_cpus: 4.0 * omega,
            sleepers: 0.0,
            nr_waits_per_sec: 5000,
        }),
        samples: Samples {
            spin_traced: nr_spin,
            kernel: 99 - nr_spin,
            ..Samples::default()
        },
        ..Load::default()
    }
}

fn of(omegas: &[f64]) -> Sim {
    let mut sim = Sim::new(4);
    for &omega in omegas {
        sim.run(1, spinning(omega));
    }
    sim
}

#[test]
fn the_mean_of_five_windows_decides_where_single_ones_scatter() {
    let sim = of(&[0.88, 0.74, 0.86, 0.76, 0.84]);
    let without = sim.seen.iter().filter(|seen| seen.no_progress).count();
    assert_eq!(without, 3);
    let verdict = sim.judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Livelock, "{:?}", verdict.cause);
    assert_eq!(verdict.progress.state, ProgressState::Collapsed);
    assert_ne!(verdict.confidence, Confidence::Low);
}

#[test]
fn a_lower_mean_is_contention() {
    let verdict = of(&[0.84, 0.74, 0.82, 0.76, 0.78]).judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Contended, "{:?}", verdict.cause);
}

#[test]
fn one_window_far_off_is_contention() {
    let verdict = of(&[0.97, 0.55, 0.97, 0.79, 0.97]).judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Contended, "{:?}", verdict.cause);
}

#[test]
fn windows_with_user_work_do_not_count_towards_the_mean() {
    let mut sim = Sim::new(4);
    for omega in [0.84, 0.78, 0.83, 0.78, 0.84] {
        let load = spinning(omega);
        let works = omega < 0.8;
        sim.run(
            1,
            Load {
                user: if works { 0.12 } else { load.user },
                kernel: if works { 0.88 } else { load.kernel },
                ..load
            },
        );
    }
    let verdict = sim.judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Contended, "{:?}", verdict.cause);
}

/// Windows of so many milliseconds each, with so much waste.
fn late(windows: &[(u64, f64)]) -> Sim {
    let mut sim = Sim::new(4);
    for &(ms, omega) in windows {
        sim.window_ns = ms * 1_000_000;
        sim.run(1, spinning(omega));
    }
    sim
}

#[test]
fn few_long_windows_count_by_their_time() {
    let verdict = late(&[(800, 0.7), (3500, 0.88), (3100, 0.86)])
        .judge
        .verdict(&Table);
    assert_eq!(verdict.status, Status::Livelock, "{:?}", verdict.cause);
    let verdict = late(&[(5600, 0.95), (5600, 0.95)]).judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Livelock, "{:?}", verdict.cause);
}

#[test]
fn two_windows_that_are_short_or_differ_tell_nothing() {
    for windows in [
        &[(2400, 0.95), (2400, 0.95)][..],
        &[(5600, 0.95), (5600, 0.7)],
        &[(11_000, 0.95)],
    ] {
        let verdict = late(windows).judge.verdict(&Table);
        assert_eq!(verdict.status, Status::CannotTell, "{windows:?}");
    }
}

#[test]
fn what_is_over_as_soon_as_a_burst_is_no_live_lock_in_any_number_of_windows() {
    let status = |windows: &[(u64, f64)]| late(windows).judge.verdict(&Table).status;
    let burst = [(300, 0.95); 6];
    assert_eq!(status(&burst), Status::CannotTell);
    assert_eq!(
        status(&[&burst[..], &[(300, 0.0)]].concat()),
        Status::Contended
    );
    assert_eq!(status(&[(300, 0.95); 7]), Status::Livelock);
    // What the bursts of one host last together says nothing.
    let quiet = [(300, 0.0); 6];
    let bursts = [&burst[..], &quiet, &burst, &quiet, &burst].concat();
    assert_eq!(status(&bursts), Status::Contended);
    // One window with progress in six ends nothing.
    let mut dented = [(300, 0.95); 8];
    dented[3] = (300, 0.5);
    assert_eq!(status(&dented), Status::Livelock);
}

#[test]
fn what_may_yet_be_more_than_a_burst_is_an_open_question() {
    let is_open = |windows: &[(u64, f64)]| late(windows).judge.is_open();
    assert!(is_open(&[(300, 0.5), (300, 0.95)]));
    assert!(is_open(&[(300, 0.95); 6]));
    assert!(!is_open(&[(300, 0.95); 7]), "answered");
    assert!(!is_open(&[(300, 0.95), (300, 0.5)]), "over");
    assert!(!is_open(&[(300, 0.0); 6]));
    assert!(!is_open(&[]));
}

#[test]
fn a_long_burst_is_no_live_lock() {
    // A share of the time that the rule would not accept of windows; one window alone; too short a time.
    for windows in [
        &[(1700, 0.7), (3500, 0.88), (3100, 0.86)][..],
        &[(300, 0.7), (7000, 0.88), (300, 0.7)],
        &[(300, 0.7), (2400, 0.88), (2400, 0.86)],
    ] {
        let verdict = late(windows).judge.verdict(&Table);
        assert_eq!(verdict.status, Status::Contended, "{windows:?}");
    }
}

/// Windows of waste, then some with less of it, in which the tool takes `own` of the CPUs, then waste again.
fn interrupted(own: f64, nr: usize) -> Status {
    after_less(0.45, own, nr)
}

fn after_less(omega: f64, own: f64, nr: usize) -> Status {
    let mut sim = of(&[0.84; 4]);
    let load = spinning(omega);
    let less = Load {
        user: load.user + own,
        kernel: load.kernel - own,
        own,
        ..load
    };
    sim.run(nr, less);
    sim.run(2, spinning(0.84));
    assert!(sim.seen[4..4 + nr].iter().all(|seen| !seen.no_progress));
    sim.judge.verdict(&Table).status
}

#[test]
fn windows_that_the_tool_itself_disturbs_are_left_out() {
    assert_eq!(interrupted(0.2, 2), Status::Livelock);
    assert_eq!(interrupted(0.05, 2), Status::Contended, "the host's own");
    assert_eq!(interrupted(0.2, 5), Status::Contended, "not without end");
    assert_ne!(after_less(0.0, 0.2, 2), Status::Livelock, "it is over");
    assert_ne!(after_less(0.2, 0.2, 2), Status::Livelock, "nearly over");
}
