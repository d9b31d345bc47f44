//! Lock reports of a verdict.
//!
//! In: tallies, sampled spin, names and a filter. Out: [`LockReport`]s by spin. Refuses: shares of paths that nobody sampled.

use std::cmp::Reverse;

use super::name::name_lock;
use super::sampled::SampledSpin;
use super::tally::{LockTally, LocksTally};
use super::{hold_sides, sides};
use crate::filter::Filter;
use crate::holder_report::{HoldBound, HoldTimes};
use crate::ids::LockAddr;
use crate::ledger::time::share;
use crate::names::Names;
use crate::thresholds::{NR_LOCKS_NAMED, NR_LOCKS_REPORTED, NR_MIN_GAPS};
use crate::topology::Topology;
use crate::verdict::{GapTimes, LockReport, NameSource, WaitTimes};

/// What a list of locks is made with.
#[derive(Clone, Copy)]
pub struct Listing<'a> {
    /// Length of the span.
    pub duration_ns: u64,
    /// CPUs that shares are of.
    pub nr_cpus: f64,
    /// Spin that only samples see.
    pub sampled: SampledSpin<'a>,
    /// Whether it could be seen which waiters stood halted.
    pub knows_halted: bool,
    /// Where the CPUs are.
    pub topology: &'a Topology,
    /// What is listed.
    pub filter: &'a Filter,
    /// Names.
    pub names: &'a dyn Names,
}

/// The heaviest locks of a span, of those that are listed, by all of the spin that they are known to cause.
#[must_use]
pub fn reports(locks: &LocksTally, of: &Listing<'_>) -> Vec<LockReport> {
    let sampled = of.sampled.by_lock(locks, of.names);
    let sampled_ns = |lock: Option<LockAddr>| sampled.get(&lock?).copied();
    let mut by_spin = locks.by_burn();
    // Stable: of locks that are waited for alike the order is that of their waits by the clock.
    by_spin.sort_by_key(|(lock, tally)| {
        Reverse(tally.burned_ns + tally.halted_ns + sampled_ns(*lock).unwrap_or(0))
    });
    by_spin
        .into_iter()
        .filter(|(_, tally)| tally.nr_waits > 0 || tally.nr_in_flight > 0 || tally.spin_ns > 0)
        .filter(|(lock, tally)| of.filter.has_lock(*lock, tally.kind))
        .filter_map(|(lock, tally)| report(lock, tally, sampled_ns(lock), of))
        .take(NR_LOCKS_REPORTED)
        .collect()
}

/// Share of the spin time that is on locks whose kind has a name, of the heaviest [`NR_LOCKS_NAMED`]; the rest counts
/// as without one.
#[must_use]
pub fn named_burn_pct(locks: &LocksTally, names: &dyn Names) -> Option<f64> {
    let named_ns: u64 = locks
        .by_burn()
        .into_iter()
        .take(NR_LOCKS_NAMED)
        .filter(|(_, tally)| tally.burned_ns > 0)
        .filter(|(lock, tally)| name_lock(*lock, tally, names).source.names_class())
        .map(|(_, tally)| tally.burned_ns)
        .sum();
    share(named_ns, locks.burned_ns()).map(|share| 100.0 * share)
}

