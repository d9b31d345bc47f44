//! Tests of hand-offs.

use proptest::prelude::*;

use super::super::holders::{Streamed, chain};
use super::super::signs::Signs;
use super::*;
use crate::event::WaitEvent;
use crate::ids::{LockAddr, MonotonicNs, Pid, Tgid};
use crate::topology::{CpuPlace, NotMeasured, TransferCost};

fn wait(cpu: u32, begin_ns: u64, end_ns: u64) -> WaitEvent {
    WaitEvent {
        lock: LockAddr(1),
        kind: LockKind::Spinlock,
        begin: MonotonicNs(begin_ns),
        in_line_after_ns: None,
        end: MonotonicNs(end_ns),
        spin_ns: end_ns - begin_ns,
        pid: Pid(1),
        tgid: Tgid(1),
        cpu: CpuId(cpu),
        stack: None,
        acquired: true,
    }
}

/// Two cores with two threads each, behind one cache.
fn topology(transfer_ns: f64) -> Topology {
    Topology {
        places: (0..4)
            .map(|cpu| CpuPlace {
                cpu: CpuId(cpu),
                core: Some(CpuId(cpu / 2 * 2)),
                l3: Some(CpuId(0)),
                package: Some(CpuId(0)),
                node: Some(0),
            })
            .collect(),
        costs: [Distance::SmtSibling, Distance::SharedL3]
            .map(|distance| TransferCost {
                distance,
                transfer_ns,
                nr_round_trips: 1,
            })
            .to_vec(),
        not_measured: None,
    }
}

/// Acquisitions `gap_ns` apart by these CPUs, all of whom wait from the start.
fn tally(cpus: &[u32], gap_ns: u64) -> HandoffTally {
    let ends = (1u64..).map(|i| i * gap_ns);
    let waits: Vec<_> = cpus
        .iter()
        .zip(ends)
        .map(|(&cpu, end)| wait(cpu, 0, end))
        .collect();
    let waits: Vec<_> = waits.iter().collect();
    let mut tally = HandoffTally::default();
    let signs = Signs::default();
    for hold in &chain(&waits, &signs, Streamed::All).holds {
        tally.record(hold);
    }
    tally
}

#[test]
fn a_hundred_nanoseconds_each_way_of_a_microsecond_is_a_fifth() {
    let cpus: Vec<u32> = (0..41).map(|i| i % 2 * 2).collect();
    let tally = tally(&cpus, 1000);
    let seen = tally.report(LockKind::Spinlock, &topology(100.0)).unwrap();
    assert_eq!(seen.nr, 40);
    assert_eq!(seen.classes.len(), 1);
    assert_eq!(seen.classes[0].distance, Some(Distance::SharedL3));
    assert_eq!(seen.pairs.len(), 2);
    let share_pct = seen.bounce_share_pct.unwrap();
    assert!((share_pct - 20.0).abs() < 1e-9, "{share_pct}");
    // Who sleeps does not watch the line.
    assert_eq!(
        tally
            .report(LockKind::Mutex, &topology(100.0))
            .unwrap()
            .bounce_share_pct,
        None
    );
}

#[test]
fn without_a_measurement_there_is_a_matrix_and_no_share() {
    let topology = Topology {
        costs: Vec::new(),
        not_measured: Some(NotMeasured::UnderLoad),
        ..topology(0.0)
    };
    let seen = tally(&[0; 41], 1000)
        .report(LockKind::Spinlock, &topology)
        .unwrap();
    assert_eq!(seen.classes[0].distance, Some(Distance::SameCpu));
    assert_eq!(seen.bounce_share_pct, None);
    assert_eq!(seen.not_measured, Some(NotMeasured::UnderLoad));
}

#[test]
fn cpus_of_unknown_place_have_no_distance() {
    let seen = tally(&[7, 8, 7, 8], 10)
        .report(LockKind::Spinlock, &topology(1.0))
        .unwrap();
    assert_eq!(seen.classes.len(), 1);
    assert_eq!(seen.classes[0].distance, None);
    assert_eq!(seen.classes[0].transfer_ns, None);
}

proptest! {
    /// Pairs, classes and the gaps that they are made from tell the same number, however often tallies merge and
    /// however many pairs there are.
    #[test]
    fn every_handoff_is_counted_once(
        runs in prop::collection::vec(prop::collection::vec(0u32..96, 0..400), 1..8),
        transfer_ns in 0.0..1e6f64,
    ) {
        let mut sum = HandoffTally::default();
        let mut nr = 0;
        for cpus in &runs {
            sum.merge(&tally(cpus, 1000));
            nr += cpus.len().saturating_sub(1) as u64;
        }
        let topology = topology(transfer_ns);
        match sum.report(LockKind::Spinlock, &topology) {
            None => prop_assert_eq!(nr, 0),
            Some(seen) => {
                prop_assert_eq!(seen.nr, nr);
                let listed: u64 = seen.pairs.iter().map(|pair| pair.nr).sum();
                prop_assert_eq!(listed + seen.nr_unlisted, nr);
                let classed: u64 = seen.classes.iter().map(|class| class.nr).sum();
                prop_assert_eq!(classed, nr);
                let share_pct: f64 = seen.classes.iter().map(|class| class.share_pct).sum();
                prop_assert!((share_pct - 100.0).abs() < 1e-6);
                prop_assert!(seen.bounce_share_pct.is_none_or(|pct| (0.0..=100.0).contains(&pct)));
                prop_assert!(seen.pairs.len() <= NR_PAIRS_REPORTED);
            }
        }
    }

    /// The bound on pairs loses none from the sums.
    #[test]
    fn pairs_beyond_the_bound_are_in_the_sum(nr_cpus in 60u32..80) {
        let mut sum = HandoffTally::default();
        for from in 0..nr_cpus {
            for to in 0..nr_cpus {
                sum.merge(&tally(&[from, to], 5));
            }
        }
        prop_assert!(sum.by_pair.len() <= NR_PAIRS_KEPT);
        prop_assert_eq!(sum.sum().nr, u64::from(nr_cpus * nr_cpus));
        let seen = sum.report(LockKind::Spinlock, &topology(1.0)).unwrap();
        prop_assert_eq!(seen.nr, u64::from(nr_cpus * nr_cpus));
    }
}
