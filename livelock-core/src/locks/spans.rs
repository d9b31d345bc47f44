//! Holds on a time line.
//!
//! In: a window. Out: for each lock that was handed on, who had it from when to when. Refuses: holds in which the lock
//! may have been free.

use std::collections::{BTreeMap, BTreeSet};

use super::charge::open_slices;
use super::holders::{Streamed, chain};
use super::releases::no_later_than_known;
use super::signs::Signs;
use crate::event::WaitEvent;
use crate::ids::{LockAddr, MonotonicNs};
use crate::window::Window;

/// One hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HoldSpan<'a> {
    /// The wait that ended with the acquisition.
    pub holder: &'a WaitEvent,
    /// When it was let go, as far as that was traced or seen; else when the next in line acquired it.
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
    let locks: BTreeSet<LockAddr> = by_lock.keys().copied().collect();
    let signs = Signs::new(
        window.waits.iter(),
        &window.in_flight,
        &window.samples,
        &locks,
    )
    .with_releases(&no_later_than_known(
        &window.releases,
        window.waits.iter().chain(&window.ended),
    ));
    let open_slices = open_slices(window.waits.iter(), window);
    let has_all = window.has_all_waits();
    by_lock
        .into_iter()
        .map(|(lock, waits)| {
            let is_counted = || nr_waits.get(&lock) == Some(&(waits.len() as u64));
            let streamed = match has_all.unwrap_or_else(is_counted) {
                true => Streamed::All,
                false => Streamed::Slices(&open_slices),
            };
            let spans = chain(&waits, &signs, streamed)
                .holds
                .into_iter()
                .filter(|hold| hold.is_saturated())
                .map(|hold| HoldSpan {
                    holder: hold.holder,
                    until: hold.until,
                });
            (lock, spans.collect())
        })
        .collect()
}
