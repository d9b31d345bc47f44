//! Spans of time, merged.
//!
//! In: spans. Out: whether a moment lies in one, and what of them is left without others. Refuses: nothing.

use crate::ids::MonotonicNs;

/// Spans that neither overlap nor touch, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Cover(Vec<(MonotonicNs, MonotonicNs)>);

impl Cover {
    /// The union of `spans`.
    pub(super) fn new(mut spans: Vec<(MonotonicNs, MonotonicNs)>) -> Self {
        spans.retain(|(begin, end)| begin < end);
        spans.sort_unstable();
        let mut merged: Vec<(MonotonicNs, MonotonicNs)> = Vec::new();
        for (begin, end) in spans {
            match merged.last_mut() {
                Some((_, last)) if begin <= *last => *last = end.max(*last),
                _ => merged.push((begin, end)),
            }
        }
        Self(merged)
    }

    /// Whether `at` lies in it.
    pub(super) fn has(&self, at: MonotonicNs) -> bool {
        let after = self.0.partition_point(|(begin, _)| *begin <= at);
        let span = after.checked_sub(1).and_then(|before| self.0.get(before));
        span.is_some_and(|(_, end)| at < *end)
    }

    /// What is not in `other`.
    pub(super) fn without(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        let mut cuts = other.0.iter().copied().peekable();
        for &(begin, end) in &self.0 {
            let mut from = begin;
            while let Some(&(cut_begin, cut_end)) = cuts.peek() {
                if cut_begin >= end {
                    break;
                }
                if cut_begin > from {
                    left.push((from, cut_begin));
                }
                from = from.max(cut_end);
                // It may reach into the next span.
                if cut_end >= end {
                    break;
                }
                cuts.next();
            }
            if from < end {
                left.push((from, end));
            }
        }
        Self(left)
    }

    /// The part of it from `begin` to `end`.
    pub(super) fn within(&self, begin: MonotonicNs, end: MonotonicNs) -> Self {
        let cut = self.0.iter().map(|&(a, b)| (a.max(begin), b.min(end)));
        Self(cut.filter(|(a, b)| a < b).collect())
    }

    /// Its spans.
    pub(super) fn spans(&self) -> impl Iterator<Item = (MonotonicNs, MonotonicNs)> {
        self.0.iter().copied()
    }

    /// Its length.
    pub(super) fn total_ns(&self) -> u64 {
        self.0.iter().map(|(begin, end)| end.since(*begin)).sum()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn spans() -> impl Strategy<Value = Vec<(u64, u64)>> {
        prop::collection::vec((0..60_u64, 0..60_u64), 0..8)
    }

    fn cover(spans: &[(u64, u64)]) -> Cover {
        let spans = spans.iter();
        Cover::new(
            spans
                .map(|&(a, b)| (MonotonicNs(a), MonotonicNs(b)))
                .collect(),
        )
    }

    proptest! {
        #[test]
        fn a_moment_is_covered_by_what_covers_it(one in spans(), other in spans()) {
            let is_in = |spans: &[(u64, u64)], at| spans.iter().any(|&(a, b)| a <= at && at < b);
            let (mine, theirs) = (cover(&one), cover(&other));
            let rest = mine.without(&theirs);
            let mut total_ns = 0;
            for at in 0..60 {
                prop_assert_eq!(mine.has(MonotonicNs(at)), is_in(&one, at));
                let is_left = is_in(&one, at) && !is_in(&other, at);
                prop_assert_eq!(rest.has(MonotonicNs(at)), is_left);
                total_ns += u64::from(is_left);
            }
            prop_assert_eq!(rest.total_ns(), total_ns);
        }
    }
}
