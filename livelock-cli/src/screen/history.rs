//! What was shown before, within bounds.
//!
//! In: snapshots in the order of time. Out: the last of them, and a slim point for each of many more. Refuses: to
//! grow; a screen may stay open for weeks.

use std::collections::VecDeque;
use std::sync::Arc;

use livelock_core::verdict::Status;

use super::snapshot::Snapshot;

/// Memory for whole snapshots: some minutes of 256 busy CPUs, an hour and more of a small host.
const MAX_BYTES: usize = 32 << 20;
/// Whole snapshots at most: stepping through more by key is nothing anybody does.
const NR_SNAPSHOTS: usize = 3600;
/// Points of the time line: more columns than any terminal has, at several windows a column.
const NR_POINTS: usize = 1 << 14;

/// A snapshot with what the ones before say of it.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) snapshot: Arc<Snapshot>,
    /// Close of the first window in a row with this status.
    pub(super) since_unix_ms: u64,
    size_bytes: usize,
}

impl Entry {
    pub(super) fn number(&self) -> u64 {
        self.snapshot.summary.number
    }
}

/// A window of the time line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Point {
    pub(super) number: u64,
    pub(super) status: Status,
    pub(super) busy_pct: Option<f64>,
    pub(super) burn_pct: Option<f64>,
    pub(super) tokens_per_busy_sec: Option<f64>,
}

/// The past.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    entries: VecDeque<Entry>,
    points: VecDeque<Point>,
    nr_bytes: usize,
}

impl History {
    pub(super) fn push(&mut self, snapshot: Snapshot) {
        let ended_unix_ms = snapshot.summary.ended_unix_ms;
        let status = snapshot.verdict.status;
        let before = self.entries.back();
        let since_unix_ms = before
            .filter(|before| before.snapshot.verdict.status == status)
            .map_or(ended_unix_ms, |before| before.since_unix_ms);
        self.points.push_back(Point {
            number: snapshot.summary.number,
            status,
            busy_pct: snapshot.summary.busy_pct,
            burn_pct: snapshot.summary.burn_pct,
            tokens_per_busy_sec: snapshot.tokens_per_busy_sec,
        });
        if self.points.len() > NR_POINTS {
            self.points.pop_front();
        }
        let size_bytes = snapshot.size_bytes();
        self.nr_bytes += size_bytes;
        self.entries.push_back(Entry {
            snapshot: Arc::new(snapshot),
            since_unix_ms,
            size_bytes,
        });
        while self.entries.len() > 1
            && (self.nr_bytes > MAX_BYTES || self.entries.len() > NR_SNAPSHOTS)
        {
            if let Some(oldest) = self.entries.pop_front() {
                self.nr_bytes -= oldest.size_bytes;
            }
        }
    }

    pub(super) fn newest(&self) -> Option<&Entry> {
        self.entries.back()
    }

    /// The one after window `number`, or before it; the end of the history if it is there.
    pub(super) fn beside(&self, number: u64, is_later: bool) -> Option<&Entry> {
        if is_later {
            self.entries.iter().find(|entry| entry.number() > number)
        } else {
            let mut earlier = self.entries.iter().rev();
            earlier.find(|entry| entry.number() < number)
        }
    }

    /// Points up to window `number`, newest last.
    pub(super) fn points_until(&self, number: u64) -> impl DoubleEndedIterator<Item = &Point> {
        let nr = self.points.partition_point(|point| point.number <= number);
        self.points.iter().take(nr)
    }

    /// Snapshots up to window `number`, newest first.
    pub(super) fn back_from(&self, number: u64) -> impl Iterator<Item = &Arc<Snapshot>> {
        let newest_first = self.entries.iter().rev();
        newest_first
            .skip_while(move |entry| entry.number() > number)
            .map(|entry| &entry.snapshot)
    }

    /// Windows seen after `number`.
    pub(super) fn nr_after(&self, number: u64) -> u64 {
        let newest = self.newest().map_or(0, Entry::number);
        newest.saturating_sub(number)
    }

    pub(super) fn nr_entries(&self) -> usize {
        self.entries.len()
    }

    /// Memory that the snapshots take, roughly.
    pub(super) const fn nr_bytes(&self) -> usize {
        self.nr_bytes
    }
}
