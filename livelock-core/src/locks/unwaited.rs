//! Holders who never waited for the lock that others wait for.
//!
//! In: holds that were traced from end to end, with the code that took the lock (kernels with lockdep), and when others waited. Out:
//! those times, charged to that code. Refuses: holds that followed a wait, which the chain of acquisitions has.

use std::collections::BTreeSet;

use super::cover::Cover;
use super::path::Task;
use super::tally::LockTally;
use crate::event::{ReleaseEvent, TaskRef, WaitEvent};
use crate::ids::{LockAddr, MonotonicNs, Pid};
use crate::window::Window;

/// Charges them for the part of `unseen` in which they had `lock`, and gives that part.
pub(super) fn charge(
    mine: &mut LockTally,
    lock: LockAddr,
    releases: &[ReleaseEvent],
    waits: &[&WaitEvent],
    unseen: &Cover,
) -> Cover {
    let waited: BTreeSet<(Pid, MonotonicNs)> = waits.iter().map(|w| (w.pid, w.end)).collect();
    let of_lock = releases.iter().filter(|release| release.lock == lock);
    let unwaited = of_lock.filter(|r| !waited.contains(&(r.pid, r.acquired)));
    let mut charged = Vec::new();
    for (release, taken_at) in unwaited.filter_map(|r| Some((r, r.taken_at?))) {
        let held = unseen.within(release.acquired, release.released);
        let held_ns = held.total_ns();
        if held_ns == 0 {
            continue;
        }
        let task = TaskRef {
            pid: release.pid,
            tgid: release.tgid,
            comm: None,
        };
        mine.gap_ns = mine.gap_ns.saturating_add(held_ns);
        mine.held_ns = mine.held_ns.saturating_add(held_ns);
        mine.holders.update(&vec![taken_at], |path| {
            path.count(Task::new(&task, None), 1);
            path.nr_released += 1;
            path.tied_ns = path.tied_ns.saturating_add(held_ns);
            path.tied_weight = path.tied_weight.saturating_add(1);
        });
        charged.extend(held.spans());
    }
    Cover::new(charged)
}

/// Until when everybody who had `lock` in `window` is known, so that the time in between, while others waited, was hand-over: who has
/// it after the last traced hold is not told before the release.
pub(super) fn told_until(lock: LockAddr, window: &Window) -> MonotonicNs {
    let of_lock = window.releases.iter().filter(|hold| hold.lock == lock);
    let last = of_lock.map(|hold| hold.released).max();
    let last = last.filter(|_| window.has_all_holds());
    last.map_or(window.begin, |at| at.clamp(window.begin, window.end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LockKind;
    use crate::ids::{CodeAddr, CpuId, Tgid};

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
    fn who_never_waited_is_charged_while_others_wait_and_nobody_else_is_known() {
        let waiter = WaitEvent {
            lock: LOCK,
            kind: LockKind::Mutex,
            begin: MonotonicNs(0),
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
            // Before anybody waited, of unknown code, of another lock, and after its own wait.
            hold(3, 0, 50, Some(0xb)),
            hold(4, 310, 320, None),
            ReleaseEvent {
                lock: LockAddr(0x20),
                ..hold(5, 330, 340, Some(0xc))
            },
            hold(2, 500, 600, Some(0xd)),
        ];
        let unseen = Cover::new(vec![(MonotonicNs(200), MonotonicNs(700))]);
        let mut mine = LockTally::empty(LockKind::Mutex);
        let charged = charge(&mut mine, LOCK, &releases, &[&waiter], &unseen);
        assert_eq!(
            charged,
            Cover::new(vec![(MonotonicNs(200), MonotonicNs(300))])
        );
        let held: Vec<_> = mine
            .holders
            .scores()
            .map(|(at, _, ns)| (at[0].0, ns))
            .collect();
        assert_eq!(held, [(0xa, 100.0)]);
        assert_eq!((mine.held_ns, mine.gap_ns), (100, 100));
    }
}