/// `None` if it is not listed.
fn report(
    lock: Option<LockAddr>,
    tally: &LockTally,
    sampled_ns: Option<u64>,
    of: &Listing<'_>,
) -> Option<LockReport> {
    let &Listing {
        duration_ns,
        nr_cpus,
        sampled: _,
        knows_halted,
        topology,
        filter,
        names,
    } = of;
    if filter
        .min_wait_ns
        .is_some_and(|least_ns| tally.max_ns < least_ns)
    {
        return None;
    }
    let named = name_lock(lock, tally, names);
    if !filter.has_name(&named.name) {
        return None;
    }
    let waiters = match filter.min_wait_ns {
        Some(_) => sides::waiters(&tally.long_waiters, filter, names),
        None => sides::waiters(&tally.waiters, filter, names),
    };
    // Of a lock without a stack nobody knows who waits; long waits are known without.
    if waiters.is_empty() && (filter.caller.is_some() || filter.comm.is_some()) {
        return None;
    }
    let cpus_of = |ns: u64| share(ns, duration_ns).unwrap_or(0.0);
    let pct_of = |cpus: f64| 100.0 * cpus / nr_cpus.max(f64::MIN_POSITIVE);
    let burn_cpus = cpus_of(tally.burned_ns);
    let percentile = |percent| {
        tally
            .hist
            .percentile_ns(percent)
            .map(|ns| ns.min(tally.max_ns))
    };
    let gap = |percent| tally.gaps.percentile_ns(percent);
    let handoff_gap_ns = match (gap(50.0), gap(99.0)) {
        (Some(p50), Some(p99)) if tally.gaps.count() >= NR_MIN_GAPS => Some(GapTimes { p50, p99 }),
        _ => None,
    };
    let holders = hold_sides::holders(tally, names);
    let in_dictionary = lock.filter(|_| named.source == NameSource::Dictionary);
    let owner = in_dictionary.and_then(|addr| names.instance(&named.name, addr));
    Some(LockReport {
        name: named.name,
        name_source: named.source,
        instance: named.instance.or(owner),
        addr: lock.map(|addr| addr.to_string()),
        kind: tally.kind,
        burn_pct: pct_of(burn_cpus),
        burn_cpus,
        halted_pct: knows_halted.then(|| pct_of(cpus_of(tally.halted_ns))),
        sampled_spin_pct: sampled_ns.map(|ns| pct_of(cpus_of(ns))),
        nr_waits: tally.nr_waits,
        wait_ns: WaitTimes {
            total: tally.wait_ns,
            p50: percentile(50.0),
            p99: percentile(99.0),
            max: tally.max_ns,
        },
        nr_in_flight: tally.nr_in_flight,
        oldest_in_flight_ns: tally.oldest_in_flight_ns,
        handoff_gap_ns,
        hold_ns: hold_times(tally),
        handover_pct: share(tally.gap_ns.saturating_sub(tally.held_ns), tally.gap_ns)
            .map(|part| 100.0 * part),
        unknown_holder_pct: holders.unknown_pct,
        handoffs: tally.handoffs.report(tally.kind, topology),
        waiters,
        // Whoever holds the lock against the waits that are shown.
        holders: holders.sides,
        cpus: tally.cpus.iter().copied().collect(),
    })
}

/// Exact times, if enough releases were traced; upper bounds otherwise. A percentile among holds that may have been
/// longer than any that was seen is not known.
fn hold_times(tally: &LockTally) -> Option<HoldTimes> {
    // Releases of a sample of moments: the longest hold need not be among them.
    let has_all = tally.has_all_released && tally.nr_released >= tally.nr_waits;
    let most = &tally.holds_at_most;
    let bounds = [
        (
            &tally.holds,
            0,
            has_all.then_some(tally.longest_released_ns),
            HoldBound::Exact,
        ),
        (
            most,
            tally.nr_unbounded,
            (tally.nr_unbounded == 0).then(|| most.max_ns()),
            HoldBound::Upper,
        ),
    ];
    let (holds, nr_unbounded, max, bound) = bounds
        .into_iter()
        .find(|(holds, ..)| holds.count() >= NR_MIN_GAPS)?;
    let percentile = |percent| holds.percentile_with_ns(percent, nr_unbounded);
    let (p99_at_least, p99_at_most) = match bound {
        HoldBound::Exact => holds.percentile_range_ns(99.0),
        HoldBound::Upper => (None, None),
    };
    let traced_pct = share(tally.holds.count(), tally.nr_acquired)
        .filter(|_| bound == HoldBound::Exact && tally.knows_acquired)
        // A hold of this window may be of an acquisition before it.
        .map(|share| 100.0 * share.min(1.0));
    Some(HoldTimes {
        p50: percentile(50.0),
        p99: percentile(99.0),
        p99_at_least,
        p99_at_most,
        nr_holds: Some(holds.count() + nr_unbounded),
        max,
        bound,
        traced_pct,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LockKind;

    #[test]
    fn exact_holds_say_of_how_many_they_are() {
        let mut tally = LockTally::empty(LockKind::Mutex);
        (1..=70).for_each(|ns| tally.holds.record(ns));
        let mut percentiles = |nr_acquired| {
            tally.nr_acquired = nr_acquired;
            let times = hold_times(&tally).unwrap();
            assert_eq!(times.bound, HoldBound::Exact);
            (times.p50, times.p99, times.traced_pct)
        };
        assert_eq!(percentiles(140), (Some(35), Some(70), Some(50.0)));
        assert_eq!(percentiles(0), (Some(35), Some(70), None));
        // The longest of so few need not be beyond the 99th percentile of all.
        let times = hold_times(&tally).unwrap();
        assert_eq!(times.nr_holds, Some(70));
        assert_eq!((times.p99_at_least, times.p99_at_most), (Some(66), None));
        tally.knows_acquired = false;
        assert_eq!(hold_times(&tally).unwrap().traced_pct, None);
        // Nobody knows: bounds of all holds are never too short.
        tally.holds = Default::default();
        (1..=70).for_each(|ns| tally.holds_at_most.record(2 * ns));
        let times = hold_times(&tally).unwrap();
        assert_eq!((times.p99, times.bound), (Some(140), HoldBound::Upper));
        assert_eq!(times.traced_pct, None);
        assert_eq!((times.p99_at_least, times.nr_holds), (None, Some(70)));
    }
}
