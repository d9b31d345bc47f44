//! One measured quantity over the rounds.
//!
//! In: a value per round and a target. Out: median, minimum, maximum, and whether the median meets the
//! target. Refuses: a figure of nothing.

use serde::Serialize;

/// A quantity that should not be above its target.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub(crate) struct Figure {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
    pub(crate) target: f64,
    pub(crate) meets_target: bool,
}

impl Figure {
    /// Of at least one value.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>, target: f64) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let median = median(&sorted)?;
        Some(Self {
            median,
            min: *sorted.first()?,
            max: *sorted.last()?,
            target,
            meets_target: median <= target,
        })
    }
}

/// Of sorted values.
fn median(sorted: &[f64]) -> Option<f64> {
    let above = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(above);
    }
    let below = *sorted.get(sorted.len() / 2 - 1)?;
    Some((below + above) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_judged_not_the_extremes() {
        let figure = Figure::of([9.0, 1.0, 1.1], 1.2).unwrap();
        assert_eq!((figure.median, figure.min, figure.max), (1.1, 1.0, 9.0));
        assert!(figure.meets_target);
        assert!(!Figure::of([1.1, 1.4], 1.2).unwrap().meets_target);
    }

    #[test]
    fn nothing_has_no_figure() {
        assert_eq!(Figure::of([], 1.0), None);
    }
}
