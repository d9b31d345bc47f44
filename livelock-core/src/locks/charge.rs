//! Charging holders with the time that they held while others waited.
//!
//! In: a window, the stacks of the windows before. Out: holders, hold times and gaps in the tally, and the spans in which
//! holders are known. Refuses: to charge a holder that nobody saw acquire.

use std::collections::{BTreeMap, BTreeSet};

use super::cover::Cover;
use super::holders::{Hold, Streamed, chain, is_exclusive, slice};
use super::path::PathTally;
use super::queued::Queued;
use super::releases::no_later_than_known;
use super::signs::Signs;
use super::stacks::{LastAcquirer, RecentStacks};
use super::tally::{LockTally, LocksTally};
use super::told_holds;
use super::tried_inside;
use super::witnesses::{self, Unseen};
use crate::event::{InFlightWait, LockKind, ReleaseEvent, StackEvent, WaitEvent};
use crate::ids::{LockAddr, MonotonicNs, Pid};
use crate::thresholds::{GAP_BOUNCE_NS, NR_LOCKS_FOLLOWED};
use crate::window::Window;

/// Times at which a task held a lock, not longer than known.
pub(super) type Spans = BTreeMap<Pid, Vec<Span>>;

/// One of them.
pub(super) struct Span {
    pub(super) lock: LockAddr,
    pub(super) holder: WaitEvent,
    pub(super) until: MonotonicNs,
    /// Whether that is the traced release.
    pub(super) is_exact: bool,
}

impl Span {
    /// Whether the lock was still held at `at`, a moment after its acquisition: for longer than hand-over takes between CPUs
    /// that run nobody else got it. Who lets go of one lock and takes the next has not both. Of sleeping locks, whose next owner
    /// has to be woken first, only a traced release tells.
    pub(super) fn is_held_at(&self, at: MonotonicNs) -> bool {
        let is_told = self.is_exact || self.holder.kind == LockKind::Spinlock;
        is_told && self.until.since(at) > GAP_BOUNCE_NS
    }
}

/// Charges the holders of all locks of `window`.
pub(super) fn charge_holders(tally: &mut LocksTally, window: &Window, recent: &mut RecentStacks) {
    let has_all = window.has_all_waits();
    let early = std::mem::take(&mut recent.early);
    let waits = waits_of(window, &early, recent.told_until);
    let ended = waits.partition_point(|wait| has_all.is_none() || wait.end <= window.end);
    let (waits, later) = waits.split_at(ended);
    recent.early = later.iter().map(|wait| (*wait).clone()).collect();
    recent.told_until = has_all.map(|_| window.end);

    let heaviest: BTreeSet<LockAddr> = tally
        .by_burn()
        .into_iter()
        .filter_map(|(lock, _)| lock)
        .take(NR_LOCKS_FOLLOWED)
        .collect();
    let all = waits.iter().copied().chain(&recent.early);
    let releases = no_later_than_known(&window.releases, all.clone());
    record_releases(tally, window, &releases, all.clone());
    let mut signs =
        Signs::new(all, &window.in_flight, &window.samples, &heaviest).with_releases(&releases);
    for last in recent.last_acquirers.values() {
        if let Some(at) = last.let_go {
            signs.keep(&last.wait, at);
        }
    }
    let open_slices = match has_all {
        Some(true) => BTreeSet::new(),
        _ => open_slices(waits.iter().copied(), window),
    };
    let mut by_lock: BTreeMap<LockAddr, Vec<&WaitEvent>> = BTreeMap::new();
    for &wait in waits {
        by_lock.entry(wait.lock).or_default().push(wait);
    }
    let mut spans = Spans::new();
    let mut unseen = Unseen::new();
    for (lock, mine) in &mut tally.by_lock {
        let Some(lock) = lock.filter(|lock| heaviest.contains(lock)) else {
            continue;
        };
        let waits = by_lock.remove(&lock).unwrap_or_default();
        let is_complete = has_all.unwrap_or(waits.len() as u64 == mine.nr_waits);
        let mut books = Books {
            mine,
            lock,
            window,
            signs: &signs,
            recent,
            spans: &mut spans,
            known: Vec::new(),
        };
        books.book_all(&waits, is_complete, &open_slices);
        books.follow_last(&waits, is_complete);
        let known = Cover::new(books.known);
        if is_complete {
            let waited = waited_for(lock, &waits, window);
            let rest = waited.without(&known);
            let told = told_holds::charge(mine, lock, &releases, &waits, recent, &rest);
            let rest = rest.without(&told);
            mine.waited_ns = mine.waited_ns.saturating_add(waited.total_ns());
            mine.unseen_ns = mine.unseen_ns.saturating_add(rest.total_ns());
            unseen.insert(lock, rest);
        } else {
            // Moments are a sample; so are their hand-overs of all.
            let waited_ns = mine.wait_ns.min(window.duration_ns());
            let mean_ns = known.total_ns().checked_div(mine.gaps.count()).unwrap_or(0);
            let known_ns = mean_ns.saturating_mul(mine.nr_waits).min(waited_ns);
            mine.waited_ns = mine.waited_ns.saturating_add(waited_ns);
            mine.unseen_ns = mine.unseen_ns.saturating_add(waited_ns - known_ns);
        }
    }
    witnesses::sample_holders(tally, window, &spans);
    witnesses::sample_unseen(tally, window, waits, &unseen);
    witnesses::link_waits(tally, waits, window, &spans);
    tried_inside::link_tries(tally, window);
}

