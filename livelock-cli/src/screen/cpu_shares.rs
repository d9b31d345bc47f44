//! The CPUs over several windows.
//!
//! In: snapshots. Out: a time ledger a CPU, the mean of the windows in which it was seen. Refuses: 0 for a window in
//! which a share was not seen; the mean is of the others.

use livelock_core::ids::CpuId;
use livelock_core::verdict::TimeLedger;

use super::snapshot::Snapshot;

#[derive(Clone, Copy, Default)]
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

const fn parts(time: &TimeLedger) -> [Option<f64>; NR_SHARES] {
    [
        time.idle_pct,
        time.halted_waiters_pct,
        time.user_pct,
        time.kernel_pct,
        time.traced_spin_pct,
        time.untraced_spin_pct,
        time.hardirq_pct,
        time.softirq_pct,
        time.steal_pct,
    ]
}

/// The CPUs of the newest of `snapshots` over all of them.
pub(super) fn merged<'s>(
    snapshots: impl IntoIterator<Item = &'s Snapshot>,
) -> Vec<(CpuId, TimeLedger)> {
    let mut snapshots = snapshots.into_iter().peekable();
    let Some(newest) = snapshots.next() else {
        return Vec::new();
    };
    if snapshots.peek().is_none() {
        return newest.cpus.iter().map(|cpu| (cpu.cpu, cpu.time)).collect();
    }
    let mut means: Vec<(CpuId, [Mean; NR_SHARES])> = newest
        .cpus
        .iter()
        .map(|cpu| (cpu.cpu, [Mean::default(); NR_SHARES]))
        .collect();
    for snapshot in std::iter::once(newest).chain(snapshots) {
        let weight = snapshot.summary.duration_ns as f64;
        // Both lists are by number, so one walk along both finds all; a frame may merge 60 windows of 256 CPUs.
        let mut cpus = snapshot.cpus.iter().peekable();
        for (number, means) in &mut means {
            while cpus.next_if(|cpu| cpu.cpu < *number).is_some() {}
            if let Some(cpu) = cpus.next_if(|cpu| cpu.cpu == *number) {
                for (mean, part) in means.iter_mut().zip(parts(&cpu.time)) {
                    mean.add(part, weight);
                }
            }
        }
    }
    let ledgers = means.into_iter().map(|(cpu, means)| {
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
        ] = means.map(Mean::value);
        let time = TimeLedger {
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
        };
        (cpu, time)
    });
    ledgers.collect()
}
