//! What the windows of a session measured.
//!
//! In: observations, one after the other. Out: a series for each measure. Refuses: to grow with the session; of
//! very many windows every other one is kept.

use super::report::{Measure, SessionKind};
use crate::detect::Observation;
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
        self.busy_pct.push(None);
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
        self.gap_ns.push(gap_ns.map(|ns| ns as f64));
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
}

/// At most `nr` of `values`, evenly spread over time: single windows, whose spread is that of windows, and not so close to
/// one another that they tell the same.
pub(super) fn picked(values: &[f64], nr: usize) -> Vec<f64> {
    let step = values.len().div_ceil(nr.max(1)).max(1);
    values
        .iter()
        .skip(step / 2)
        .step_by(step)
        .copied()
        .collect()
}
