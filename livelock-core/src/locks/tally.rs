//! What is kept of a lock, for one window or many.
//!
//! In: windows. Out: [`LocksTally`], which merge in the order of time. Refuses: more than
//! [`NR_LOCKS_KEPT`] locks; the least are summed up in the entry without an address.

use std::collections::{BTreeMap, BTreeSet};

use super::chains::{Links, commonest};
use super::handoffs::HandoffTally;
use super::instance::{self, Owners};
use super::owners::WordOwners;
use super::path::Paths;
use crate::event::{LockKind, ObjectPlace};
use crate::hist::WaitHistogram;
use crate::hold_hist::HoldHistogram;
use crate::holder_report::ChainTask;
use crate::ids::{CpuId, LockAddr};
use crate::ledger::waited::Waited;
use crate::thresholds::{NR_LOCKS_KEPT, SLOW_HANDOVER_SHARE};
use crate::window::LockWindow;

/// One lock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockTally {
    pub(super) kind: LockKind,
    pub(super) nr_waits: u64,
    pub(super) wait_ns: u64,
    pub(super) spin_ns: u64,
    /// What of `spin_ns` was burned: the rest was stolen, or the waiters stood halted.
    pub(super) burned_ns: u64,
    /// What of it they stood halted for.
    pub(super) halted_ns: u64,
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
    /// Kernel code that holders were sampled in while they held.
    pub(super) inside: Paths,
    /// Kernel code that was sampled while it was waited for and nobody was known to have it.
    pub(super) suspects: Paths,
    /// The same where nobody else can have had it.
    pub(super) alone: Paths,
    pub(super) gaps: WaitHistogram,
    /// Holds whose release was traced, of moments that were told whole.
    pub(super) holds: HoldHistogram,
    /// Acquisitions of these moments, after a wait.
    pub(super) nr_acquired: u64,
    /// Whether these are all that the holds can be of: not where records were lost, nor where lockdep tells of holds without a wait.
    pub(super) knows_acquired: bool,
    /// Whether no release was left out or lost.
    pub(super) has_all_released: bool,
    /// All whose release was.
    pub(super) nr_released: u64,
    pub(super) longest_released_ns: u64,
    /// Who had it by its owner word when somebody began to wait.
    pub(super) word_owners: WordOwners,
    /// Upper bounds of holds.
    pub(super) holds_at_most: HoldHistogram,
    /// Holds, at least, that may have been longer than any of them.
    pub(super) nr_unbounded: u64,
    /// Time that somebody who is known had the lock, or it was on its way, while others waited.
    pub(super) gap_ns: u64,
    /// Part of it before the holder had let go.
    pub(super) held_ns: u64,
    /// Time that somebody waited for it.
    pub(super) waited_ns: u64,
    /// Part of it in which nobody who had waited is known to have had it.
    pub(super) unseen_ns: u64,
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
            burned_ns: 0,
            halted_ns: 0,
            sleep_ns: 0,
            max_ns: 0,
            hist: WaitHistogram::default(),
            cpus: BTreeSet::new(),
            nr_in_flight: 0,
            oldest_in_flight_ns: None,
            waiters: Paths::default(),
            long_waiters: Paths::default(),
            holders: Paths::default(),
            inside: Paths::default(),
            suspects: Paths::default(),
            alone: Paths::default(),
            gaps: WaitHistogram::default(),
            holds: HoldHistogram::default(),
            nr_acquired: 0,
            knows_acquired: true,
            has_all_released: true,
            nr_released: 0,
            longest_released_ns: 0,
            word_owners: WordOwners::default(),
            holds_at_most: HoldHistogram::default(),
            nr_unbounded: 0,
            gap_ns: 0,
            held_ns: 0,
            waited_ns: 0,
            unseen_ns: 0,
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
            burned_ns: lock.spin_ns,
            sleep_ns: lock.sleep_ns,
            max_ns: lock.max_ns.max(lock.oldest_in_flight_ns.unwrap_or(0)),
            hist: lock.hist.clone(),
            cpus: lock.cpus.clone(),
            nr_in_flight: lock.nr_in_flight,
            oldest_in_flight_ns: lock.oldest_in_flight_ns,
            ..Self::empty(lock.kind)
        }
    }

    /// Time that waiters spun by the clock of the tracepoints.
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

    /// Whether the holder had provably let go in much of the time between acquisitions: CPUs stand still, and until when
    /// somebody held can be told only roughly.
    pub(super) fn is_handover_slow(&self) -> bool {
        let handover_ns = self.gap_ns.saturating_sub(self.held_ns);
        self.gap_ns > 0 && handover_ns as f64 >= SLOW_HANDOVER_SHARE * self.gap_ns as f64
    }

    /// What of `time_ns` nobody who had waited is known to have held it for.
    pub(super) fn unknown_of_ns(&self, time_ns: u64) -> u64 {
        let held_ns = self.held_ns.saturating_add(self.unseen_ns);
        if held_ns == 0 {
            return 0;
        }
        let part = self.unseen_ns as f64 / held_ns as f64;
        ((time_ns as f64 * part) as u64).min(time_ns)
    }

    /// The task that held it most often, by samples of holders and acquisitions with a stack.
    pub(super) fn commonest_holder(&self) -> Option<ChainTask> {
        let mut tasks = BTreeMap::new();
        for (_, path, _) in self.holders.scores().chain(self.inside.scores()) {
            for (task, nr) in &path.tasks {
                *tasks.entry(task.clone()).or_default() += nr.weight;
            }
        }
        commonest(&tasks)
    }

    pub(super) const fn rank(&self) -> (u64, u64, u64) {
        (self.spin_ns, self.wait_ns, self.nr_in_flight)
    }

    fn merge_sums(&mut self, later: &Self) {
        self.nr_waits += later.nr_waits;
        self.wait_ns = self.wait_ns.saturating_add(later.wait_ns);
        self.spin_ns = self.spin_ns.saturating_add(later.spin_ns);
        self.burned_ns = self.burned_ns.saturating_add(later.burned_ns);
        self.halted_ns = self.halted_ns.saturating_add(later.halted_ns);
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
        self.inside.merge(&later.inside);
        self.suspects.merge(&later.suspects);
        self.alone.merge(&later.alone);
        self.gaps.merge(&later.gaps);
        self.holds.merge(&later.holds);
        self.nr_acquired += later.nr_acquired;
        self.knows_acquired &= later.knows_acquired;
        self.has_all_released &= later.has_all_released;
        self.nr_released += later.nr_released;
        self.longest_released_ns = self.longest_released_ns.max(later.longest_released_ns);
        self.word_owners.merge(&later.word_owners);
        self.holds_at_most.merge(&later.holds_at_most);
        self.gap_ns = self.gap_ns.saturating_add(later.gap_ns);
        self.held_ns = self.held_ns.saturating_add(later.held_ns);
        self.nr_unbounded += later.nr_unbounded;
        self.waited_ns = self.waited_ns.saturating_add(later.waited_ns);
        self.unseen_ns = self.unseen_ns.saturating_add(later.unseen_ns);
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
    /// What holders of one lock wanted of others.
    pub(super) links: Links,
}

impl LocksTally {
    /// Adds what happened later.
    pub fn merge(&mut self, later: &Self) {
        self.links.merge(&later.links);
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

    /// Tells what burned from what did not, in the locks of one window: of each as much as of all, since how long single waits
    /// were stolen or halted is not known, nor on which CPUs the waits for one lock were.
    pub(crate) fn book(&mut self, waited: &Waited) {
        for tally in self.by_lock.values_mut() {
            tally.burned_ns = waited.burned_of(tally.spin_ns);
            tally.halted_ns = waited.halted_of(tally.spin_ns);
        }
    }

    /// CPU time burned on all locks.
    #[must_use]
    pub fn burned_ns(&self) -> u64 {
        self.by_lock.values().map(|lock| lock.burned_ns).sum()
    }

    /// Spin on all locks by the clock of the tracepoints.
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
                ..LocksTally::default()
            });
        }
        assert!(sum.by_lock.len() <= NR_LOCKS_KEPT);
        assert_eq!(sum.spin_ns(), (0..3000u64).map(|i| 1 + i % 7).sum::<u64>());
    }
}
