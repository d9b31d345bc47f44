//! What all CPUs booked, by lock.
//!
//! In: per-CPU totals, open waits, waits over but not folded. Out: one entry per address. Refuses: to book
//! a nanosecond of a long wait in any window but the one that it burned.

use std::collections::BTreeMap;

use super::closed::LockWindow;
use crate::event::{InFlightWait, LockKind, LockTotals, UnfoldedWait};
use crate::hist::WaitHistogram;
use crate::ids::{LockAddr, MonotonicNs};

/// One entry per address: what all CPUs booked, with the open waits.
pub(super) fn merge_locks(
    mut totals: Vec<LockTotals>,
    in_flight: &[InFlightWait],
    unfolded: &[UnfoldedWait],
    open_before_ns: &BTreeMap<LockAddr, u64>,
    open_now_ns: &BTreeMap<LockAddr, u64>,
    end: MonotonicNs,
) -> Vec<LockWindow> {
    // The heaviest entry comes first and names the family, whatever order the CPUs were read in.
    totals.sort_by_key(|t| {
        (
            t.lock,
            std::cmp::Reverse((t.spin_ns, t.wait_ns, t.nr_begun, t.kind)),
        )
    });
    let mut locks: BTreeMap<Option<LockAddr>, LockWindow> = BTreeMap::new();
    for t in totals {
        let mine = locks
            .entry(t.lock)
            .or_insert_with(|| empty_lock(t.lock, t.kind));
        mine.nr_begun += t.nr_begun;
        mine.nr_waits += t.nr_waits;
        mine.wait_ns += t.wait_ns;
        mine.spin_ns += t.spin_ns;
        mine.sleep_ns += t.wait_ns.saturating_sub(t.spin_ns);
        mine.max_ns = mine.max_ns.max(t.max_ns);
        mine.nr_failed += t.nr_failed;
        mine.hist.merge(&t.hist);
        mine.cpus.insert(t.cpu);
    }
    for wait in in_flight {
        let lock = Some(wait.lock);
        let mine = locks
            .entry(lock)
            .or_insert_with(|| empty_lock(lock, wait.kind));
        mine.nr_in_flight += 1;
        mine.oldest_in_flight_ns = mine.oldest_in_flight_ns.max(Some(end.since(wait.begin)));
        mine.cpus.insert(wait.cpu);
    }
    for wait in unfolded {
        let lock = Some(wait.lock);
        let mine = locks
            .entry(lock)
            .or_insert_with(|| empty_lock(lock, wait.kind));
        mine.cpus.insert(wait.cpu);
    }
    for (lock, mine) in &mut locks {
        let ns = |open: &BTreeMap<LockAddr, u64>| {
            i128::from(lock.and_then(|addr| open.get(&addr).copied()).unwrap_or(0))
        };
        mine.spin_ns = clamp_ns(i128::from(mine.spin_ns) + ns(open_now_ns) - ns(open_before_ns));
    }
    locks.into_values().collect()
}

fn empty_lock(lock: Option<LockAddr>, kind: LockKind) -> LockWindow {
    LockWindow {
        lock,
        kind,
        nr_begun: 0,
        nr_waits: 0,
        wait_ns: 0,
        spin_ns: 0,
        sleep_ns: 0,
        max_ns: 0,
        nr_failed: 0,
        hist: WaitHistogram::default(),
        cpus: std::collections::BTreeSet::new(),
        nr_in_flight: 0,
        oldest_in_flight_ns: None,
    }
}

/// Of a difference that two clocks may have made negative.
pub(super) fn clamp_ns(ns: i128) -> u64 {
    u64::try_from(ns.max(0)).unwrap_or(u64::MAX)
}
