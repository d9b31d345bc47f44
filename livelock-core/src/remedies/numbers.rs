//! What a remedy would gain on this host.
//!
//! In: the lock or the share that is the cause. Out: a phrase that follows a reason. Refuses: a number that was not
//! measured.

use crate::verdict::LockReport;

/// Numbers of this host.
#[derive(Clone, Copy, Debug, Default)]
pub struct Numbers<'a> {
    /// CPUs that were judged.
    pub nr_cpus: f64,
    /// The lock that burns most, or is waited for most.
    pub lock: Option<&'a LockReport>,
    /// Share of busy time that the cause explains, 0 to 1.
    pub share: Option<f64>,
    /// Share of ticks that were lost, in percent.
    pub lost_ticks_pct: Option<f64>,
}

/// CPUs from which burning is worth a word.
const MIN_BURN_CPUS: f64 = 0.05;

impl Numbers<'_> {
    /// Of the lock.
    pub(super) fn of_lock(&self) -> Option<String> {
        let lock = self.lock?;
        let mut parts = Vec::new();
        if lock.burn_cpus >= MIN_BURN_CPUS {
            parts.push(format!(
                "{:.1} of {:.0} CPUs spin for it",
                lock.burn_cpus, self.nr_cpus
            ));
        }
        if let Some(p50) = lock.wait_ns.p50 {
            parts.push(format!(
                "half of the {} waits take over {}",
                lock.nr_waits,
                time(p50)
            ));
        }
        if let Some(gap) = lock.handoff_gap_ns {
            parts.push(format!("it is handed on every {}", time(gap.p50)));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    /// Of the class.
    pub(super) fn of_class(&self) -> Option<String> {
        let share = self.share?;
        Some(format!("it takes {:.0} % of busy time", 100.0 * share))
    }

    /// Of a guest that loses its CPUs.
    pub(super) fn of_ticks(&self) -> Option<String> {
        let lost = self.lost_ticks_pct?;
        Some(format!("{lost:.0} % of the timer ticks are lost"))
    }
}

fn time(ns: u64) -> String {
    match ns {
        0..1_000 => format!("{ns} ns"),
        1_000..1_000_000 => format!("{:.1} us", ns as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", ns as f64 / 1e6),
        _ => format!("{:.1} s", ns as f64 / 1e9),
    }
}
