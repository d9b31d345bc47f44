//! Which CPU handed a lock to which, as a square table.
//!
//! In: hand-offs of a verdict, the most CPUs that fit. Out: [`HandoffMatrix`], numbers without looks. Refuses: more CPUs than fit;
//! those that took part most stay, and what they left out is counted.

use std::collections::BTreeMap;

use livelock_core::ids::CpuId;
use livelock_core::verdict::Handoffs;

/// The table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HandoffMatrix {
    /// Rows, which give, and columns, which take; by number.
    pub(crate) cpus: Vec<CpuId>,
    by_pair: BTreeMap<(CpuId, CpuId), u64>,
    /// The largest number in it.
    pub(crate) most: u64,
    /// Hand-offs that are not in it.
    pub(crate) nr_left: u64,
}

impl HandoffMatrix {
    /// Of `max_cpus` CPUs at most.
    pub(crate) fn new(seen: &Handoffs, max_cpus: usize) -> Self {
        let mut by_cpu: BTreeMap<CpuId, u64> = BTreeMap::new();
        for pair in &seen.pairs {
            *by_cpu.entry(pair.from).or_default() += pair.nr;
            *by_cpu.entry(pair.to).or_default() += pair.nr;
        }
        let mut cpus: Vec<(CpuId, u64)> = by_cpu.into_iter().collect();
        cpus.sort_by_key(|&(cpu, nr)| (std::cmp::Reverse(nr), cpu));
        cpus.truncate(max_cpus);
        let mut cpus: Vec<CpuId> = cpus.into_iter().map(|(cpu, _)| cpu).collect();
        cpus.sort();
        let by_pair: BTreeMap<(CpuId, CpuId), u64> = seen
            .pairs
            .iter()
            .filter(|pair| cpus.contains(&pair.from) && cpus.contains(&pair.to))
            .map(|pair| ((pair.from, pair.to), pair.nr))
            .collect();
        Self {
            most: by_pair.values().copied().max().unwrap_or(0),
            nr_left: seen.nr.saturating_sub(by_pair.values().sum()),
            cpus,
            by_pair,
        }
    }

    /// Hand-offs from one CPU to another; `None`: none was seen.
    pub(crate) fn nr(&self, from: CpuId, to: CpuId) -> Option<u64> {
        self.by_pair.get(&(from, to)).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use livelock_core::verdict::HandoffPair;

    #[test]
    fn those_that_took_part_most_stay_and_the_rest_is_counted() {
        let pair = |from, to, nr| HandoffPair {
            from: CpuId(from),
            to: CpuId(to),
            nr,
        };
        let seen = Handoffs {
            nr: 20,
            pairs: vec![pair(7, 2, 9), pair(2, 7, 6), pair(2, 5, 1)],
            nr_unlisted: 4,
            classes: Vec::new(),
            bounce_share_pct: None,
            not_measured: None,
        };
        let matrix = HandoffMatrix::new(&seen, 2);
        assert_eq!(matrix.cpus, [CpuId(2), CpuId(7)]);
        assert_eq!(matrix.nr(CpuId(7), CpuId(2)), Some(9));
        assert_eq!(matrix.nr(CpuId(7), CpuId(7)), None);
        assert_eq!((matrix.most, matrix.nr_left), (9, 5));
    }
}
