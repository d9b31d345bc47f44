//! Which CPU handed a lock to which, how far that is, and what of the wait the way explains.
//!
//! In: the gaps between acquisitions ([`super::holders`]), the topology. Out: a tally that merges, and the
//! [`Handoffs`] of a report. Refuses: more than [`NR_PAIRS_KEPT`] pairs a lock (the rest is summed up), and a share
//! of the wait where costs or distances are unknown.

use std::collections::BTreeMap;

use super::holders::Hold;
use crate::event::LockKind;
use crate::ids::CpuId;
use crate::thresholds::{
    BOUNCE_KNOWN_SHARE, NR_MIN_GAPS, NR_PAIRS_KEPT, NR_PAIRS_REPORTED, TRANSFERS_PER_HANDOFF,
};
use crate::topology::{Distance, Topology};
use crate::verdict::{HandoffClass, HandoffPair, Handoffs};

/// Hand-offs between two CPUs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Pair {
    nr: u64,
    gap_ns: u64,
}

impl Pair {
    const fn add(&mut self, other: Self) {
        self.nr += other.nr;
        self.gap_ns = self.gap_ns.saturating_add(other.gap_ns);
    }
}

/// Hand-offs of one lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HandoffTally {
    by_pair: BTreeMap<(CpuId, CpuId), Pair>,
    /// Those of pairs that found no room.
    beyond: Pair,
}

impl HandoffTally {
    /// Counts the hand-off that followed `hold`.
    pub(super) fn record(&mut self, hold: &Hold<'_>) {
        let pair = Pair {
            nr: 1,
            gap_ns: hold.gap_ns(),
        };
        self.add((hold.holder.cpu, hold.to), pair);
    }

    /// Adds `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        for (cpus, pair) in &other.by_pair {
            self.add(*cpus, *pair);
        }
        self.beyond.add(other.beyond);
    }

    fn add(&mut self, cpus: (CpuId, CpuId), pair: Pair) {
        if self.by_pair.len() < NR_PAIRS_KEPT || self.by_pair.contains_key(&cpus) {
            self.by_pair.entry(cpus).or_default().add(pair);
        } else {
            self.beyond.add(pair);
        }
    }

    fn sum(&self) -> Pair {
        let mut sum = self.beyond;
        for pair in self.by_pair.values() {
            sum.add(*pair);
        }
        sum
    }

    /// What a report says; `None` if no hand-off was seen.
    pub(super) fn report(&self, kind: LockKind, topology: &Topology) -> Option<Handoffs> {
        let sum = self.sum();
        if sum.nr == 0 {
            return None;
        }
        let mut by_class = self.by_class(topology);
        if self.beyond.nr > 0 {
            by_class.entry(None).or_default().add(self.beyond);
        }
        let classes = by_class.iter().map(|(&distance, pair)| HandoffClass {
            distance,
            nr: pair.nr,
            share_pct: 100.0 * pair.nr as f64 / sum.nr as f64,
            transfer_ns: distance.and_then(|distance| topology.transfer_ns(distance)),
        });
        let classes: Vec<_> = classes.collect();
        let mut pairs: Vec<_> = self.by_pair.iter().collect();
        pairs.sort_by_key(|(cpus, pair)| (std::cmp::Reverse(pair.nr), **cpus));
        let pairs: Vec<_> = pairs
            .into_iter()
            .take(NR_PAIRS_REPORTED)
            .map(|(&(from, to), pair)| HandoffPair {
                from,
                to,
                nr: pair.nr,
            })
            .collect();
        let bounce_share_pct = bounce_share(&by_class, topology, sum)
            .filter(|_| spins(kind) && sum.nr >= NR_MIN_GAPS)
            .map(|share| 100.0 * share);
        Some(Handoffs {
            nr: sum.nr,
            nr_unlisted: sum.nr - pairs.iter().map(|pair| pair.nr).sum::<u64>(),
            pairs,
            classes,
            bounce_share_pct,
            not_measured: topology.why_not_measured(),
        })
    }

    fn by_class(&self, topology: &Topology) -> BTreeMap<Option<Distance>, Pair> {
        let places = topology.by_cpu();
        let mut by_class: BTreeMap<Option<Distance>, Pair> = BTreeMap::new();
        for ((from, to), pair) in &self.by_pair {
            let (from, to) = (places.get(from), places.get(to));
            let distance = from.zip(to).and_then(|(from, to)| from.distance(to));
            by_class.entry(distance).or_default().add(*pair);
        }
        by_class
    }
}

/// Waiters of these locks watch the cache line; those of others sleep, and are woken up.
const fn spins(kind: LockKind) -> bool {
    matches!(kind, LockKind::Spinlock | LockKind::Rwlock)
}

/// Share of the gaps that moving cache lines takes. Each gap keeps all waiters waiting alike, so that it is the
/// share of the wait as well. Pairs without a cost are left out, on both sides, if they are few.
fn bounce_share(
    by_class: &BTreeMap<Option<Distance>, Pair>,
    topology: &Topology,
    sum: Pair,
) -> Option<f64> {
    let mut known = Pair::default();
    let mut bounce_ns = 0.0;
    for (distance, pair) in by_class {
        let cost = distance.and_then(|distance| topology.transfer_ns(distance));
        if let Some(cost_ns) = cost {
            known.add(*pair);
            bounce_ns += pair.nr as f64 * TRANSFERS_PER_HANDOFF * cost_ns;
        }
    }
    // With nothing measured, hand-offs to the same CPU alone would say "no cost".
    let is_known = !topology.costs.is_empty()
        && known.nr as f64 >= BOUNCE_KNOWN_SHARE * sum.nr as f64
        && known.gap_ns > 0;
    is_known.then(|| (bounce_ns / known.gap_ns as f64).min(1.0))
}

#[cfg(test)]
#[path = "handoffs_tests.rs"]
mod tests;
