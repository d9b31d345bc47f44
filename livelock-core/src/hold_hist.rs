//! Histogram of hold times with thirty-two buckets an octave.
//!
//! In: hold times, or upper bounds of them. Out: percentiles, never below what was booked. Refuses: more error than
//! a bucket is wide (3.2 %); the two buckets an octave of the wire would be off by half.

use std::collections::BTreeMap;

/// log2 of the buckets in an octave.
const OCTAVE_SHIFT: u32 = 5;
const OCTAVE: u64 = 1 << OCTAVE_SHIFT;

/// Counts of hold times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HoldHistogram {
    counts: BTreeMap<u16, u64>,
    max_ns: u64,
}

/// Durations below two octaves have a bucket each.
fn bucket_of(ns: u64) -> u16 {
    let octave = (OCTAVE | ns).ilog2() - OCTAVE_SHIFT;
    (u64::from(octave) * OCTAVE + (ns >> octave)) as u16
}

/// The longest duration of a bucket.
fn bucket_top_ns(bucket: u16) -> u64 {
    let bucket = u64::from(bucket);
    if bucket < 2 * OCTAVE {
        return bucket;
    }
    let octave = bucket / OCTAVE - 1;
    let floor = u128::from(bucket - octave * OCTAVE) << octave;
    let top = floor + (1 << octave) - 1;
    u64::try_from(top).unwrap_or(u64::MAX)
}

impl HoldHistogram {
    /// Books one hold.
    pub(crate) fn record(&mut self, ns: u64) {
        self.record_many(ns, 1);
    }

    /// Books `nr` holds of the same length.
    pub(crate) fn record_many(&mut self, ns: u64, nr: u64) {
        *self.counts.entry(bucket_of(ns)).or_default() += nr;
        self.max_ns = self.max_ns.max(ns);
    }

    /// The sum of what of each lies beyond `least_ns` and below `most_ns`, and the sum of all as they are.
    #[must_use]
    pub(crate) fn sums_ns(&self, least_ns: u64, most_ns: u64) -> (f64, f64) {
        let mut sums = (0.0, 0.0);
        for (&bucket, &nr) in &self.counts {
            let ns = bucket_top_ns(bucket).min(self.max_ns);
            sums.0 += ns.min(most_ns).saturating_sub(least_ns) as f64 * nr as f64;
            sums.1 += ns as f64 * nr as f64;
        }
        sums
    }

    /// Adds the counts of `other`.
    pub(crate) fn merge(&mut self, other: &Self) {
        for (bucket, nr) in &other.counts {
            *self.counts.entry(*bucket).or_default() += nr;
        }
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// Holds booked.
    #[must_use]
    pub(crate) fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// The longest.
    #[must_use]
    pub(crate) const fn max_ns(&self) -> u64 {
        self.max_ns
    }

    /// The duration that `percent` of these holds and of `nr_longer` others, of which nobody knows how long they were, do
    /// not exceed: the top of its bucket. `None` without holds, or if it may be one of the others'.
    #[must_use]
    pub(crate) fn percentile_with_ns(&self, percent: f64, nr_longer: u64) -> Option<u64> {
        let total = self.count() + nr_longer;
        let rank = (percent / 100.0 * total as f64).ceil().max(1.0);
        let mut seen = 0;
        for (&bucket, &nr) in &self.counts {
            seen += nr;
            if seen as f64 >= rank {
                return Some(bucket_top_ns(bucket).min(self.max_ns));
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_bucket_holds_its_durations_and_is_narrow(ns: u64) {
            let bucket = bucket_of(ns);
            let top = bucket_top_ns(bucket);
            prop_assert!(top >= ns);
            prop_assert!(top - ns <= ns / OCTAVE);
            if bucket > 0 {
                prop_assert!(bucket_top_ns(bucket - 1) < ns);
            }
        }

        #[test]
        fn percentiles_are_never_below_the_truth(mut holds in prop::collection::vec(0..10_000_000_u64, 1..200)) {
            let mut hist = HoldHistogram::default();
            holds.iter().for_each(|&ns| hist.record(ns));
            holds.sort_unstable();
            for percent in [1.0, 50.0, 99.0, 100.0] {
                let rank = (percent / 100.0 * holds.len() as f64).ceil().max(1.0) as usize;
                let truth = holds[rank - 1];
                let told = hist.percentile_with_ns(percent, 0).unwrap();
                prop_assert!(told >= truth && told - truth <= truth / OCTAVE);
            }
        }
    }

    #[test]
    fn without_holds_there_is_no_percentile() {
        assert_eq!(HoldHistogram::default().percentile_with_ns(50.0, 0), None);
    }

    #[test]
    fn holds_without_a_bound_are_the_longest() {
        let mut hist = HoldHistogram::default();
        (1..=98).for_each(|ns| hist.record(ns));
        assert_eq!(hist.percentile_with_ns(50.0, 2), Some(50));
        assert_eq!(hist.percentile_with_ns(99.0, 2), None);
    }
}
