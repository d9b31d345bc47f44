//! Histogram of hold times with thirty-two buckets an octave.
//!
//! In: hold times, or upper bounds of them. Out: percentiles, never below what was booked. Refuses: more error than
//! a bucket is wide (3.2 %); the two buckets an octave of the wire would be off by half.

use std::collections::BTreeMap;

/// log2 of the buckets in an octave.
const OCTAVE_SHIFT: u32 = 5;
const OCTAVE: u64 = 1 << OCTAVE_SHIFT;

/// Standard deviations on both sides that hold 95 % of a normal distribution.
const TWO_SIDED_95: f64 = 1.96;

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

/// The shortest.
fn bucket_bottom_ns(bucket: u16) -> u64 {
    bucket
        .checked_sub(1)
        .map_or(0, |before| bucket_top_ns(before).saturating_add(1))
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
        self.at_rank((percent / 100.0 * total as f64).ceil())
    }

    /// Between which durations `percent` of all holds lies, at 95 % confidence, if these are a fair sample: how many of a sample lie
    /// below a quantile is binomial, whatever the distribution (David & Nagaraja, *Order Statistics*, 7.1; normal approximation).
    /// The first is the bottom of a bucket, the second a top, and `None` if not even the longest is surely beyond it.
    #[must_use]
    pub(crate) fn percentile_range_ns(&self, percent: f64) -> (Option<u64>, Option<u64>) {
        let (total, share) = (self.count() as f64, percent / 100.0);
        let spread = TWO_SIDED_95 * (total * share * (1.0 - share)).sqrt();
        let lowest = (total * share - spread).floor();
        let highest = (total * share + spread).ceil() + 1.0;
        let lowest = self.bucket_at(lowest).map(bucket_bottom_ns);
        (lowest, self.at_rank(highest))
    }

    /// The duration of the hold of this rank, the shortest being 1: the top of its bucket.
    fn at_rank(&self, rank: f64) -> Option<u64> {
        let bucket = self.bucket_at(rank)?;
        Some(bucket_top_ns(bucket).min(self.max_ns))
    }

    fn bucket_at(&self, rank: f64) -> Option<u16> {
        let rank = rank.max(1.0);
        let mut seen = 0;
        for (&bucket, &nr) in &self.counts {
            seen += nr;
            if seen as f64 >= rank {
                return Some(bucket);
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
            prop_assert!(bucket_bottom_ns(bucket) <= ns);
            if bucket > 0 {
                prop_assert_eq!(bucket_bottom_ns(bucket), bucket_top_ns(bucket - 1) + 1);
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
        let none = HoldHistogram::default();
        assert_eq!(none.percentile_with_ns(50.0, 0), None);
        assert_eq!(none.percentile_range_ns(50.0), (None, None));
    }

    #[test]
    fn the_more_holds_the_closer_is_what_their_percentile_may_be() {
        let range = |nr: u64| {
            let mut hist = HoldHistogram::default();
            (0..nr).for_each(|i| hist.record(i * 60 / nr));
            hist.percentile_range_ns(90.0)
        };
        // Of ten the longest need not be beyond it. Of 60, with one of each length, the 49th and the 60th.
        assert_eq!(range(10).1, None);
        assert_eq!(range(60), (Some(48), Some(59)));
        assert_eq!(range(60_000), (Some(53), Some(54)));
    }

    #[test]
    fn a_range_holds_the_truth_about_as_often_as_it_says() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let mut uniform = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1_u64 << 53) as f64
        };
        let nr_samples = 200;
        let nr_right = (0..nr_samples)
            .filter(|_| {
                let mut hist = HoldHistogram::default();
                // Exponential: the 99th percentile of a mean of 1 us is 4605 ns.
                (0..2000).for_each(|_| hist.record((-1000.0 * (1.0 - uniform()).ln()) as u64));
                let (low, high) = hist.percentile_range_ns(99.0);
                low.is_some_and(|ns| ns <= 4605) && high.is_some_and(|ns| ns >= 4605)
            })
            .count();
        assert!(
            (180..nr_samples).contains(&nr_right),
            "{nr_right} of {nr_samples}"
        );
    }

    #[test]
    fn holds_without_a_bound_are_the_longest() {
        let mut hist = HoldHistogram::default();
        (1..=98).for_each(|ns| hist.record(ns));
        assert_eq!(hist.percentile_with_ns(50.0, 2), Some(50));
        assert_eq!(hist.percentile_with_ns(99.0, 2), None);
    }
}
