//! The CPUs over several windows.
//!
//! In: snapshots. Out: a time ledger a CPU, the mean of the windows in which it was seen. Refuses: 0 for a window in
//! which a share was not seen; the mean is of the others.

use livelock_core::ids::CpuId;
use livelock_core::ledger::cpu_means::CpuMean;
use livelock_core::verdict::TimeLedger;

use super::snapshot::Snapshot;

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
    let mut means: Vec<(CpuId, CpuMean)> = newest
        .cpus
        .iter()
        .map(|cpu| (cpu.cpu, CpuMean::default()))
        .collect();
    for snapshot in std::iter::once(newest).chain(snapshots) {
        let weight = snapshot.summary.duration_ns as f64;
        // Both lists are by number, so one walk along both finds all; a frame may merge 60 windows of 256 CPUs.
        let mut cpus = snapshot.cpus.iter().peekable();
        for (number, mean) in &mut means {
            while cpus.next_if(|cpu| cpu.cpu < *number).is_some() {}
            if let Some(cpu) = cpus.next_if(|cpu| cpu.cpu == *number) {
                mean.add(&cpu.time, weight);
            }
        }
    }
    let ledgers = means.into_iter();
    ledgers.map(|(cpu, mean)| (cpu, mean.ledger())).collect()
}
