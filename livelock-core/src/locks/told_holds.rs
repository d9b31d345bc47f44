//! Holds that a kernel with lockdep told, where the chain of acquisitions knows nobody.
//!
//! In: holds that were traced from end to end, with the code that took the lock, and when others waited and nobody was known to have
//! it: holders who never waited, and those after whom nobody stood in line. Out: those times, charged to them. Refuses: locks that
//! several may have at once, holds of streamed moments alone, and to say that the lock was free where no hold is told; not every hold
//! is (those of before the first wait that was seen, of tasks outside the scope).

use super::charge::passed_on_at;
use super::cover::Cover;
use super::holders::is_exclusive;
use super::path::Task;
use super::stacks::RecentStacks;
use super::tally::LockTally;
use crate::event::{ReleaseEvent, TaskRef, WaitEvent};
use crate::ids::LockAddr;

/// Charges them for the part of `unseen` in which they had `lock`, and gives that part. `waits` by end.
pub(super) fn charge(
    mine: &mut LockTally,
    lock: LockAddr,
    releases: &[ReleaseEvent],
    waits: &[&WaitEvent],
    recent: &mut RecentStacks,
    unseen: &Cover,
) -> Cover {
    let mut charged = Vec::new();
    if !is_exclusive(mine.kind) {
        return Cover::default();
    }
    let of_lock = releases.iter().filter(|release| release.lock == lock);
    let told = of_lock.filter_map(|release| Some((release, release.taken_at?)));
    for (release, taken_at) in told.filter(|(release, _)| passed_on_at(release, waits).is_none()) {
        let held = unseen.within(release.acquired, release.released);
        let held_ns = held.total_ns();
        if held_ns == 0 {
            continue;
        }
        mine.gap_ns = mine.gap_ns.saturating_add(held_ns);
        mine.held_ns = mine.held_ns.saturating_add(held_ns);
        charged.extend(held.spans());
        let stack = release.stack.and_then(|id| recent.get_mut(id));
        let stack = stack
            .map(|kept| &kept.stack)
            .filter(|stack| stack.lock == lock);
        let (frames, task, cgroup) = match stack {
            Some(stack) => (stack.frames.clone(), stack.task.clone(), Some(stack.cgroup)),
            None => {
                let task = TaskRef {
                    pid: release.pid,
                    tgid: release.tgid,
                    comm: None,
                };
                (vec![taken_at], task, None)
            }
        };
        mine.holders.update(&frames, |path| {
            path.count(Task::new(&task, cgroup), 1);
            path.nr_released += 1;
            path.tied_ns = path.tied_ns.saturating_add(held_ns);
            path.tied_weight = path.tied_weight.saturating_add(1);
        });
    }
    Cover::new(charged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LockKind;
    use crate::ids::{CodeAddr, CpuId, MonotonicNs, Pid, Tgid};

    const LOCK: LockAddr = LockAddr(0x10);

    fn hold(pid: u32, acquired: u64, released: u64, taken_at: Option<u64>) -> ReleaseEvent {
        ReleaseEvent {
            lock: LOCK,
            acquired: MonotonicNs(acquired),
            released: MonotonicNs(released),
            pid: Pid(pid),
            tgid: Tgid(pid),
            cpu: CpuId(0),
            stack: None,
            taken_at: taken_at.map(CodeAddr),
        }
    }

    #[test]
    fn whose_hold_is_told_is_charged_while_others_wait_and_nobody_else_is_known() {
        let waiter = WaitEvent {
            lock: LOCK,
            kind: LockKind::Mutex,
            begin: MonotonicNs(0),
            in_line_after_ns: None,
            end: MonotonicNs(500),
            spin_ns: 0,
            pid: Pid(2),
            tgid: Tgid(2),
            cpu: CpuId(1),
            stack: None,
            acquired: true,
        };
        let releases = [
            hold(1, 100, 300, Some(0xa)),
            // Before anybody is missed, of unknown code, of another lock, and one in which somebody else got it.
            hold(3, 0, 50, Some(0xb)),
            hold(4, 310, 320, None),
            hold(6, 450, 650, Some(0xe)),
            ReleaseEvent {
                lock: LockAddr(0x20),
                ..hold(5, 330, 340, Some(0xc))
            },
            hold(2, 500, 600, Some(0xd)),
        ];
        let unseen = Cover::new(vec![(MonotonicNs(200), MonotonicNs(700))]);
        let mut mine = LockTally::empty(LockKind::Mutex);
        let mut recent = RecentStacks::default();
        let waits = [&waiter];
        let charged = charge(&mut mine, LOCK, &releases, &waits, &mut recent, &unseen);
        let span = |begin, end| (MonotonicNs(begin), MonotonicNs(end));
        assert_eq!(charged, Cover::new(vec![span(200, 300), span(500, 600)]));
        let held: Vec<_> = mine
            .holders
            .scores()
            .map(|(at, _, ns)| (at[0].0, ns))
            .collect();
        assert_eq!(held, [(0xa, 100.0), (0xd, 100.0)]);
        assert_eq!((mine.held_ns, mine.gap_ns), (200, 200));
        let mut shared = LockTally::empty(LockKind::Rwsem);
        let charged = charge(&mut shared, LOCK, &releases, &waits, &mut recent, &unseen);
        assert_eq!((charged, shared.held_ns), (Cover::default(), 0));
    }
}