/// Books the holds of the streamed moments, however long they had lasted, and the acquisitions that they are a part of. `releases` are those
/// of the window, no later than known; `waits` by end, and what ended after the close behind them.
fn record_releases<'a>(
    tally: &mut LocksTally,
    window: &Window,
    releases: &[ReleaseEvent],
    waits: impl Iterator<Item = &'a WaitEvent>,
) {
    let has_all = window.has_all_waits() == Some(true) && window.has_all_releases();
    let closed = window.slice_mask().unwrap_or(0);
    let is_told = |at: MonotonicNs| has_all || slice(at) & closed == 0;
    // Lockdep tells of all holds, and what its ring has no room for is lost whatever its length.
    let has_lockdep = releases.iter().any(|release| release.taken_at.is_some());
    let is_lossy = window.has_lost_waits_or_releases();
    let (has_all_released, tells_ends) =
        (window.has_all_releases(), window.has_all_waits().is_some());
    for mine in tally.by_lock.values_mut() {
        mine.has_all_released &= has_all_released;
        // Of which moments something is lost is not told.
        mine.knows_acquired &= !is_lossy && !has_lockdep;
    }
    // Lines are asked for where something was released, on most kernels nowhere.
    let mut by_lock: BTreeMap<LockAddr, Vec<&WaitEvent>> = BTreeMap::new();
    by_lock.extend(releases.iter().map(|release| (release.lock, Vec::new())));
    for wait in waits {
        let has_ended = !tells_ends || wait.end <= window.end;
        let is_one = wait.acquired && has_ended && is_told(wait.end);
        if is_one && let Some(mine) = tally.by_lock.get_mut(&Some(wait.lock)) {
            mine.nr_acquired += 1;
        }
        if let Some(line) = by_lock.get_mut(&wait.lock) {
            line.push(wait);
        }
    }
    let mut lines: BTreeMap<LockAddr, Queued> = BTreeMap::new();
    for (release, traced) in releases.iter().zip(&window.releases) {
        let lock = release.lock;
        let Some(mine) = tally.by_lock.get_mut(&Some(lock)) else {
            continue;
        };
        let waits = by_lock.get(&lock).map_or(&[][..], Vec::as_slice);
        let line = lines.entry(lock).or_insert_with(|| {
            let open = window.in_flight.iter().filter(|wait| wait.lock == lock);
            Queued::new(waits, open)
        });
        let passed_at = is_exclusive(mine.kind)
            .then(|| passed_on_at(release, waits))
            .flatten();
        let ended = passed_at.unwrap_or(release.released);
        let is_fair = line.is_fair(&ReleaseEvent {
            released: ended,
            ..*release
        });
        // The event comes after the release. Who has the lock by then ends the hold, if somebody in line all along makes sure that
        // it is this hold's event. Of lockdep it comes before, so that it is another's.
        if passed_at.is_some() && (!is_fair || release.taken_at.is_some()) {
            continue;
        }
        let held_ns = ended.since(release.acquired);
        mine.nr_released += 1;
        mine.longest_released_ns = mine.longest_released_ns.max(held_ns);
        if is_told(traced.released) && is_fair {
            mine.holds.record(held_ns);
        }
    }
}

