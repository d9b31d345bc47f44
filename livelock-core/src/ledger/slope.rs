//! Throughput against busy CPUs: whether more CPUs achieve less.
//!
//! In: one point a window. Out: the slope, and whether it is surely negative. Refuses: to say anything from few
//! points, or from points at which the CPUs were equally busy.
//!
//! Source: Theil-Sen estimator; Gunther's universal scalability law for why a negative slope is not mere
//! saturation.

use std::collections::VecDeque;

use crate::thresholds::{MIN_CPU_SPREAD, NR_SLOPE_MIN, NR_SLOPE_WINDOWS, RETROGRADE_SHARE};

/// The last windows.
#[derive(Clone, Debug, Default)]
pub struct Throughput {
    /// Busy CPUs, tokens a second.
    points: VecDeque<(f64, f64)>,
}

impl Throughput {
    /// Takes a window.
    pub fn learn(&mut self, busy_cpus: f64, tokens_per_sec: f64) {
        if self.points.len() == NR_SLOPE_WINDOWS {
            self.points.pop_front();
        }
        self.points.push_back((busy_cpus, tokens_per_sec));
    }

    /// Tokens a second that one more busy CPU brings: the median over all pairs of windows.
    #[must_use]
    pub fn slope(&self) -> Option<f64> {
        let mut slopes = self.slopes()?;
        slopes.sort_by(f64::total_cmp);
        slopes.get(slopes.len() / 2).copied()
    }

    /// Whether throughput falls as CPUs are added; `None`: cannot tell.
    #[must_use]
    pub fn is_retrograde(&self) -> Option<bool> {
        let slopes = self.slopes()?;
        let nr_falling = slopes.iter().filter(|slope| **slope < 0.0).count();
        Some(nr_falling as f64 >= RETROGRADE_SHARE * slopes.len() as f64)
    }

    fn slopes(&self) -> Option<Vec<f64>> {
        let busy = || self.points.iter().map(|point| point.0);
        let spread = busy().fold(f64::MIN, f64::max) - busy().fold(f64::MAX, f64::min);
        if self.points.len() < NR_SLOPE_MIN || spread < MIN_CPU_SPREAD {
            return None;
        }
        let mut slopes = Vec::new();
        for (i, a) in self.points.iter().enumerate() {
            for b in self.points.iter().skip(i + 1) {
                let cpus = b.0 - a.0;
                // Neighbours in CPUs differ by noise alone.
                if cpus.abs() >= MIN_CPU_SPREAD / 2.0 {
                    slopes.push((b.1 - a.1) / cpus);
                }
            }
        }
        (slopes.len() >= NR_SLOPE_MIN).then_some(slopes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(points: &[(f64, f64)]) -> Throughput {
        let mut throughput = Throughput::default();
        for (cpus, tokens) in points {
            throughput.learn(*cpus, *tokens);
        }
        throughput
    }

    #[test]
    fn more_cpus_that_achieve_less_are_retrograde() {
        let falls: Vec<_> = (1..=8)
            .map(|n| (f64::from(n), 400_000.0 / f64::from(n * n)))
            .collect();
        assert_eq!(of(&falls).is_retrograde(), Some(true));
        assert!(of(&falls).slope().is_some_and(|slope| slope < 0.0));
    }

    #[test]
    fn growth_and_saturation_are_not() {
        let grows: Vec<_> = (1..=8)
            .map(|n| (f64::from(n), 1000.0 * f64::from(n)))
            .collect();
        assert_eq!(of(&grows).is_retrograde(), Some(false));
        let flat: Vec<_> = (1..=8)
            .map(|n| (f64::from(n), 5000.0 + f64::from(n % 2)))
            .collect();
        assert_eq!(of(&flat).is_retrograde(), Some(false));
    }

    #[test]
    fn few_or_equal_points_tell_nothing() {
        assert_eq!(of(&[(1.0, 5.0), (4.0, 1.0)]).is_retrograde(), None);
        let equal: Vec<_> = (0..20).map(|n| (4.0, f64::from(n))).collect();
        assert_eq!(of(&equal).slope(), None);
    }
}
