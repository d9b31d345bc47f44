//! Pathologies and look-alikes, from events to verdicts.

use crate::scenario::{
    Load, Samples, Sim, Sums, Table, compute, fd_collapse, futex_collapse, host, idle, shared_pipe,
};
use livelock_core::detect::NoProgressRule;
use livelock_core::event::LockKind;
use livelock_core::host::{HostFacts, SpinlockFlavour};
use livelock_core::verdict::{CauseClass, Confidence, NameSource, ProgressState, Status, Verdict};

fn after(nr_cpus: u32, nr_windows: usize, load: Load) -> Verdict {
    Sim::new(nr_cpus)
        .run(nr_windows, load)
        .judge
        .verdict(&Table)
}

fn has_evidence(verdict: &Verdict, signal: &str) -> bool {
    verdict.evidence.iter().any(|e| e.signal == signal)
}

#[test]
fn a_deep_descriptor_table_collapse_is_a_live_lock() {
    let verdict = after(8, 10, fd_collapse());
    assert_eq!(verdict.status, Status::Livelock);
    assert_eq!(verdict.confidence, Confidence::High);
    assert_eq!(verdict.cause.class, CauseClass::SpinCollapse);
    assert_eq!(verdict.progress.state, ProgressState::Collapsed);
    let top = &verdict.locks[0];
    assert_eq!(top.name, "files_struct.file_lock");
    assert_eq!(top.name_source, NameSource::TaskObject);
    assert!(
        top.burn_cpus > 7.0 && top.burn_cpus <= 8.0,
        "{}",
        top.burn_cpus
    );
    assert!(
        verdict.cause.summary.contains("alloc_fd"),
        "{}",
        verdict.cause.summary
    );
    assert!(
        verdict.cause.summary.contains("close_fd"),
        "{}",
        verdict.cause.summary
    );
    assert_eq!(top.waiters[0].stack[0], "_raw_spin_lock+0x10");
    let gap = top.handoff_gap_ns.expect("gaps");
    assert!((12_000_000..25_000_000).contains(&gap.p50), "{}", gap.p50);
    assert_eq!(top.holders.len(), 2);
    assert_eq!(verdict.accounting.unaccounted, 0);
    assert!(
        verdict.remedies[0].action.contains("overcommit"),
        "30 % of the ticks are lost"
    );
}

#[test]
fn the_whole_document_of_a_collapse() {
    insta::assert_json_snapshot!(after(8, 10, fd_collapse()));
}

#[test]
fn waits_longer_than_a_window_burn_in_every_window() {
    let mut sim = Sim::new(8);
    sim.window_ns = 100_000_000;
    sim.run(20, fd_collapse());
    for (i, seen) in sim.seen.iter().enumerate().skip(2) {
        assert!(seen.omega.expect("omega") > 0.9, "window {i}: {seen:?}");
    }
    assert_eq!(sim.judge.verdict(&Table).status, Status::Livelock);
}

#[test]
fn a_futex_collapse_is_named_by_the_dictionary() {
    let verdict = after(4, 8, futex_collapse());
    assert_eq!(verdict.status, Status::Livelock);
    assert_eq!(verdict.locks[0].name, "futex_hash_bucket.lock");
    assert_eq!(verdict.locks[0].name_source, NameSource::Dictionary);
    assert!(verdict.locks[0].handoff_gap_ns.is_some());
    assert!(verdict.remedies[0].action.contains("futex"));
}

#[test]
fn a_collapse_after_honest_work_is_found_with_a_baseline_too() {
    let mut sim = Sim::new(8);
    let work = Load {
        nr_switches_per_sec: 20_000,
        ..compute()
    };
    sim.run(10, work).run(8, fd_collapse());
    let verdict = sim.judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Livelock);
    assert_eq!(sim.seen[13].rule, Some(NoProgressRule::BelowBaseline));
    assert!(has_evidence(
        &sim.judge.recent_verdict(&Table),
        "tokens_per_busy_sec"
    ));
}

#[test]
fn computation_is_busy() {
    let verdict = after(4, 8, compute());
    assert_eq!(verdict.status, Status::Busy);
    assert_eq!(verdict.cause.class, CauseClass::UserCompute);
    assert_eq!(verdict.progress.state, ProgressState::Normal);
    assert!(verdict.ruled_out.iter().any(|r| r.candidate == "live lock"));
}

#[test]
fn lost_ticks_do_not_hide_computation() {
    let verdict = after(
        4,
        8,
        Load {
            ticks_lost: 0.78,
            ..compute()
        },
    );
    assert_eq!(verdict.status, Status::Busy);
    assert!(verdict.user_pct.expect("user") > 95.0);
    assert!(verdict.time.lost_ticks_pct.expect("lost") > 70.0);
    assert!(
        !verdict
            .ruled_out
            .iter()
            .any(|r| r.candidate == "host overcommit")
    );
}