/// The slices of time of which all waits were streamed. Waits with a stack are streamed at any time, others as well while
/// there are few.
pub(super) fn open_slices<'a>(
    waits: impl Iterator<Item = &'a WaitEvent>,
    window: &Window,
) -> BTreeSet<u64> {
    let closed = window.slice_mask().unwrap_or(0);
    let plain = waits.filter(|wait| wait.stack.is_none());
    let slices = plain.map(|wait| slice(wait.end));
    slices.filter(|number| number & closed == 0).collect()
}

/// The waits that `window` tells of and no earlier one did, by end.
fn waits_of<'a>(
    window: &'a Window,
    early: &'a [WaitEvent],
    told_until: Option<MonotonicNs>,
) -> Vec<&'a WaitEvent> {
    let mut waits: Vec<&WaitEvent> = early
        .iter()
        .chain(&window.waits)
        .chain(&window.ended)
        .filter(|wait| told_until.is_none_or(|until| wait.end > until))
        .collect();
    let key = |wait: &WaitEvent| (wait.end, wait.lock, wait.pid, wait.cpu, wait.begin);
    waits.sort_by_key(|wait| key(wait));
    waits.dedup_by_key(|wait| key(wait));
    waits
}

/// When somebody else acquired the lock before `release` was told, which then is late, or that of a later hold. `waits` by end.
pub(super) fn passed_on_at(release: &ReleaseEvent, waits: &[&WaitEvent]) -> Option<MonotonicNs> {
    let first = waits.partition_point(|wait| wait.end <= release.acquired);
    let later = waits.iter().skip(first);
    later
        .take_while(|wait| wait.end < release.released)
        .find(|wait| wait.acquired && wait.pid != release.pid)
        .map(|wait| wait.end)
}

/// When somebody waited for `lock` in `window`.
fn waited_for(lock: LockAddr, waits: &[&WaitEvent], window: &Window) -> Cover {
    let completed = waits.iter().map(|wait| (wait.begin, wait.end));
    let open = window
        .in_flight
        .iter()
        .filter(|wait| wait.lock == lock)
        .map(|wait| (wait.begin, window.end));
    let spans = completed.chain(open);
    Cover::new(
        spans
            .map(|(begin, end)| (begin.max(window.begin), end))
            .collect(),
    )
}

/// What is written of one lock.
struct Books<'a> {
    mine: &'a mut LockTally,
    lock: LockAddr,
    window: &'a Window,
    signs: &'a Signs,
    recent: &'a mut RecentStacks,
    spans: &'a mut Spans,
    /// Times of which is known who held, or that the lock was on its way.
    known: Vec<(MonotonicNs, MonotonicNs)>,
}

