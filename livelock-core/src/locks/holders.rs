//! The last-acquirer chain: who held a lock, and for how long at most.
//!
//! In: the acquisitions of one lock and the signs of release. Out: holds, each from its acquisition to the next one or to the
//! first sign that it was over. Refuses: to charge a holder where the lock may have been free or in other hands, and a bound
//! for a hold whose end may lie in moments in which waits were not streamed.
//!
//! The time from one acquisition to the next is hold plus hand-over, and on a host that is overcommitted the hand-over (the next
//! in line is not running) may be a hundred times the hold. So whoever comes back, wanting the same lock again or seen where
//! nobody goes with a lock held, is charged until then and no longer.

use std::collections::BTreeSet;

use super::signs::Signs;
use crate::event::{LockKind, WaitEvent};
use crate::ids::{CpuId, MonotonicNs};
use crate::thresholds::SLICE_SHIFT;

/// One acquisition and what followed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hold<'a> {
    /// Who acquired.
    pub(super) holder: &'a WaitEvent,
    /// When it was over at the latest.
    pub(super) until: MonotonicNs,
    /// CPU of the next acquisition.
    pub(super) to: CpuId,
    /// When that was.
    pub(super) next: MonotonicNs,
    /// When the next one began to wait.
    pub(super) next_began: MonotonicNs,
    /// Whether `until` is the traced release.
    pub(super) is_exact: bool,
}

impl Hold<'_> {
    /// Upper bound of the hold.
    pub(super) const fn held_ns(&self) -> u64 {
        self.until.since(self.holder.end)
    }

    /// Hold and hand-over.
    pub(super) const fn gap_ns(&self) -> u64 {
        self.next.since(self.holder.end)
    }

    /// Whether the next one waited from the acquisition on: the lock was never free. One that began to wait later may
    /// have found it taken by somebody who never waited, and so never was seen.
    pub(super) fn is_saturated(&self) -> bool {
        self.next_began <= self.holder.end
    }

    /// Whether somebody who was never seen to acquire had it before the next one.
    pub(super) fn has_unseen(&self) -> bool {
        self.until <= self.next_began && !self.is_saturated()
    }
}

/// Whether at most one task at a time has a lock of this kind.
pub(super) const fn is_exclusive(kind: LockKind) -> bool {
    matches!(
        kind,
        LockKind::Spinlock | LockKind::Mutex | LockKind::Rtmutex
    )
}

/// Which waits of a window were streamed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Streamed<'a> {
    /// All of this lock.
    All,
    /// Those that ended in these slices of time, and some more.
    Slices(&'a BTreeSet<u64>),
}

/// The slice of time that `at` lies in.
pub(super) const fn slice(at: MonotonicNs) -> u64 {
    at.0 >> SLICE_SHIFT
}

/// What the acquisitions of one lock tell.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Chain<'a> {
    /// Holds that somebody acquired after.
    pub(super) holds: Vec<Hold<'a>>,
    /// Other holds that were seen to be over, with the longest that they can have been.
    pub(super) ended_ns: Vec<u64>,
    /// Holds, at least, that may have been longer than anything that was seen.
    pub(super) nr_unbounded: u64,
}

/// The holds of one lock, with the last acquirer's left out if all waits are known: it may go on. `waits` by end.
pub(super) fn chain<'a>(
    waits: &[&'a WaitEvent],
    signs: &Signs,
    streamed: Streamed<'_>,
) -> Chain<'a> {
    let mut chain = Chain::default();
    let mut acquired = waits.iter().copied().filter(|w| w.acquired).peekable();
    while let Some(holder) = acquired.next() {
        let let_go = signs.let_go(holder);
        let next = acquired.peek().copied().filter(|next| match streamed {
            Streamed::All => true,
            Streamed::Slices(open) => {
                slice(holder.end) == slice(next.end) && open.contains(&slice(next.end))
            }
        });
        let Some(next) = next else {
            match (streamed, let_go) {
                (Streamed::All, _) => {}
                // Those with a stack are streamed at any time, and alone.
                (Streamed::Slices(open), _) if !open.contains(&slice(holder.end)) => {}
                (Streamed::Slices(_), Some(at)) => chain.ended_ns.push(at.since(holder.end)),
                (Streamed::Slices(_), None) => chain.nr_unbounded += 1,
            }
            continue;
        };
        let hold = Hold {
            holder,
            // Where several share a lock, the next acquisition says nothing of the one before.
            until: let_go.unwrap_or(next.end).min(next.end),
            to: next.cpu,
            next: next.end,
            next_began: next.begin,
            // Whoever acquired in between shows that the release is one of a later hold.
            is_exact: signs.released(holder).is_some_and(|at| at <= next.end),
        };
        if hold.has_unseen() {
            chain.nr_unbounded += 1;
        }
        chain.holds.push(hold);
    }
    chain
}

#[cfg(test)]
#[path = "holders_tests.rs"]
mod tests;
