//! One measure of both sides.
//!
//! In: windows, or the sums of a verdict document. Out: a [`Change`]. Refuses: a difference that is small, or that two
//! parts of the same windows would show as well.

use super::ranks::{effect, p_value, quartiles};
use super::report::{Change, Direction, Measure, Spread};
use super::series::{Side, picked};
use crate::thresholds as at;
use crate::verdict::Verdict;

impl Measure {
    /// All of them, the one that counts most first.
    pub const ALL: [Self; 5] = [
        Self::TokensPerBusySec,
        Self::BurnPct,
        Self::WastePct,
        Self::HandoffGapNs,
        Self::BusyPct,
    ];

    const fn is_share(self) -> bool {
        matches!(self, Self::BurnPct | Self::WastePct | Self::BusyPct)
    }

    /// What more of it means.
    const fn more_is(self) -> Direction {
        match self {
            Self::BurnPct | Self::WastePct | Self::HandoffGapNs => Direction::Worse,
            Self::TokensPerBusySec => Direction::Better,
            Self::BusyPct => Direction::Differs,
        }
    }

    /// Its value over a whole session.
    fn of_verdict(self, verdict: &Verdict) -> Option<f64> {
        match self {
            Self::BurnPct => verdict.burn_pct,
            Self::WastePct => verdict.omega.map(|omega| 100.0 * omega),
            Self::TokensPerBusySec => verdict.progress.tokens_per_busy_sec,
            Self::HandoffGapNs => {
                let gap = verdict.locks.first()?.handoff_gap_ns?;
                Some(gap.p50 as f64)
            }
            Self::BusyPct => verdict.busy_pct,
        }
    }
}

/// Whether a change of the median is one that matters.
fn is_large(measure: Measure, a: f64, b: f64, points: f64, factor: f64) -> bool {
    if measure.is_share() {
        return (b - a).abs() >= points;
    }
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high > 0.0 && high >= factor * low
}

fn direction(measure: Measure, a: f64, b: f64) -> Direction {
    match (measure.more_is(), b > a) {
        (Direction::Worse, true) | (Direction::Better, false) => Direction::Worse,
        (Direction::Worse, false) | (Direction::Better, true) => Direction::Better,
        (other, _) => other,
    }
}

fn spread(values: &[f64]) -> Option<Spread> {
    let (first, median, third) = quartiles(values)?;
    Some(Spread {
        median,
        quartiles: Some((first, third)),
        nr_windows: values.len(),
    })
}

/// Compares `measure`.
pub(super) fn compare(measure: Measure, a: &Side, b: &Side) -> Change {
    match (&a.series, &b.series) {
        (Some(first), Some(second)) => by_windows(measure, &first.of(measure), &second.of(measure)),
        _ => by_sums(measure, a, b),
    }
}

fn by_windows(measure: Measure, a: &[f64], b: &[f64]) -> Change {
    let mut change = Change {
        measure,
        direction: Direction::CannotTell,
        a: spread(a),
        b: spread(b),
        p_value: None,
        effect: None,
    };
    let (Some(first), Some(second)) = (change.a, change.b) else {
        return change;
    };
    if a.len().min(b.len()) < at::COMPARE_MIN_WINDOWS {
        return change;
    }
    let [a, b] = [a, b].map(|values| picked(values, at::COMPARE_NR_PICKED));
    let p = p_value(&a, &b);
    change.p_value = Some(p);
    change.effect = effect(&a, &b);
    let (a, b) = (first.median, second.median);
    let is_clear = p <= at::COMPARE_MAX_P
        && change
            .effect
            .is_some_and(|effect| effect.abs() >= at::COMPARE_MIN_EFFECT)
        && is_large(
            measure,
            a,
            b,
            at::COMPARE_MIN_POINTS,
            at::COMPARE_MIN_FACTOR,
        );
    change.direction = if is_clear {
        direction(measure, a, b)
    } else {
        Direction::NoDifference
    };
    change
}

/// Where one side has nothing but sums, only a change tells that no spread is likely to make.
fn by_sums(measure: Measure, a: &Side, b: &Side) -> Change {
    let of = |side: &Side| {
        side.series
            .as_ref()
            .and_then(|series| spread(&series.of(measure)))
            .or_else(|| {
                let median = measure.of_verdict(&side.verdict)?;
                Some(Spread {
                    median,
                    quartiles: None,
                    nr_windows: side.verdict.window.nr_windows as usize,
                })
            })
    };
    let (a, b) = (of(a), of(b));
    let direction = match (a, b) {
        (Some(a), Some(b)) => {
            let (a, b) = (a.median, b.median);
            let (points, factor) = (
                at::COMPARE_MIN_POINTS_UNSPREAD,
                at::COMPARE_MIN_FACTOR_UNSPREAD,
            );
            if is_large(measure, a, b, points, factor) {
                direction(measure, a, b)
            } else {
                Direction::NoDifference
            }
        }
        _ => Direction::CannotTell,
    };
    Change {
        measure,
        direction,
        a,
        b,
        p_value: None,
        effect: None,
    }
}