impl Books<'_> {
    /// Books the acquisitions that others followed.
    fn book_all(&mut self, waits: &[&WaitEvent], is_complete: bool, open_slices: &BTreeSet<u64>) {
        let streamed = match is_complete {
            true => Streamed::All,
            false => Streamed::Slices(open_slices),
        };
        let before = self.recent.last_acquirers.get(&self.lock).cloned();
        let before = before.filter(|_| is_complete).map(|last| last.wait);
        let all: Vec<&WaitEvent> = before.iter().chain(waits.iter().copied()).collect();
        let chain = chain(&all, self.signs, streamed);
        for hold in &chain.holds {
            self.book(hold);
        }
        if all.first().is_some_and(|wait| is_exclusive(wait.kind)) {
            let mine = &mut *self.mine;
            chain
                .ended_ns
                .iter()
                .for_each(|&ns| mine.holds_at_most.record(ns));
            mine.nr_unbounded += chain.nr_unbounded;
        }
    }

    fn book(&mut self, hold: &Hold<'_>) {
        let mine = &mut *self.mine;
        if is_exclusive(hold.holder.kind) {
            mine.holds_at_most.record(hold.held_ns());
        }
        if !hold.is_saturated() {
            return;
        }
        mine.gaps.record(hold.gap_ns());
        mine.handoffs.record(hold);
        self.charge(hold.holder, hold.until, hold.next, hold.is_exact);
        // Whole holds, in the window in which they ended.
        let seen_until = self.signs.seen_running(hold.holder, hold.until);
        let seen_ns = seen_until.map_or(0, |at| at.since(hold.holder.end));
        self.at_path(hold.holder, |path, stack| {
            let weight = u64::from(stack.weight);
            path.bounds.record_many(hold.held_ns(), weight);
            path.seen_ns = path.seen_ns.saturating_add(seen_ns.saturating_mul(weight));
        });
    }

    /// Charges the time since the last acquisition to who made it, if somebody has waited ever since: the
    /// holder of a lock that is never handed on.
    fn follow_last(&mut self, waits: &[&WaitEvent], is_complete: bool) {
        let last = waits.iter().rev().find(|wait| wait.acquired);
        if let Some(last) = last.filter(|_| is_complete) {
            let last = LastAcquirer {
                wait: (*last).clone(),
                let_go: None,
            };
            self.recent.last_acquirers.insert(self.lock, last);
        } else if self.mine.nr_waits > 0 && !is_complete {
            // Somebody acquired it since, and was not streamed.
            self.recent.last_acquirers.remove(&self.lock);
        }
        let end = self.window.end;
        let Some(last) = self.recent.last_acquirers.get_mut(&self.lock) else {
            return;
        };
        let seen = self.signs.let_go(&last.wait).filter(|&at| at <= end);
        last.let_go = last.let_go.or(seen);
        let (holder, let_go) = (last.wait.clone(), last.let_go);
        let mut open = self.window.in_flight.iter();
        let is_waited_for = |wait: &InFlightWait| wait.lock == self.lock;
        if !open.clone().any(is_waited_for) {
            // Nobody will follow whom it could be told from.
            self.recent.last_acquirers.remove(&self.lock);
            match let_go {
                _ if !is_exclusive(holder.kind) => {}
                Some(at) => self.mine.holds_at_most.record(at.since(holder.end)),
                None => self.mine.nr_unbounded += 1,
            }
        } else if open.any(|wait| is_waited_for(wait) && wait.spinning && wait.begin <= holder.end)
        {
            let is_exact = self.signs.released(&holder).is_some();
            self.charge(&holder, let_go.unwrap_or(end), end, is_exact);
        }
    }

    /// Charges `holder` until `until`; the lock was taken or on its way until `next`.
    fn charge(
        &mut self,
        holder: &WaitEvent,
        until: MonotonicNs,
        next: MonotonicNs,
        is_exact: bool,
    ) {
        self.known.push((holder.end.max(self.window.begin), next));
        self.spans.entry(holder.pid).or_default().push(Span {
            lock: self.lock,
            holder: holder.clone(),
            until,
            is_exact,
        });
        // What lies before the window was charged when that ended.
        let from = holder.end.max(self.window.begin);
        let held_ns = until.since(from);
        let mine = &mut *self.mine;
        mine.gap_ns = mine.gap_ns.saturating_add(next.since(from));
        mine.held_ns = mine.held_ns.saturating_add(held_ns);
        self.at_path(holder, |path, stack| {
            let weight = u64::from(stack.weight);
            path.sample(stack);
            path.nr_released += u64::from(is_exact);
            path.tied_ns = path.tied_ns.saturating_add(held_ns.saturating_mul(weight));
            path.tied_weight = path.tied_weight.saturating_add_unsigned(weight);
        });
    }

    /// Changes what is kept of the path by which `holder` acquired, if its stack was taken.
    fn at_path(&mut self, holder: &WaitEvent, change: impl FnOnce(&mut PathTally, &StackEvent)) {
        let Some(recent) = holder.stack.and_then(|id| self.recent.get_mut(id)) else {
            return;
        };
        let stack = &recent.stack;
        if stack.lock == holder.lock {
            let holders = &mut self.mine.holders;
            holders.update(&stack.frames, |path| change(path, stack));
        }
    }
}

#[cfg(test)]
#[path = "charge_tests.rs"]
mod tests;
