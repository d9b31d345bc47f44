//! What the windows of a session measured.
//!
//! In: observations, one after the other. Out: a series for each measure. Refuses: to grow with the session; of
//! very many windows every other one is kept.

use std::collections::BTreeMap;

use super::report::{Measure, SessionKind};
use crate::detect::Observation;
use crate::thresholds::{COMPARE_MIN_GAP_BURN_CPUS, COMPARE_NR_PICKED};
use crate::verdict::Verdict;

/// Windows kept; of twice as many every other one goes. Far more than are compared.
const NR_KEPT: usize = 2048;

/// Values of one measure by window; `None`: could not see.
type Values = Vec<Option<f64>>;

/// All measures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Series {
    burn_pct: Values,
    waste_pct: Values,
    tokens_per_busy_sec: Values,
    gap_ns: Values,
    /// Whose gap it is.
    gap_lock: Vec<Option<String>>,
    busy_pct: Values,
    /// Length of a window by plan.
    window_ns: u64,
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Side {
    /// What was typed.
    pub name: String,
    /// What it is.
    pub kind: SessionKind,
    /// Over the whole session.
    pub verdict: Verdict,
    /// `None`: the verdict is all there is.
    pub series: Option<Series>,
}

impl Series {
    /// Of a session with windows of this length, before the first.
    #[must_use]
    pub fn new(window_ns: u64) -> Self {
        Self {
            window_ns,
            ..Self::default()
        }
    }

    #[cfg(test)]
    pub(super) fn push_values(&mut self, burn_pct: f64, waste_pct: Option<f64>, tokens: f64) {
        self.make_room();
        self.burn_pct.push(Some(burn_pct));
        self.waste_pct.push(waste_pct);
        self.tokens_per_busy_sec.push(Some(tokens));
        self.gap_ns.push(None);
        self.gap_lock.push(None);
        self.busy_pct.push(None);
    }

    /// The same, with the gap of a lock in each window.
    #[cfg(test)]
    pub(super) fn with_gaps(mut self, lock: &str, gap_ns: f64) -> Self {
        self.gap_ns.fill(Some(gap_ns));
        self.gap_lock.fill(Some(lock.to_owned()));
        self
    }

    /// The next window. `gap_ns`: the median time between two acquisitions of the lock that burned most in it.
    pub fn push(&mut self, seen: &Observation, gap_ns: Option<u64>) {
        self.make_room();
        let pct = |share: f64| 100.0 * share;
        let traced_and_sampled = seen.time.and_then(|time| {
            let traced = time.traced_spin_pct?;
            Some(traced + time.untraced_spin_pct.unwrap_or(0.0))
        });
        self.burn_pct.push(traced_and_sampled);
        self.waste_pct.push(seen.omega.map(pct));
        self.tokens_per_busy_sec.push(seen.pi);
        let top = seen.top_lock.as_ref();
        let top = top.filter(|top| top.burn_cpus >= COMPARE_MIN_GAP_BURN_CPUS);
        let gap = gap_ns.zip(top);
        self.gap_ns.push(gap.map(|(ns, _)| ns as f64));
        self.gap_lock.push(gap.map(|(_, top)| top.name.clone()));
        self.busy_pct.push(seen.busy.map(pct));
    }

    fn make_room(&mut self) {
        if self.busy_pct.len() < 2 * NR_KEPT {
            return;
        }
        for values in [
            &mut self.burn_pct,
            &mut self.waste_pct,
            &mut self.tokens_per_busy_sec,
            &mut self.gap_ns,
            &mut self.busy_pct,
        ] {
            *values = values.iter().copied().step_by(2).collect();
        }
        self.gap_lock = self.gap_lock.iter().step_by(2).cloned().collect();
    }

    /// Length of a window by plan.
    pub(super) const fn window_ns(&self) -> u64 {
        self.window_ns
    }

    /// The windows in which `measure` could be seen.
    pub(super) fn of(&self, measure: Measure) -> Vec<f64> {
        let values = match measure {
            Measure::BurnPct => &self.burn_pct,
            Measure::WastePct => &self.waste_pct,
            Measure::TokensPerBusySec => &self.tokens_per_busy_sec,
            Measure::HandoffGapNs => &self.gap_ns,
            Measure::BusyPct => &self.busy_pct,
        };
        values.iter().flatten().copied().collect()
    }

    /// The gaps of one lock.
    fn gaps_of(&self, lock: &str) -> Vec<f64> {
        let windows = self.gap_ns.iter().zip(&self.gap_lock);
        windows
            .filter(|(_, name)| name.as_deref() == Some(lock))
            .filter_map(|(gap_ns, _)| *gap_ns)
            .collect()
    }
}

impl Side {
    /// Locks whose gaps are known, and in how many windows.
    fn gap_locks(&self) -> BTreeMap<&str, usize> {
        let mut locks = BTreeMap::new();
        if let Some(series) = &self.series {
            for name in series.gap_lock.iter().flatten() {
                *locks.entry(name.as_str()).or_default() += 1;
            }
        } else {
            let known = self.verdict.locks.iter().filter(|lock| {
                lock.handoff_gap_ns.is_some() && lock.burn_cpus >= COMPARE_MIN_GAP_BURN_CPUS
            });
            locks.extend(known.map(|lock| (lock.name.as_str(), 1)));
        }
        locks
    }

    /// The gaps between acquisitions of `lock`, one of each window; of a verdict its median alone.
    pub(super) fn gaps_of(&self, lock: &str) -> Vec<f64> {
        if let Some(series) = &self.series {
            return series.gaps_of(lock);
        }
        let mut of = self.verdict.locks.iter().filter(|one| one.name == lock);
        let gap = of.find_map(|lock| lock.handoff_gap_ns);
        gap.map(|gap| gap.p50 as f64).into_iter().collect()
    }

    /// The lock whose gaps are known in most windows.
    pub(super) fn gap_lock(&self) -> Option<&str> {
        let locks = self.gap_locks().into_iter();
        Some(locks.max_by_key(|&(_, nr)| nr)?.0)
    }
}

/// The lock whose gaps both know, in most windows of the one that knows fewer.
pub(super) fn common_gap_lock<'a>(a: &'a Side, b: &Side) -> Option<&'a str> {
    let others = b.gap_locks();
    let both = a.gap_locks().into_iter();
    both.filter_map(|(name, nr)| Some((name, nr.min(*others.get(name)?))))
        .max_by_key(|&(_, nr)| nr)
        .map(|(name, _)| name)
}

/// [`COMPARE_NR_PICKED`] of `values`, or all if there are fewer, evenly spread over time: single windows, whose spread is
/// that of windows, and not so close to one another that they tell the same.
pub(super) fn picked(values: &[f64]) -> Vec<f64> {
    let nr = values.len().min(COMPARE_NR_PICKED);
    // The middle of each of so many equal parts.
    let places = (0..nr).map(|part| (2 * part + 1) * values.len() / (2 * nr));
    places
        .filter_map(|place| values.get(place).copied())
        .collect()
}
