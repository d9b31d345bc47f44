//! A lock that is never free and stands still: its holder is one CPU, and cannot spin for it.

use livelock_core::detect::NoProgressRule;
use livelock_core::event::{LockKind, ObjectKind};
use livelock_core::verdict::Status;

use crate::scenario::{Fifo, Load, Samples, Sim, Sums, Table};
use crate::scenarios::{after, has_evidence};

const MS: u64 = 1_000_000;

/// All CPUs want one lock, which each of them keeps for `hold_ns`; the others spin.
fn convoy(hold_ns: u64, user: f64) -> Load {
    Load {
        user,
        kernel: 1.0 - user,
        fifo: Some(Fifo {
            gap_ns: hold_ns,
            hold_ns,
            paths: ["alloc_fd", "close_fd"],
            place: Some(ObjectKind::FilesStruct),
            stack_period: 1,
        }),
        samples: Samples {
            spin_traced: 72,
            kernel: 27,
            user: 1,
            ..Samples::default()
        },
        nr_switches_per_sec: 60,
        ..Load::default()
    }
}

#[test]
fn three_of_four_cpus_cannot_spin_more_than_three_quarters() {
    let mut sim = Sim::new(4);
    sim.run(8, convoy(5 * MS, 0.005));
    assert_eq!(sim.seen[7].rule, Some(NoProgressRule::WaitersWithoutUser));
    let verdict = sim.judge.verdict(&Table);
    assert_eq!(verdict.status, Status::Livelock);
    assert!(verdict.omega.is_some_and(|omega| omega < 0.76));
    assert!(has_evidence(&verdict, "waiter_omega"));
    let omega = verdict.evidence.iter().find(|e| e.signal == "omega");
    assert_eq!(omega.map(|e| e.threshold), Some(None));
}

#[test]
fn a_deep_collapse_needs_no_allowance() {
    let load = Load {
        fifo: convoy(5 * MS, 0.005).fifo.map(|fifo| Fifo {
            hold_ns: MS / 2,
            ..fifo
        }),
        ..convoy(5 * MS, 0.005)
    };
    let mut sim = Sim::new(4);
    sim.run(8, load);
    assert_eq!(sim.seen[7].rule, Some(NoProgressRule::WasteWithoutUser));
    assert!(!has_evidence(&sim.judge.verdict(&Table), "waiter_omega"));
}

#[test]
fn a_lock_that_passes_on_quickly_may_be_doing_all_the_work() {
    assert_eq!(after(4, 8, convoy(MS / 5, 0.005)).status, Status::Contended);
}

#[test]
fn user_code_that_runs_is_progress() {
    assert_eq!(after(4, 8, convoy(5 * MS, 0.08)).status, Status::Contended);
}

#[test]
fn two_cpus_that_pass_a_lock_to_each_other_are_contended() {
    assert_eq!(after(2, 8, convoy(5 * MS, 0.005)).status, Status::Contended);
}

#[test]
fn sums_without_hand_offs_allow_nothing() {
    // Nobody knows how long the holder held.
    let load = Load {
        fifo: None,
        sums: Some(Sums {
            kind: LockKind::Spinlock,
            burn_cpus: 2.9,
            sleepers: 0.0,
            nr_waits_per_sec: 300,
        }),
        ..convoy(5 * MS, 0.005)
    };
    assert_eq!(after(4, 8, load).status, Status::Contended);
}
