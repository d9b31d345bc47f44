//! The rules: how long, how much, and what forbids an answer.

use crate::scenario::{Load, Samples, Sim, Sums, Table, compute, fd_collapse, host, shared_pipe};
use crate::scenarios::{after, has_evidence};
use livelock_core::event::LockKind;
use livelock_core::host::HostFacts;
use livelock_core::verdict::{CauseClass, Confidence, Status, Verdict};

#[test]
fn a_short_burst_is_no_live_lock() {
    let mut sim = Sim::new(8);
    sim.run(8, compute())
        .run(1, fd_collapse())
        .run(8, compute());
    assert!(sim.seen[8].no_progress);
    let verdict = sim.judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Busy);
    assert_eq!(verdict.window.nr_no_progress, 1);
}

#[test]
fn a_live_lock_in_the_middle_of_a_run_stands() {
    let mut sim = Sim::new(8);
    sim.run(8, compute())
        .run(8, fd_collapse())
        .run(20, compute());
    assert_eq!(sim.judge.verdict(&Table).status, Status::Livelock);
    assert_eq!(sim.judge.recent_verdict(&Table).status, Status::Busy);
}

#[test]
fn a_level_is_left_after_five_clear_windows() {
    let mut sim = Sim::new(8);
    sim.run(8, fd_collapse()).run(4, compute());
    assert_eq!(sim.judge.recent_verdict(&Table).status, Status::Livelock);
    sim.run(1, compute());
    assert_ne!(sim.judge.recent_verdict(&Table).status, Status::Livelock);
}

#[test]
fn lost_data_forbids_an_answer() {
    let load = Load {
        nr_lost_per_sec: 800,
        ..shared_pipe()
    };
    let verdict = after(4, 8, load);
    assert_eq!(verdict.status, Status::CannotTell);
    assert_eq!(verdict.confidence, Confidence::Low);
    assert!(
        verdict.cause.summary.contains("lost"),
        "{}",
        verdict.cause.summary
    );
    let few = Load {
        nr_lost_per_sec: 100,
        ..shared_pipe()
    };
    assert_eq!(after(4, 8, few).status, Status::Contended);
}

#[test]
fn missing_snapshots_forbid_an_answer() {
    let verdict = after(
        8,
        8,
        Load {
            blind: true,
            ..fd_collapse()
        },
    );
    assert_eq!(verdict.status, Status::CannotTell);
    assert_eq!(verdict.busy_pct, None);
    assert_eq!(verdict.time.user_pct, None);
}

#[test]
fn two_windows_forbid_an_answer_three_may_do() {
    assert_eq!(after(8, 2, fd_collapse()).status, Status::CannotTell);
    let verdict = after(8, 4, fd_collapse());
    assert_eq!(verdict.status, Status::Livelock);
    assert_eq!(verdict.confidence, Confidence::Medium);
    assert!(verdict.against.iter().any(|e| e.signal == "windows"));
}

#[test]
fn a_stuck_spin_is_reported_at_once_and_a_live_lock_after_three_closes() {
    let load = Load {
        kernel: 0.3,
        stuck_since_ns: Some(600_000_000),
        samples: Samples {
            idle: 60,
            kernel: 20,
            ..Samples::default()
        },
        ..Load::default()
    };
    let first = after(4, 1, load);
    assert_eq!(first.status, Status::Contended);
    assert_eq!(first.cause.class, CauseClass::StuckSpin);
    assert!(has_evidence(&first, "oldest_spin_wait"));
    assert_eq!(after(4, 2, load).status, Status::Contended);
    let third = after(4, 3, load);
    assert_eq!(third.status, Status::Livelock);
    assert_eq!(third.cause.class, CauseClass::StuckSpin);
    assert!(
        third.cause.summary.contains("CPU 0"),
        "{}",
        third.cause.summary
    );
}

#[test]
fn a_guest_may_wait_for_three_host_slices() {
    let load = Load {
        kernel: 0.3,
        stuck_since_ns: Some(720_000_000),
        ..Load::default()
    };
    assert_eq!(after(4, 1, load).status, Status::Contended);
    let mut guest = Sim::on(HostFacts {
        hypervisor: Some("KVM".to_owned()),
        ..host(4)
    });
    assert_eq!(
        guest.run(1, load).judge.verdict(&Table).status,
        Status::CannotTell
    );
}

#[test]
fn sleepers_do_not_burn() {
    let sums = Sums {
        kind: LockKind::Rwsem,
        burn_cpus: 0.01,
        sleepers: 12.0,
        nr_waits_per_sec: 2_400,
    };
    let load = Load {
        kernel: 0.3,
        user: 0.1,
        sums: Some(sums),
        ..Load::default()
    };
    let verdict = after(4, 8, load);
    assert_eq!(verdict.status, Status::Healthy);
    assert_eq!(verdict.cause.class, CauseClass::SleepingLock);
}

#[test]
fn interrupts_are_named() {
    let load = Load {
        softirq: 0.7,
        kernel: 0.2,
        user: 0.05,
        ..Load::default()
    };
    assert_eq!(after(4, 8, load).cause.class, CauseClass::InterruptStorm);
}

#[test]
fn reclaim_is_ruled_out_only_when_it_was_seen_to_be_small() {
    let is_out = |v: &Verdict| v.ruled_out.iter().any(|r| r.candidate == "reclaim thrash");
    assert!(is_out(&after(4, 8, shared_pipe())));
    assert!(!is_out(&after(
        4,
        8,
        Load {
            nr_scanned_per_sec: 90_000,
            ..shared_pipe()
        }
    )));
}