#[test]
fn getppid_in_a_loop_is_busy() {
    let samples = Samples {
        user: 35,
        kernel: 64,
        ..Samples::default()
    };
    let verdict = after(
        4,
        8,
        Load {
            user: 0.35,
            kernel: 0.65,
            samples,
            nr_switches_per_sec: 100,
            ..Load::default()
        },
    );
    assert_eq!(verdict.status, Status::Busy);
    assert_eq!(verdict.cause.class, CauseClass::KernelWork);
}

#[test]
fn an_idle_host_is_healthy() {
    let verdict = after(4, 8, idle());
    assert_eq!(verdict.status, Status::Healthy);
    assert!(verdict.busy_pct.expect("busy") < 2.0);
}

#[test]
fn load_after_idleness_is_no_collapse() {
    let mut sim = Sim::new(4);
    // Two thirds wasted, and far fewer tokens a busy second than an idle host makes.
    let sums = Sums {
        kind: LockKind::Mutex,
        burn_cpus: 2.6,
        sleepers: 0.0,
        nr_waits_per_sec: 2_000,
    };
    let load = Load {
        nr_switches_per_sec: 500,
        sums: Some(sums),
        ..shared_pipe()
    };
    sim.run(20, idle()).run(8, load);
    assert!(sim.seen[25].omega.is_some_and(|omega| omega > 0.6));
    assert_eq!(sim.judge.verdict(&Table).status, Status::Contended);
}

#[test]
fn a_shared_pipe_with_throughput_is_contended_at_most() {
    let verdict = after(4, 10, shared_pipe());
    assert_eq!(verdict.status, Status::Contended);
    assert_eq!(verdict.cause.class, CauseClass::LockContention);
    let omega = verdict.omega.expect("omega");
    assert!((0.5..0.6).contains(&omega), "{omega}");
}

fn tas_guest() -> HostFacts {
    HostFacts {
        hypervisor: Some("TCG".to_owned()),
        spinlocks: SpinlockFlavour::TestAndSet,
        ..host(4)
    }
}

#[test]
fn a_test_and_set_guest_is_never_accused() {
    for spin_untraced in [50, 80, 96] {
        let samples = Samples {
            spin_untraced,
            kernel: 98 - spin_untraced,
            user: 1,
            ..Samples::default()
        };
        let load = Load {
            user: 0.02,
            kernel: 0.97,
            samples,
            nr_switches_per_sec: 80,
            ..Load::default()
        };
        let mut sim = Sim::on(tas_guest());
        // With a baseline that it falls far below, and without.
        sim.run(
            6,
            Load {
                nr_switches_per_sec: 20_000,
                ..compute()
            },
        )
        .run(12, load);
        let mut fresh = Sim::on(tas_guest());
        for verdict in [
            sim.judge.recent_verdict(&Table),
            fresh.run(12, load).judge.verdict(&Table),
        ] {
            assert_eq!(verdict.status, Status::Contended, "{spin_untraced} %");
            assert_eq!(verdict.confidence, Confidence::Low);
            assert_eq!(verdict.cause.class, CauseClass::UntracedSpin);
            assert!(
                verdict
                    .blind_spots
                    .iter()
                    .any(|b| b.id == "test-and-set-spinlocks")
            );
            assert!(verdict.against.iter().any(|e| e.signal == "coverage"));
        }
    }
}

#[test]
fn samples_on_irq_restore_are_no_spin() {
    let samples = Samples {
        irq_restore: 90,
        kernel: 8,
        ..Samples::default()
    };
    let verdict = after(
        4,
        8,
        Load {
            user: 0.02,
            kernel: 0.97,
            samples,
            ..Load::default()
        },
    );
    assert_eq!(verdict.status, Status::Busy);
    assert_eq!(verdict.time.untraced_spin_pct, Some(0.0));
}

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
    assert_eq!(after(4, 8, load).cause.class, CauseClass::InterruptWork);
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
        user: 0.3,
        stuck_since_ns: Some(600_000_000),
        ..Load::default()
    };
    let mut sim = Sim::new(4);
    sim.run(6, load);
    assert_eq!(
        sim.seen[0].stuck.len(),
        1,
        "begun in this window, whose user time may be from before"
    );
    assert!(sim.seen.iter().skip(1).all(|seen| seen.stuck.is_empty()));
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
    let blind = Load {
        ticks_lost: 1.0,
        ..compute()
    };
    let verdict = after(4, 8, blind);
    assert_eq!(verdict.status, Status::Busy);
    assert!(verdict.busy_pct.is_some_and(|busy| busy > 99.0));
    assert_eq!((verdict.user_pct, verdict.time.user_pct), (None, None));
}
