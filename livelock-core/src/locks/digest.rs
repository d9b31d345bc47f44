//! From a window to what is kept of its locks.
//!
//! In: a window, and the stacks of the windows before. Out: [`LocksTally`]. Refuses: to tie a stack to a wait for
//! another lock.

use super::charge::charge_holders;
use super::instance;
use super::owners;
use super::stacks::RecentStacks;
use super::tally::{LockTally, LocksTally};
use crate::event::LockKind;
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
        ..LocksTally::default()
    };
    recent.keep(&window.stacks);
    let ran = owners::ran(&window.samples);
    for stack in &window.stacks {
        let lock = entry(&mut tally, stack.lock, stack.kind);
        lock.waiters.update(&stack.frames, |path| {
            path.sample(stack);
            path.untied_weight += i64::from(stack.weight);
        });
        lock.word_owners.see(stack, &ran);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{
        Event, InFlightWait, LockTotals, SampleEvent, SampleMode, StackEvent, TaskRef, WaitEvent,
    };
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
            owner: None,
            frames: vec![CodeAddr(frame)],
            user_frames: Vec::new(),
        })
    }

    fn wait(begin_ns: u64, end_ns: u64, stack: Option<StackId>) -> Event {
        Event::Wait(WaitEvent {
            lock: LOCK,
            kind: LockKind::Spinlock,
            begin: MonotonicNs(begin_ns),
            in_line_after_ns: None,
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
            in_line_after_ns: None,
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
        totals_of(LOCK, nr_waits)
    }

    fn totals_of(lock: LockAddr, nr_waits: u64) -> Event {
        Event::LockTotals(LockTotals {
            cpu: CpuId(0),
            lock: Some(lock),
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

    /// Waits of thread `pid` on its own CPU.
    fn wait_of(pid: u32, lock: LockAddr, begin_ns: u64, end_ns: u64) -> WaitEvent {
        WaitEvent {
            lock,
            kind: LockKind::Spinlock,
            begin: MonotonicNs(begin_ns),
            in_line_after_ns: None,
            end: MonotonicNs(end_ns),
            spin_ns: end_ns - begin_ns,
            pid: Pid(pid),
            tgid: Tgid(pid),
            cpu: CpuId(pid),
            stack: None,
            acquired: true,
        }
    }

    #[test]
    fn who_waits_with_a_lock_held_is_a_link() {
        let other = LockAddr(0x20);
        // 1 has LOCK from 10 to 80 us at most, while 2 waits for it, and wants the other one from 20 to 30 us, just before the
        // lock passes on, and afterwards.
        let held = digests(vec![vec![
            totals(2),
            totals_of(other, 3),
            Event::Wait(wait_of(1, LOCK, 0, 10_000)),
            Event::Wait(wait_of(2, LOCK, 5_000, 80_000)),
            Event::Wait(wait_of(1, other, 20_000, 30_000)),
            Event::Wait(wait_of(1, other, 79_000, 81_000)),
            Event::Wait(wait_of(1, other, 85_000, 90_000)),
        ]]);
        let links: Vec<_> = held.links.iter().collect();
        assert_eq!(links.len(), 1);
        let (pair, link) = links[0];
        assert_eq!(*pair, (LOCK, other));
        assert_eq!((link.nr_waits, link.wait_ns), (1, 10_000));
    }

    #[test]
    fn a_sample_inside_a_hold_is_the_holders() {
        let sample = |at_ns: u64, pid: u32, first_arg| {
            Event::Sample(SampleEvent {
                cpu: CpuId(1),
                taken: MonotonicNs(at_ns),
                task: TaskRef {
                    pid: Pid(pid),
                    tgid: Tgid(pid),
                    comm: None,
                },
                mode: SampleMode::Kernel,
                in_traced_spin: false,
                in_self: false,
                prio: None,
                user_ip: None,
                first_arg,
                frames: vec![CodeAddr(0x99)],
            })
        };
        let other = LockAddr(0x20);
        let held = digests(vec![vec![
            totals(2),
            totals_of(other, 1),
            Event::Wait(wait_of(1, LOCK, 0, 10_000)),
            Event::Wait(wait_of(2, LOCK, 5_000, 80_000)),
            Event::Wait(wait_of(3, other, 0, 90_000)),
            // Before, inside, inside with another known lock for an argument, and of another task, who shows that it is over.
            sample(9_000, 1, None),
            sample(20_000, 1, None),
            sample(30_000, 1, Some(other.0)),
            sample(50_000, 7, None),
            sample(60_000, 1, None),
        ]]);
        let inside = &held.by_lock[&Some(LOCK)].inside;
        let nr: Vec<_> = inside
            .scores()
            .map(|(_, path, _)| path.nr_samples)
            .collect();
        assert_eq!(nr, [2]);
        let links: Vec<_> = held.links.iter().collect();
        assert_eq!(links.len(), 1);
        assert_eq!(*links[0].0, (LOCK, other));
        assert_eq!(links[0].1.sampled_at[&CodeAddr(0x99)], 1);
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
