//! From a window to what is kept of its locks.
//!
//! In: a window, and the stacks of the windows before. Out: [`LocksTally`]. Refuses: to charge a
//! holder that nobody saw acquire.

use std::collections::BTreeMap;

use super::holders::gaps;
use super::instance;
use super::stacks::RecentStacks;
use super::tally::{LockTally, LocksTally};
use crate::event::{InFlightWait, LockKind, WaitEvent};
use crate::ids::{LockAddr, StackId};
use crate::window::Window;

/// The locks of one window. `recent` carries stacks from window to window. The paths of waits that last at least
/// `min_wait_ns` are kept apart as well.
#[must_use]
pub fn digest(window: &Window, recent: &mut RecentStacks, min_wait_ns: Option<u64>) -> LocksTally {
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
            instance::count(&mut lock.owners, place, stack);
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
            if min_wait_ns.is_some_and(|least_ns| end.since(begin) >= least_ns) {
                tie_long(&mut tally, recent, stack, lock, waited_ns);
            }
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

/// A path of waits that are long is tied to such waits alone.
fn tie_long(
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
    let first = !std::mem::replace(&mut recent.long_tied, true);
    let stack = &recent.stack;
    entry(tally, lock, stack.kind)
        .long_waiters
        .update(&stack.frames, |path| {
            path.tied_ns = path
                .tied_ns
                .saturating_add(waited_ns.saturating_mul(u64::from(stack.weight)));
            if first {
                path.sample(stack);
                path.tied_weight += i64::from(stack.weight);
            }
        });
}

fn charge_holders(tally: &mut LocksTally, window: &Window, recent: &mut RecentStacks) {
    let mut by_lock: BTreeMap<LockAddr, Vec<&WaitEvent>> = BTreeMap::new();
    for wait in &window.waits {
        by_lock.entry(wait.lock).or_default().push(wait);
    }
    for (lock, mine) in &mut tally.by_lock {
        let Some(lock) = *lock else { continue };
        let waits = by_lock.remove(&lock).unwrap_or_default();
        let complete = waits.len() as u64 == mine.nr_waits;
        for gap in gaps(&waits, complete) {
            mine.gaps.record(gap.gap_ns);
            mine.handoffs.record(&gap);
            charge(mine, gap.holder, gap.gap_ns, recent);
        }
        let last = waits.iter().rev().find(|wait| wait.acquired).copied();
        follow_last(mine, lock, last.filter(|_| complete), window, recent);
    }
}

/// Charges the time since the last acquisition to who made it, if somebody has waited ever since: the
/// holder of a lock that is never handed on.
fn follow_last(
    mine: &mut LockTally,
    lock: LockAddr,
    last: Option<&WaitEvent>,
    window: &Window,
    recent: &mut RecentStacks,
) {
    if let Some(last) = last {
        recent.last_acquirers.insert(lock, last.clone());
    } else if mine.nr_waits > 0 {
        // Somebody acquired it since, and was not streamed.
        recent.last_acquirers.remove(&lock);
    }
    let Some(holder) = recent.last_acquirers.get(&lock).cloned() else {
        return;
    };
    let is_waited_for =
        |wait: &InFlightWait| wait.lock == lock && wait.spinning && wait.begin <= holder.end;
    if window.in_flight.iter().any(is_waited_for) {
        let held_ns = window.end.since(holder.end.max(window.begin));
        charge(mine, &holder, held_ns, recent);
    }
}

fn charge(mine: &mut LockTally, holder: &WaitEvent, held_ns: u64, recent: &mut RecentStacks) {
    let Some(recent) = holder.stack.and_then(|id| recent.get_mut(id)) else {
        return;
    };
    let stack = &recent.stack;
    if stack.lock != holder.lock {
        return;
    }
    mine.holders.update(&stack.frames, |path| {
        path.sample(stack);
        let weighted_ns = held_ns.saturating_mul(u64::from(stack.weight));
        path.tied_ns = path.tied_ns.saturating_add(weighted_ns);
        path.tied_weight += i64::from(stack.weight);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, LockTotals, StackEvent, TaskRef};
    use crate::hist::WaitHistogram;
    use crate::ids::{CgroupId, CodeAddr, CpuId, MonotonicNs, Pid, Tgid};
    use crate::locks::path::Paths;
    use crate::window::WindowBuilder;

    const LOCK: LockAddr = LockAddr(0x10);

    fn id(number: u32) -> StackId {
        StackId {
            cpu: CpuId(0),
            number,
        }
    }

    fn stack(number: u32, weight: u32, frame: u64) -> Event {
        Event::Stack(StackEvent {
            id: id(number),
            weight,
            taken: MonotonicNs(0),
            lock: LOCK,
            kind: LockKind::Spinlock,
            task: TaskRef {
                pid: Pid(1),
                tgid: Tgid(1),
                comm: None,
            },
            cgroup: CgroupId(1),
            place: None,
            frames: vec![CodeAddr(frame)],
            user_frames: Vec::new(),
        })
    }

    fn wait(begin_ns: u64, end_ns: u64, stack: Option<StackId>) -> Event {
        Event::Wait(WaitEvent {
            lock: LOCK,
            kind: LockKind::Spinlock,
            begin: MonotonicNs(begin_ns),
            end: MonotonicNs(end_ns),
            spin_ns: end_ns - begin_ns,
            pid: Pid(1),
            tgid: Tgid(1),
            cpu: CpuId(0),
            stack,
            acquired: true,
        })
    }

    fn open(begin_ns: u64, stack: Option<StackId>) -> Event {
        Event::InFlight(InFlightWait {
            lock: LOCK,
            kind: LockKind::Spinlock,
            begin: MonotonicNs(begin_ns),
            spin_ns: 0,
            unbooked_spin_ns: 0,
            spinning: true,
            cpu: CpuId(1),
            pid: Pid(2),
            tgid: Tgid(2),
            stack,
        })
    }

    fn totals(nr_waits: u64) -> Event {
        Event::LockTotals(LockTotals {
            cpu: CpuId(0),
            lock: Some(LOCK),
            kind: LockKind::Spinlock,
            nr_begun: nr_waits,
            nr_waits,
            wait_ns: 0,
            spin_ns: 0,
            max_ns: 0,
            nr_failed: 0,
            hist: WaitHistogram::default(),
        })
    }

    /// One window of 1000 ns for each group of events.
    fn digests(groups: Vec<Vec<Event>>) -> LocksTally {
        let mut builder = WindowBuilder::new(2);
        let mut recent = RecentStacks::default();
        let mut sum = LocksTally::default();
        for (i, events) in (0u64..).zip(groups) {
            events.into_iter().for_each(|event| builder.fold(event));
            let window = builder.close(MonotonicNs(i * 1000), MonotonicNs((i + 1) * 1000));
            sum.merge(&digest(&window, &mut recent, None));
        }
        sum
    }

    fn scores(paths: &Paths) -> Vec<(u64, f64)> {
        paths
            .scores()
            .map(|(frames, _, score)| (frames[0].0, score))
            .collect()
    }

    #[test]
    fn who_acquired_last_holds_what_is_never_handed_on() {
        let held = digests(vec![
            vec![
                stack(1, 1, 0xa),
                totals(1),
                wait(0, 400, Some(id(1))),
                open(300, None),
            ],
            vec![open(300, None)],
        ]);
        assert_eq!(
            scores(&held.by_lock[&Some(LOCK)].holders),
            [(0xa, 600.0 + 1000.0)]
        );
        let free_meanwhile = digests(vec![vec![
            stack(1, 1, 0xa),
            totals(1),
            wait(0, 400, Some(id(1))),
            open(500, None),
        ]]);
        assert_eq!(scores(&free_meanwhile.by_lock[&Some(LOCK)].holders), []);
        let unstreamed = digests(vec![
            vec![
                stack(1, 1, 0xa),
                totals(1),
                wait(0, 400, Some(id(1))),
                open(300, None),
            ],
            vec![totals(1), open(300, None)],
        ]);
        assert_eq!(
            scores(&unstreamed.by_lock[&Some(LOCK)].holders),
            [(0xa, 600.0)]
        );
    }

    #[test]
    fn a_wait_that_ends_later_is_tied_to_its_stack_window_by_window() {
        let tied = digests(vec![
            vec![stack(1, 10, 0xa), open(200, Some(id(1)))],
            vec![totals(1), wait(200, 1300, Some(id(1)))],
        ]);
        assert_eq!(
            scores(&tied.by_lock[&Some(LOCK)].waiters),
            [(0xa, 10.0 * 1100.0)]
        );
    }

    #[test]
    fn a_stack_without_a_wait_stands_for_the_mean_wait() {
        let mixed = digests(vec![vec![
            stack(1, 1, 0xa),
            stack(2, 3, 0xb),
            totals(2),
            wait(0, 100, Some(id(1))),
        ]]);
        let waiters = &mixed.by_lock[&Some(LOCK)].waiters;
        assert_eq!(scores(waiters), [(0xa, 100.0), (0xb, 300.0)]);
        // Tied in a later window, it does not stand for itself twice.
        let tied = digests(vec![
            vec![stack(1, 2, 0xa)],
            vec![totals(1), wait(900, 1100, Some(id(1)))],
        ]);
        assert_eq!(scores(&tied.by_lock[&Some(LOCK)].waiters), [(0xa, 200.0)]);
    }
}
