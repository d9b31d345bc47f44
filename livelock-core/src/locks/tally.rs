//! What is kept of a lock, for one window or many.
//!
//! In: windows. Out: [`LocksTally`], which merge in the order of time. Refuses: more than
//! [`NR_LOCKS_KEPT`] locks; the least are summed up in the entry without an address.

use std::collections::{BTreeMap, BTreeSet};

use super::handoffs::HandoffTally;
use super::instance::{self, Owners};
use super::path::Paths;
use crate::event::{LockKind, ObjectPlace};
use crate::hist::WaitHistogram;
use crate::ids::{CpuId, LockAddr};
use crate::thresholds::NR_LOCKS_KEPT;
use crate::window::LockWindow;

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockTally {
    pub(super) kind: LockKind,
    pub(super) nr_waits: u64,
    pub(super) wait_ns: u64,
    pub(super) spin_ns: u64,
    pub(super) sleep_ns: u64,
    pub(super) max_ns: u64,
    pub(super) hist: WaitHistogram,
    pub(super) cpus: BTreeSet<CpuId>,
    pub(super) nr_in_flight: u64,
    pub(super) oldest_in_flight_ns: Option<u64>,
    pub(super) waiters: Paths,
    /// Waits that lasted as long as somebody asked for; empty if nobody did.
    pub(super) long_waiters: Paths,
    pub(super) holders: Paths,
    pub(super) gaps: WaitHistogram,
    pub(super) handoffs: HandoffTally,
    pub(super) places: BTreeMap<ObjectPlace, u64>,
    pub(super) owners: Owners,
}

impl LockTally {
    pub(super) fn empty(kind: LockKind) -> Self {
        Self {
            kind,
            nr_waits: 0,
            wait_ns: 0,
            spin_ns: 0,
            sleep_ns: 0,
            max_ns: 0,
            hist: WaitHistogram::default(),
            cpus: BTreeSet::new(),
            nr_in_flight: 0,
            oldest_in_flight_ns: None,
            waiters: Paths::default(),
            long_waiters: Paths::default(),
            holders: Paths::default(),
            gaps: WaitHistogram::default(),
            handoffs: HandoffTally::default(),
            places: BTreeMap::new(),
            owners: Owners::new(),
        }
    }

    pub(super) fn of_window(lock: &LockWindow) -> Self {
        Self {
            nr_waits: lock.nr_waits,
            wait_ns: lock.wait_ns,
            spin_ns: lock.spin_ns,
            sleep_ns: lock.sleep_ns,
            max_ns: lock.max_ns.max(lock.oldest_in_flight_ns.unwrap_or(0)),
            hist: lock.hist.clone(),
            cpus: lock.cpus.clone(),
            nr_in_flight: lock.nr_in_flight,
            oldest_in_flight_ns: lock.oldest_in_flight_ns,
            ..Self::empty(lock.kind)
        }
    }

    /// CPU time burned.
    #[must_use]
    pub const fn spin_ns(&self) -> u64 {
        self.spin_ns
    }

    /// Time that tasks slept for it.
    #[must_use]
    pub const fn sleep_ns(&self) -> u64 {
        self.sleep_ns
    }

    /// Completed waits by length.
    #[must_use]
    pub const fn wait_histogram(&self) -> &WaitHistogram {
        &self.hist
    }

    /// Median gap between acquisitions; `None` of too few.
    #[must_use]
    pub fn gap_p50_ns(&self) -> Option<u64> {
        (self.gaps.count() >= crate::thresholds::NR_MIN_GAPS)
            .then(|| self.gaps.percentile_ns(50.0))
            .flatten()
    }

    pub(super) const fn rank(&self) -> (u64, u64, u64) {
        (self.spin_ns, self.wait_ns, self.nr_in_flight)
    }

    fn merge_sums(&mut self, later: &Self) {
        self.nr_waits += later.nr_waits;
        self.wait_ns = self.wait_ns.saturating_add(later.wait_ns);
        self.spin_ns = self.spin_ns.saturating_add(later.spin_ns);
        self.sleep_ns = self.sleep_ns.saturating_add(later.sleep_ns);
        self.max_ns = self.max_ns.max(later.max_ns);
        self.hist.merge(&later.hist);
        self.cpus.extend(&later.cpus);
    }

