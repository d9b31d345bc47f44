//! Spin waits for locks that stand still.
//!
//! In: the waits of each window that are open for too long. Out: how long CPUs have stood in them. Refuses: waits that end, if late; a
//! deep collapse has those too.

use std::collections::BTreeMap;

use crate::detect::StuckSpin;
use crate::ids::{CpuId, LockAddr, MonotonicNs};
use crate::thresholds as at;

/// Ages of such waits when they were last seen open, in nanoseconds. A wait is the same one while CPU, lock and begin are.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing(BTreeMap<(CpuId, LockAddr, MonotonicNs), u64>);

impl Standing {
    /// Of the waits that one window found open for too long.
    pub(super) fn of(stuck: &[StuckSpin]) -> Self {
        let long = stuck.iter();
        let long = long.filter(|wait| wait.age_ns >= at::STANDS_STILL_NS && !wait.cpu_progressed);
        Self(
            long.map(|wait| ((wait.cpu, wait.lock, wait.begin), wait.age_ns))
                .collect(),
        )
    }

    /// Adds what happened later.
    pub(super) fn merge(&mut self, later: &Self) {
        for (&wait, &age_ns) in &later.0 {
            let mine = self.0.entry(wait).or_default();
            *mine = age_ns.max(*mine);
        }
    }

    /// CPU time that went into them.
    pub(super) fn cpu_ns(&self) -> u64 {
        self.0.values().sum()
    }

    /// CPUs that stand in them, or did.
    pub(super) fn nr_cpus(&self) -> usize {
        let mut cpus: Vec<CpuId> = self.0.keys().map(|(cpu, ..)| *cpu).collect();
        cpus.dedup();
        cpus.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LockKind;
    use crate::ids::Pid;

    fn window(waits: &[(u32, u64)]) -> Standing {
        let stuck = waits.iter().map(|&(cpu, age_ms)| StuckSpin {
            lock: LockAddr(1),
            kind: LockKind::Spinlock,
            begin: MonotonicNs(u64::from(cpu)),
            age_ns: age_ms * 1_000_000,
            cpu: CpuId(cpu),
            pid: Pid(7),
            cpu_progressed: false,
        });
        Standing::of(&stuck.collect::<Vec<_>>())
    }

    #[test]
    fn a_wait_counts_once_with_its_last_age() {
        let mut all = window(&[(1, 1500), (2, 1200)]);
        all.merge(&window(&[(1, 2500)]));
        assert_eq!((all.cpu_ns(), all.nr_cpus()), (3_700_000_000, 2));
        all.merge(&window(&[(3, 1000)]));
        assert_eq!((all.cpu_ns(), all.nr_cpus()), (4_700_000_000, 3));
    }

    #[test]
    fn late_waits_of_a_deep_collapse_do_not_stand() {
        let late = window(&[(1, 999), (2, 600)]);
        assert_eq!((late.cpu_ns(), late.nr_cpus()), (0, 0));
    }
}