#[test]
fn a_wait_whose_cpu_runs_user_code_is_over() {
    let load = Load {
        user: 1.0,
        stuck_since_ns: Some(600_000_000),
        stuck_is_phantom: true,
        ..Load::default()
    };
    let mut sim = Sim::new(4);
    sim.run(6, load);
    assert!(sim.seen.iter().all(|seen| seen.stuck.is_empty()));
    assert_ne!(sim.judge.verdict(&Table).status, Status::Livelock);
}

#[test]
fn waste_short_of_the_rules_is_contended() {
    let sums = |burn_cpus| Sums {
        kind: LockKind::Spinlock,
        burn_cpus,
        sleepers: 0.0,
        nr_waits_per_sec: 100,
    };
    // No user time, no baseline, omega 0.7: rule (ii) asks for 0.8.
    let quiet = Load {
        user: 0.01,
        kernel: 0.99,
        sums: Some(sums(2.8)),
        ..Load::default()
    };
    assert_eq!(after(4, 8, quiet).status, Status::Contended);
    // A collapsed baseline, omega 0.55: rule (i) asks for 0.6.
    let mut sim = Sim::new(4);
    let work = Load {
        nr_switches_per_sec: 20_000,
        ..compute()
    };
    let slow = Load {
        sums: Some(sums(2.2)),
        nr_switches_per_sec: 50,
        ..quiet
    };
    sim.run(8, work).run(8, slow);
    assert!(
        sim.seen[10]
            .pi0
            .is_some_and(|pi0| sim.seen[10].pi.is_some_and(|pi| pi < 0.3 * pi0))
    );
    assert_eq!(sim.judge.verdict(&Table).status, Status::Contended);
    // Nearly all of next to nothing.
    let trifle = Load {
        kernel: 0.02,
        sums: Some(sums(0.07)),
        ..Load::default()
    };
    let verdict = after(4, 8, trifle);
    assert!(verdict.omega.is_some_and(|omega| omega > 0.8));
    assert_eq!(verdict.status, Status::Healthy);
}

#[test]
fn without_any_tick_the_user_share_is_unknown_not_zero() {
    let sampled = Load {
        ticks_lost: 1.0,
        ..compute()
    };
    let user_pct = after(4, 8, sampled).user_pct.expect("samples tell it");
    assert!(user_pct > 90.0, "{user_pct}");
    let blind = Load {
        samples: Samples::default(),
        ..sampled
    };
    let verdict = after(4, 8, blind);
    assert_eq!(verdict.status, Status::Busy);
    assert!(verdict.busy_pct.is_some_and(|busy| busy > 99.0));
    assert_eq!((verdict.user_pct, verdict.time.user_pct), (None, None));
}

/// An interrupt between the last instruction of our program and its end can make the kernel skip the
/// end of a wait. `watch` runs for days: it will happen.
#[test]
fn a_wait_whose_end_was_missed_on_an_idle_cpu_accuses_nobody() {
    let load = Load {
        kernel: 0.05,
        stuck_since_ns: Some(600_000_000),
        stuck_is_phantom: true,
        samples: Samples {
            idle: 90,
            kernel: 5,
            ..Samples::default()
        },
        ..Load::default()
    };
    for nr_windows in [3, 6, 12] {
        let verdict = after(4, nr_windows, load);
        assert_eq!(verdict.status, Status::Healthy, "{:?}", verdict.cause);
    }
}

/// Tracepoints that call more spin than ticks leave room for: one of the two is wrong.
#[test]
fn spin_that_contradicts_the_ticks_is_no_live_lock() {
    let load = Load {
        user: 0.7,
        kernel: 0.3,
        ..fd_collapse()
    };
    for nr_windows in [3, 6, 12] {
        let verdict = after(8, nr_windows, load);
        assert_ne!(verdict.status, Status::Livelock, "{:?}", verdict.cause);
        let user_pct = verdict.user_pct.expect("ticks tell it");
        assert!((69.0..71.0).contains(&user_pct), "{user_pct}");
    }
}

/// Kernel code keeps the CPUs, spins on nothing that is known, and hardly anything else moves.
fn unseen_work() -> Load {
    Load {
        user: 0.004,
        kernel: 0.996,
        samples: Samples {
            kernel: 99,
            ..Samples::default()
        },
        nr_switches_per_sec: 60,
        ..Load::default()
    }
}

#[test]
fn kernel_work_of_which_nothing_shows_is_not_vouched_for() {
    let verdict = after(4, 8, unseen_work());
    assert_eq!(verdict.status, Status::Busy);
    assert_eq!(verdict.confidence, Confidence::Low);
    assert_eq!(verdict.cause.class, CauseClass::KernelWork);
    let shown = &verdict.cause.summary;
    assert!(shown.contains("no counter that is seen shows"), "{shown}");
    let reason = &verdict.progress.reason;
    assert!(reason.contains("neither that something"), "{reason}");
    let asked_for = |verdict: &Verdict| {
        let mut remedies = verdict.remedies.iter();
        remedies.any(|remedy| remedy.confirm.contains("--max-level 2"))
    };
    assert!(asked_for(&verdict));
    // Where they were counted already, nobody is told to count them.
    let mut sim = Sim::new(4);
    sim.judge.count_attempts();
    sim.run(8, unseen_work());
    assert!(!asked_for(&sim.judge.verdict(&Table)));
    // What switches often gets something done.
    let switching = Load {
        nr_switches_per_sec: 40_000,
        ..unseen_work()
    };
    let verdict = after(4, 8, switching);
    assert!(!asked_for(&verdict));
    assert_ne!(verdict.confidence, Confidence::Low);
}
