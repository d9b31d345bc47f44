//! The time ledgers of CPUs over several windows.
//!
//! In: the ledgers of each window, and its length. Out: the mean of each share. Refuses: 0 for a window in which a share was
//! not seen; the mean is of the others.

use std::collections::BTreeMap;

use crate::ids::CpuId;
use crate::verdict::{CpuTime, TimeLedger};

#[derive(Clone, Copy, Debug, Default)]
struct Mean {
    sum: f64,
    weight: f64,
}

impl Mean {
    fn add(&mut self, value: Option<f64>, weight: f64) {
        if let Some(value) = value {
            self.sum += value * weight;
            self.weight += weight;
        }
    }

    fn value(self) -> Option<f64> {
        (self.weight > 0.0).then(|| self.sum / self.weight)
    }
}

const NR_SHARES: usize = 9;

/// The shares of one CPU that divide its time.
#[derive(Clone, Copy, Debug, Default)]
pub struct CpuMean([Mean; NR_SHARES]);

impl CpuMean {
    /// Adds a window of length `weight`.
    pub fn add(&mut self, time: &TimeLedger, weight: f64) {
        let shares = [
            time.idle_pct,
            time.halted_waiters_pct,
            time.user_pct,
            time.kernel_pct,
            time.traced_spin_pct,
            time.untraced_spin_pct,
            time.hardirq_pct,
            time.softirq_pct,
            time.steal_pct,
        ];
        for (mean, share) in self.0.iter_mut().zip(shares) {
            mean.add(share, weight);
        }
    }

    fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            mine.sum += theirs.sum;
            mine.weight += theirs.weight;
        }
    }

    /// The means.
    #[must_use]
    pub fn ledger(&self) -> TimeLedger {
        let [
            idle,
            halted,
            user,
            kernel,
            traced,
            untraced,
            hardirq,
            softirq,
            steal,
        ] = self.0.map(Mean::value);
        TimeLedger {
            idle_pct: idle,
            halted_waiters_pct: halted,
            user_pct: user,
            kernel_pct: kernel,
            traced_spin_pct: traced,
            untraced_spin_pct: untraced,
            hardirq_pct: hardirq,
            softirq_pct: softirq,
            steal_pct: steal,
            ..TimeLedger::default()
        }
    }
}

/// Those of all CPUs.
#[derive(Clone, Debug, Default)]
pub struct CpuMeans(BTreeMap<CpuId, CpuMean>);

impl CpuMeans {
    /// Of one window.
    #[must_use]
    pub fn of_window(cpus: &BTreeMap<CpuId, TimeLedger>, duration_ns: u64) -> Self {
        let mean = |(&cpu, time): (&CpuId, &TimeLedger)| {
            let mut mean = CpuMean::default();
            mean.add(time, duration_ns as f64);
            (cpu, mean)
        };
        Self(cpus.iter().map(mean).collect())
    }

    /// Adds those of other windows.
    pub fn merge(&mut self, other: &Self) {
        for (&cpu, mean) in &other.0 {
            self.0.entry(cpu).or_default().merge(mean);
        }
    }

    /// As documents show them, by number.
    #[must_use]
    pub fn reports(&self) -> Vec<CpuTime> {
        let report = |(&cpu, mean): (&CpuId, &CpuMean)| CpuTime::of(cpu, &mean.ledger());
        self.0.iter().map(report).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn window(cpu: u32, idle: f64, hardirq: Option<f64>, ns: u64) -> CpuMeans {
        let time = TimeLedger {
            idle_pct: Some(idle),
            hardirq_pct: hardirq,
            ..TimeLedger::default()
        };
        CpuMeans::of_window(&BTreeMap::from([(CpuId(cpu), time)]), ns)
    }

    #[test]
    fn the_mean_is_of_the_time_in_which_a_share_was_seen() {
        let mut all = window(3, 100.0, None, 300);
        all.merge(&window(3, 0.0, Some(2.0), 100));
        all.merge(&window(1, 1.0 / 3.0, None, 100));
        let reports = all.reports();
        let [first, second] = reports.as_slice() else {
            panic!("{reports:?}");
        };
        assert_eq!((first.cpu, first.idle_pct), (CpuId(1), Some(0.33)));
        assert_eq!((second.cpu, second.idle_pct), (CpuId(3), Some(75.0)));
        assert_eq!(second.hardirq_pct, Some(2.0));
        assert_eq!(second.user_pct, None, "never seen");
    }
}
