//! What is kept of a lock, for one window or many.
//!
//! In: windows. Out: [`LocksTally`], which merge in the order of time. Refuses: more than
//! [`NR_LOCKS_KEPT`] locks; the least are summed up in the entry without an address.

use std::collections::{BTreeMap, BTreeSet};

use super::holders::gaps;
use super::path::Paths;
use super::stacks::RecentStacks;
use crate::event::{LockKind, ObjectPlace, WaitEvent};
use crate::hist::WaitHistogram;
use crate::ids::{CpuId, LockAddr, StackId};
use crate::thresholds::NR_LOCKS_KEPT;
use crate::window::{LockWindow, Window};

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
    pub(super) holders: Paths,
    pub(super) gaps: WaitHistogram,
    pub(super) places: BTreeMap<ObjectPlace, u64>,
}

impl LockTally {
    fn empty(kind: LockKind) -> Self {
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
            holders: Paths::default(),
            gaps: WaitHistogram::default(),
            places: BTreeMap::new(),
        }
    }

    fn of_window(lock: &LockWindow) -> Self {
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
        self.holders.merge(&later.holders);
        self.gaps.merge(&later.gaps);
        for (place, nr) in &later.places {
            *self.places.entry(*place).or_default() += nr;
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

/// The locks of one window. `recent` carries stacks from window to window.
#[must_use]
pub fn digest(window: &Window, recent: &mut RecentStacks) -> LocksTally {
    let mut tally = LocksTally {
        by_lock: window
            .locks
            .iter()
            .map(|lock| (lock.lock, LockTally::of_window(lock)))
            .collect(),
    };
    recent.keep(&window.stacks);
    for stack in &window.stacks {
        let lock = entry(&mut tally, stack.lock, stack.kind);
        lock.waiters.update(&stack.frames, |path| {
            path.sample(stack);
            path.untied_weight += i64::from(stack.weight);
        });
        if let Some(place) = stack.place {
            *lock.places.entry(place).or_default() += u64::from(stack.weight);
        }
    }
    let completed = window
        .waits
        .iter()
        .map(|w| (w.stack, w.lock, w.begin, w.end));
    let open = window
        .in_flight
        .iter()
        .map(|w| (w.stack, w.lock, w.begin, window.end));
    for (stack, lock, begin, end) in completed.chain(open) {
        // Only the part inside this window: the part before was tied when the wait was open at the
        // close before.
        let waited_ns = end.since(begin.max(window.begin));
        if let Some(stack) = stack {
            tie(&mut tally, recent, stack, lock, waited_ns);
        }
    }
    charge_holders(&mut tally, window, recent);
    recent.shrink(&window.in_flight);
    tally
}

fn entry(tally: &mut LocksTally, lock: LockAddr, kind: LockKind) -> &mut LockTally {
    tally
        .by_lock
        .entry(Some(lock))
        .or_insert_with(|| LockTally::empty(kind))
}

fn tie(
    tally: &mut LocksTally,
    recent: &mut RecentStacks,
    id: StackId,
    lock: LockAddr,
    waited_ns: u64,
) {
    let Some(recent) = recent
        .get_mut(id)
        .filter(|recent| recent.stack.lock == lock)
    else {
        return;
    };
    let first = !std::mem::replace(&mut recent.tied, true);
    let stack = &recent.stack;
    let weight = i64::from(stack.weight);
    entry(tally, lock, stack.kind)
        .waiters
        .update(&stack.frames, |path| {
            path.tied_ns = path
                .tied_ns
                .saturating_add(waited_ns.saturating_mul(u64::from(stack.weight)));
            if first {
                path.tied_weight += weight;
                path.untied_weight -= weight;
            }
        });
}

fn charge_holders(tally: &mut LocksTally, window: &Window, recent: &mut RecentStacks) {
    let mut by_lock: BTreeMap<LockAddr, Vec<&WaitEvent>> = BTreeMap::new();
    for wait in &window.waits {
        by_lock.entry(wait.lock).or_default().push(wait);
    }
    for (lock, waits) in by_lock {
        let Some(mine) = tally.by_lock.get_mut(&Some(lock)) else {
            continue;
        };
        let complete = waits.len() as u64 == mine.nr_waits;
        for gap in gaps(&waits, complete) {
            mine.gaps.record(gap.gap_ns);
            let Some(recent) = gap.holder.stack.and_then(|id| recent.get_mut(id)) else {
                continue;
            };
            let stack = &recent.stack;
            if stack.lock != lock {
                continue;
            }
            mine.holders.update(&stack.frames, |path| {
                path.sample(stack);
                path.tied_ns = path
                    .tied_ns
                    .saturating_add(gap.gap_ns.saturating_mul(u64::from(stack.weight)));
                path.tied_weight += i64::from(stack.weight);
            });
        }
    }
}
