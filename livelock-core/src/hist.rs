//! Histogram of durations with two buckets an octave.
//!
//! In: bucket counts as the kernel side books them. Out: percentiles. Refuses: exactness; a percentile
//! is right within its bucket (a factor of 1.5 at most).

use livelock_common::{bucket_floor_ns, bucket_of};
use serde::{Deserialize, Serialize};

/// Buckets; those of the wire.
pub const NR_BUCKETS: usize = livelock_common::HIST_BUCKETS;

/// Counts of durations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<u64>", into = "Vec<u64>")]
pub struct WaitHistogram {
    buckets: Vec<u64>,
}

impl Default for WaitHistogram {
    fn default() -> Self {
        Self {
            buckets: vec![0; NR_BUCKETS],
        }
    }
}

impl From<Vec<u64>> for WaitHistogram {
    fn from(counts: Vec<u64>) -> Self {
        Self::from_counts(counts)
    }
}

impl From<WaitHistogram> for Vec<u64> {
    fn from(hist: WaitHistogram) -> Self {
        hist.buckets
    }
}

impl WaitHistogram {
    /// From the wire's counts; counts beyond [`NR_BUCKETS`] go to the last bucket.
    pub fn from_counts(counts: impl IntoIterator<Item = u64>) -> Self {
        let mut hist = Self::default();
        for (bucket, count) in counts.into_iter().enumerate() {
            if let Some(mine) = hist.buckets.get_mut(bucket.min(NR_BUCKETS - 1)) {
                *mine = mine.saturating_add(count);
            }
        }
        hist
    }

    /// Books one duration.
    pub fn record(&mut self, ns: u64) {
        if let Some(mine) = self.buckets.get_mut(bucket_of(ns)) {
            *mine += 1;
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.buckets.iter_mut().zip(&other.buckets) {
            *mine += theirs;
        }
    }

    /// Durations booked.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Counts by bucket.
    #[must_use]
    pub fn buckets(&self) -> &[u64] {
        &self.buckets
    }

    /// The duration in nanoseconds that `percent` of all durations do not exceed, interpolated inside
    /// its bucket; `None` of an empty histogram.
    #[must_use]
    pub fn percentile_ns(&self, percent: f64) -> Option<u64> {
        let total = self.count();
        if total == 0 {
            return None;
        }
        let rank = (percent / 100.0 * total as f64).clamp(0.0, total as f64);
        let mut below = 0.0;
        for (bucket, &count) in self.buckets.iter().enumerate() {
            let count = count as f64;
            if count > 0.0 && below + count >= rank {
                let floor = bucket_floor_ns(bucket) as f64;
                let next = bucket_floor_ns((bucket + 1).min(NR_BUCKETS - 1)) as f64;
                let inside = ((rank - below) / count).clamp(0.0, 1.0);
                return Some((floor + (next - floor).max(0.0) * inside) as u64);
            }
            below += count;
        }
        None
    }
}
