//! Pathologies and look-alikes, from events to verdicts.

use crate::scenario::{
    Load, Samples, Sim, Sums, Table, compute, fd_collapse, futex_collapse, host, idle, shared_pipe,
};
use livelock_core::detect::NoProgressRule;
use livelock_core::event::LockKind;
use livelock_core::host::{HostFacts, SpinlockFlavour};
use livelock_core::verdict::{CauseClass, Confidence, NameSource, ProgressState, Status, Verdict};

pub(crate) fn after(nr_cpus: u32, nr_windows: usize, load: Load) -> Verdict {
    Sim::new(nr_cpus)
        .run(nr_windows, load)
        .judge
        .verdict(&Table)
}

pub(crate) fn has_evidence(verdict: &Verdict, signal: &str) -> bool {
    verdict.evidence.iter().any(|e| e.signal == signal)
}

#[test]
fn a_deep_descriptor_table_collapse_is_a_live_lock() {
    let verdict = after(8, 10, fd_collapse());
    assert_eq!(verdict.status, Status::Livelock);
    assert_eq!(verdict.confidence, Confidence::High);
    // A hand-off takes 16 ms and ticks are lost: the next in line does not run.
    assert_eq!(verdict.cause.class, CauseClass::HolderPreemption);
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
        verdict
            .remedies
            .iter()
            .any(|r| r.action.starts_with("if this host is a guest")),
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
    sim.run(30, fd_collapse());
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
    assert_eq!(verdict.cause.class, CauseClass::MutexSpin);
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
