//! Holds on a time line.
//!
//! In: a window. Out: for each lock that was handed on, who had it from when to when. Refuses: holds in which the lock
//! may have been free.

use std::collections::BTreeMap;

use super::holders::gaps;
use crate::event::WaitEvent;
use crate::ids::{LockAddr, MonotonicNs};
use crate::window::Window;

/// One hold; its end is that of the next acquisition, so that it includes the hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldSpan<'a> {
    /// The wait that ended with the acquisition.
    pub holder: &'a WaitEvent,
    /// When the next in line acquired it.
    pub until: MonotonicNs,
}

/// The holds of a window by lock, each in the order of time. They do not overlap.
#[must_use]
pub fn hold_spans(window: &Window) -> BTreeMap<LockAddr, Vec<HoldSpan<'_>>> {
    let mut by_lock: BTreeMap<LockAddr, Vec<&WaitEvent>> = BTreeMap::new();
    for wait in &window.waits {
        by_lock.entry(wait.lock).or_default().push(wait);
    }
    let nr_waits: BTreeMap<LockAddr, u64> = window
        .locks
        .iter()
        .filter_map(|lock| Some((lock.lock?, lock.nr_waits)))
        .collect();
    by_lock
        .into_iter()
        .map(|(lock, waits)| {
            let is_complete = nr_waits.get(&lock) == Some(&(waits.len() as u64));
            let spans = gaps(&waits, is_complete).into_iter().map(|gap| HoldSpan {
                holder: gap.holder,
                until: MonotonicNs(gap.holder.end.0 + gap.gap_ns),
            });
            (lock, spans.collect())
        })
        .collect()
}
