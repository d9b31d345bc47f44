//! One measure of both sides.
//!
//! In: windows, or the sums of a verdict document. Out: a [`Change`]. Refuses: a difference that is small, or that two
//! parts of the same windows would show as well.

use super::ranks::{effect, p_value, quartiles};
use super::report::{Change, Direction, Measure, Spread};
use super::series::{Side, common_gap_lock, picked};
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
            // Of a lock, not of a session.
            Self::HandoffGapNs => None,
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
    if measure == Measure::HandoffGapNs {
        return gaps(a, b);
    }
    match (&a.series, &b.series) {
        (Some(first), Some(second)) => by_windows(measure, &first.of(measure), &second.of(measure)),
        _ => by_sums(measure, a, b),
    }
}

/// Gaps of one lock tell nothing of those of another.
fn gaps(a: &Side, b: &Side) -> Change {
    let measure = Measure::HandoffGapNs;
    let Some(lock) = common_gap_lock(a, b) else {
        let own = |side: &Side| spread_of(side, &side.gaps_of(side.gap_lock()?));
        return unknown(measure, own(a), own(b));
    };
    let (first, second) = (a.gaps_of(lock), b.gaps_of(lock));
    if a.series.is_some() && b.series.is_some() {
        by_windows(measure, &first, &second)
    } else {
        by_medians(measure, spread_of(a, &first), spread_of(b, &second))
    }
}

/// Of a verdict document the value is all there is.
fn spread_of(side: &Side, values: &[f64]) -> Option<Spread> {
    if side.series.is_some() {
        return spread(values);
    }
    sum(side, *values.first()?)
}

fn sum(side: &Side, value: f64) -> Option<Spread> {
    Some(Spread {
        median: value,
        quartiles: None,
        nr_windows: side.verdict.window.nr_windows as usize,
    })
}

const fn unknown(measure: Measure, a: Option<Spread>, b: Option<Spread>) -> Change {
    Change {
        measure,
        direction: Direction::CannotTell,
        a,
        b,
        p_value: None,
        effect: None,
    }
}

fn by_windows(measure: Measure, a: &[f64], b: &[f64]) -> Change {
    let mut change = unknown(measure, spread(a), spread(b));
    let (Some(first), Some(second)) = (change.a, change.b) else {
        return change;
    };
    if a.len().min(b.len()) < at::COMPARE_MIN_WINDOWS {
        return change;
    }
    let [a, b] = [a, b].map(picked);
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
            .or_else(|| sum(side, measure.of_verdict(&side.verdict)?))
    };
    by_medians(measure, of(a), of(b))
}

fn by_medians(measure: Measure, a: Option<Spread>, b: Option<Spread>) -> Change {
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
        direction,
        ..unknown(measure, a, b)
    }
}