    fn merge(&mut self, later: &Self) {
        // The address may have been given to another lock since: the heavier one names the family.
        if later.rank() > self.rank() {
            self.kind = later.kind;
        }
        self.merge_sums(later);
        self.nr_in_flight = later.nr_in_flight;
        self.oldest_in_flight_ns = later.oldest_in_flight_ns;
        self.waiters.merge(&later.waiters);
        self.long_waiters.merge(&later.long_waiters);
        self.holders.merge(&later.holders);
        self.gaps.merge(&later.gaps);
        self.handoffs.merge(&later.handoffs);
        for (place, nr) in &later.places {
            *self.places.entry(*place).or_default() += nr;
        }
        for (owner, seen) in &later.owners {
            instance::merge(&mut self.owners, *owner, seen);
        }
    }
}

/// Locks by address; `None` is the sum of those without one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LocksTally {
    pub(super) by_lock: BTreeMap<Option<LockAddr>, LockTally>,
}

impl LocksTally {
    /// Adds what happened later.
    pub fn merge(&mut self, later: &Self) {
        for (lock, mine) in &mut self.by_lock {
            if !later.by_lock.contains_key(lock) {
                mine.nr_in_flight = 0;
                mine.oldest_in_flight_ns = None;
            }
        }
        for (lock, theirs) in &later.by_lock {
            match self.by_lock.get_mut(lock) {
                Some(mine) => mine.merge(theirs),
                None => drop(self.by_lock.insert(*lock, theirs.clone())),
            }
        }
        self.shrink();
    }

    /// The locks, largest burn first.
    #[must_use]
    pub fn by_burn(&self) -> Vec<(Option<LockAddr>, &LockTally)> {
        let mut locks: Vec<_> = self
            .by_lock
            .iter()
            .map(|(lock, tally)| (*lock, tally))
            .collect();
        locks.sort_by(|a, b| b.1.rank().cmp(&a.1.rank()).then(a.0.cmp(&b.0)));
        locks
    }

    /// One lock.
    #[must_use]
    pub fn get(&self, lock: Option<LockAddr>) -> Option<&LockTally> {
        self.by_lock.get(&lock)
    }

    /// Spin on all locks.
    #[must_use]
    pub fn spin_ns(&self) -> u64 {
        self.by_lock.values().map(|lock| lock.spin_ns).sum()
    }

    /// Time slept for all locks.
    #[must_use]
    pub fn sleep_ns(&self) -> u64 {
        self.by_lock.values().map(|lock| lock.sleep_ns).sum()
    }

    fn shrink(&mut self) {
        if self.by_lock.len() <= NR_LOCKS_KEPT {
            return;
        }
        let mut ranked: Vec<_> = self
            .by_lock
            .iter()
            .filter(|(lock, tally)| lock.is_some() && tally.nr_in_flight == 0)
            .map(|(lock, tally)| (tally.rank(), *lock))
            .collect();
        ranked.sort_unstable();
        // A quarter at once, so that the sorting is rare.
        let nr_over = self.by_lock.len() - NR_LOCKS_KEPT * 3 / 4;
        for (_, lock) in ranked.into_iter().take(nr_over) {
            if let Some(tally) = self.by_lock.remove(&lock) {
                self.by_lock
                    .entry(None)
                    .or_insert_with(|| LockTally::empty(tally.kind))
                    .merge_sums(&tally);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locks_are_bounded_and_nothing_is_lost_from_the_sum() {
        let mut sum = LocksTally::default();
        for i in 0..3000u64 {
            let tally = LockTally {
                spin_ns: 1 + i % 7,
                ..LockTally::empty(LockKind::Mutex)
            };
            sum.merge(&LocksTally {
                by_lock: BTreeMap::from([(Some(LockAddr(i + 1)), tally)]),
            });
        }
        assert!(sum.by_lock.len() <= NR_LOCKS_KEPT);
        assert_eq!(sum.spin_ns(), (0..3000u64).map(|i| 1 + i % 7).sum::<u64>());
    }
}
