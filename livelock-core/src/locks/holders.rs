//! The last-acquirer chain: who held a saturated lock.
//!
//! In: the streamed waits of one lock. Out: gaps between acquisitions, each charged to the one who
//! acquired last. Refuses: gaps in which the lock may have been free, or that span moments in which
//! waits were not streamed.

use crate::event::WaitEvent;
use crate::ids::CpuId;
use crate::thresholds::SLICE_SHIFT;

/// Time from one acquisition to the next while somebody waited: hold plus hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap<'a> {
    /// Who acquired at its start.
    pub(super) holder: &'a WaitEvent,
    /// CPU of the acquisition at its end.
    pub(super) to: CpuId,
    /// Length.
    pub(super) gap_ns: u64,
}

/// The gaps of one lock. `waits` by end; `complete`: all of the lock's waits are among them.
pub(super) fn gaps<'a>(waits: &[&'a WaitEvent], complete: bool) -> Vec<Gap<'a>> {
    let acquired: Vec<&'a WaitEvent> = waits.iter().copied().filter(|w| w.acquired).collect();
    acquired
        .windows(2)
        .filter_map(|pair| {
            let &[holder, next] = pair else { return None };
            let same_slice = holder.end.0 >> SLICE_SHIFT == next.end.0 >> SLICE_SHIFT;
            // A next one that began to wait later may have found the lock taken by somebody who never
            // waited, and so never was seen.
            let saturated = next.begin <= holder.end;
            (saturated && (complete || same_slice)).then(|| Gap {
                holder,
                to: next.cpu,
                gap_ns: next.end.since(holder.end),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LockKind;
    use crate::ids::{LockAddr, MonotonicNs, Pid, Tgid};

    fn wait(begin_ns: u64, end_ns: u64) -> WaitEvent {
        WaitEvent {
            lock: LockAddr(1),
            kind: LockKind::Spinlock,
            begin: MonotonicNs(begin_ns),
            end: MonotonicNs(end_ns),
            spin_ns: end_ns - begin_ns,
            pid: Pid(end_ns as u32),
            tgid: Tgid(1),
            cpu: CpuId(0),
            stack: None,
            acquired: true,
        }
    }

    fn lengths(waits: &[WaitEvent], complete: bool) -> Vec<u64> {
        let waits: Vec<_> = waits.iter().collect();
        gaps(&waits, complete)
            .iter()
            .map(|gap| gap.gap_ns)
            .collect()
    }

    #[test]
    fn gaps_span_slices_only_if_complete() {
        let waits = [wait(0, 100), wait(50, 300), wait(60, 5 << SLICE_SHIFT)];
        assert_eq!(lengths(&waits, false), [200]);
        assert_eq!(lengths(&waits, true), [200, (5 << SLICE_SHIFT) - 300]);
    }

    #[test]
    fn a_lock_that_was_free_has_no_holder() {
        assert_eq!(
            lengths(&[wait(0, 100), wait(200, 300)], true),
            Vec::<u64>::new()
        );
    }

    #[test]
    fn who_gave_up_held_nothing() {
        let gave_up = WaitEvent {
            acquired: false,
            ..wait(0, 150)
        };
        assert_eq!(
            lengths(&[wait(0, 100), gave_up, wait(50, 300)], true),
            [200]
        );
    }
}
