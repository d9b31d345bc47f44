//! One measured quantity over the rounds.
//!
//! In: a value per round, who was attached first in it, and a target. Out: median, minimum, maximum, and
//! whether the median meets the target. Refuses: a figure of nothing.

use serde::Serialize;

use super::round::First;

/// A quantity.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// Mean of the medians of both orders. The program called first finds the caches cold, which moves
    /// the ratio of `contention_begin` by a third: a median over all rounds would fall into either heap.
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    /// Median of the rounds in which the floor was attached first; null without such a round.
    pub(crate) median_floor_first: Option<f64>,
    /// The same for `livelock`.
    pub(crate) median_livelock_first: Option<f64>,
}

/// A quantity that should not be above its target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    #[serde(flatten)]
    pub(crate) spread: Spread,
    pub(crate) target: f64,
    pub(crate) meets_target: bool,
}

impl Figure {
    /// Of at least one value.
    pub(crate) fn of(values: &[(First, f64)], target: f64) -> Option<Self> {
        let spread = Spread::of(values)?;
        Some(Self {
            spread,
            target,
            meets_target: spread.median <= target,
        })
    }
}

impl Spread {
    /// Of at least one value.
    pub(crate) fn of(values: &[(First, f64)]) -> Option<Self> {
        let of_order = |order| {
            median(
                values
                    .iter()
                    .filter(|(first, _)| *first == order)
                    .map(|(_, value)| *value)
                    .collect(),
            )
        };
        let median_floor_first = of_order(First::Floor);
        let median_livelock_first = of_order(First::Livelock);
        let median = match (median_floor_first, median_livelock_first) {
            (Some(one), Some(other)) => (one + other) / 2.0,
            (one, other) => one.or(other)?,
        };
        let all = || values.iter().map(|(_, value)| *value);
        Some(Self {
            median,
            min: all().fold(f64::INFINITY, f64::min),
            max: all().fold(f64::NEG_INFINITY, f64::max),
            median_floor_first,
            median_livelock_first,
        })
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let above = *values.get(values.len() / 2)?;
    if values.len() % 2 == 1 {
        return Some(above);
    }
    let below = *values.get(values.len() / 2 - 1)?;
    Some((below + above) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_judged_not_the_extremes() {
        let figure = Figure::of(&[9.0, 1.0, 1.1].map(|v| (First::Floor, v)), 1.2).unwrap();
        let Spread {
            median, min, max, ..
        } = figure.spread;
        assert_eq!((median, min, max), (1.1, 1.0, 9.0));
        assert!(figure.meets_target);
        let dear = Figure::of(&[1.1, 1.4].map(|v| (First::Floor, v)), 1.2).unwrap();
        assert!(!dear.meets_target);
    }

    #[test]
    fn both_orders_weigh_the_same() {
        let spread = Spread::of(&[
            (First::Floor, 1.0),
            (First::Livelock, 2.0),
            (First::Floor, 1.0),
        ])
        .unwrap();
        assert_eq!(spread.median, 1.5);
        assert_eq!(spread.median_floor_first, Some(1.0));
        assert_eq!(spread.median_livelock_first, Some(2.0));
    }

    #[test]
    fn nothing_has_no_figure() {
        assert_eq!(Figure::of(&[], 1.0), None);
    }
}
