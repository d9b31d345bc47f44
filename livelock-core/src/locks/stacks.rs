//! Stacks whose waits may still end.
//!
//! In: stack events. Out: the stack of a wait that ends in a later window. Refuses: more than
//! [`NR_STACKS_KEPT`]; the oldest go first, unless their wait is still open.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{InFlightWait, StackEvent, WaitEvent};
use crate::ids::{LockAddr, MonotonicNs, StackId};
use crate::thresholds::NR_STACKS_KEPT;

/// A stack and whether a wait was tied to it.
#[derive(Clone, Debug)]
pub(super) struct RecentStack {
    pub(super) stack: StackEvent,
    pub(super) tied: bool,
    /// Whether one as long as somebody asked for was.
    pub(super) long_tied: bool,
}

/// Who acquired a lock last.
#[derive(Clone, Debug)]
pub(super) struct LastAcquirer {
    /// The wait that ended with it.
    pub(super) wait: WaitEvent,
    /// When it was seen to have let go.
    pub(super) let_go: Option<MonotonicNs>,
}

/// The stacks of the recent windows.
#[derive(Clone, Debug, Default)]
pub struct RecentStacks {
    by_id: BTreeMap<StackId, RecentStack>,
    /// Who acquired last, of locks that are still waited for.
    pub(super) last_acquirers: BTreeMap<LockAddr, LastAcquirer>,
    /// Waits that ended after the window with which they were streamed.
    pub(super) early: Vec<WaitEvent>,
    /// Until when all waits were told; `None` if that is not known.
    pub(super) told_until: Option<MonotonicNs>,
}

impl RecentStacks {
    /// Keeps `stacks`.
    pub(super) fn keep(&mut self, stacks: &[StackEvent]) {
        for stack in stacks {
            let recent = RecentStack {
                stack: stack.clone(),
                tied: false,
                long_tied: false,
            };
            self.by_id.insert(stack.id, recent);
        }
    }

    /// The stack `id`.
    pub(super) fn get_mut(&mut self, id: StackId) -> Option<&mut RecentStack> {
        self.by_id.get_mut(&id)
    }

    /// Drops the oldest beyond the bound, but none that an open wait still points at.
    pub(super) fn shrink(&mut self, open: &[InFlightWait]) {
        let waited_for: BTreeSet<LockAddr> = open.iter().map(|wait| wait.lock).collect();
        self.last_acquirers
            .retain(|lock, _| waited_for.contains(lock));
        let nr_over = self.by_id.len().saturating_sub(NR_STACKS_KEPT);
        if nr_over == 0 {
            return;
        }
        let holding = self
            .last_acquirers
            .values()
            .filter_map(|last| last.wait.stack);
        let open: BTreeSet<StackId> = open
            .iter()
            .filter_map(|wait| wait.stack)
            .chain(holding)
            .collect();
        let mut oldest: Vec<_> = self
            .by_id
            .iter()
            .filter(|(id, _)| !open.contains(id))
            .map(|(id, recent)| (recent.stack.taken, *id))
            .collect();
        oldest.sort_unstable();
        for (_, id) in oldest.into_iter().take(nr_over) {
            self.by_id.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{LockKind, TaskRef};
    use crate::ids::{CgroupId, CpuId, Pid, Tgid};

    fn id(number: u32) -> StackId {
        StackId {
            cpu: CpuId(0),
            number,
        }
    }

    #[test]
    fn the_bound_holds_and_spares_open_waits() {
        let mut recent = RecentStacks::default();
        let nr = NR_STACKS_KEPT as u32 + 10;
        let stacks: Vec<_> = (0..nr)
            .map(|number| StackEvent {
                id: id(number),
                weight: 1,
                taken: MonotonicNs(u64::from(number)),
                lock: LockAddr(1),
                kind: LockKind::Spinlock,
                task: TaskRef {
                    pid: Pid(1),
                    tgid: Tgid(1),
                    comm: None,
                },
                cgroup: CgroupId(1),
                place: None,
                owner: None,
                frames: Vec::new(),
                user_frames: Vec::new(),
            })
            .collect();
        recent.keep(&stacks);
        let open = InFlightWait {
            lock: LockAddr(1),
            kind: LockKind::Spinlock,
            begin: MonotonicNs(0),
            in_line_after_ns: None,
            spin_ns: 0,
            unbooked_spin_ns: 0,
            spinning: true,
            cpu: CpuId(0),
            pid: Pid(1),
            tgid: Tgid(1),
            stack: Some(id(0)),
        };
        recent.shrink(&[open]);
        assert_eq!(recent.by_id.len(), NR_STACKS_KEPT);
        assert!(recent.get_mut(id(0)).is_some());
        assert!(recent.get_mut(id(1)).is_none());
    }
}
