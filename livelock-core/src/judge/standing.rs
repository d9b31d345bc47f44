//! Spin waits for locks that stand still.
//!
//! In: the waits of each window that are open for too long, and who got a lock in it. Out: the time of CPUs that went into
//! them, by level as the books are. Refuses: locks that are handed on, however late; in a long line everybody waits long.

use std::collections::{BTreeMap, BTreeSet};

use super::level::Level;
use crate::detect::StuckSpin;
use crate::ids::{CpuId, LockAddr};
use crate::thresholds as at;
use crate::window::Window;

/// What went into such waits.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// Of the windows that spoke for a level; [`Level::Quiet`]: of all.
    cpu_ns: BTreeMap<Level, u64>,
    cpus: BTreeSet<CpuId>,
}

impl Standing {
    /// Of a window of this level, and the waits that it found open for too long.
    pub(super) fn of_window(window: &Window, level: Level, stuck: &[StuckSpin]) -> Self {
        let got: BTreeSet<LockAddr> = window
            .locks
            .iter()
            .filter(|lock| lock.nr_waits > 0)
            .filter_map(|lock| lock.lock)
            .filter(|lock| stuck.iter().any(|wait| wait.lock == *lock))
            .collect();
        Self::of(stuck, &got, window.duration_ns(), level)
    }

    /// `got`: locks that somebody got in this window.
    fn of(stuck: &[StuckSpin], got: &BTreeSet<LockAddr>, duration_ns: u64, level: Level) -> Self {
        let stand = stuck.iter().filter(|wait| {
            wait.age_ns >= at::STANDS_STILL_NS && !wait.cpu_progressed && !got.contains(&wait.lock)
        });
        let mut standing = Self::default();
        let mut cpu_ns = 0;
        for wait in stand {
            cpu_ns += wait.age_ns.min(duration_ns);
            standing.cpus.insert(wait.cpu);
        }
        let levels = [
            Level::Quiet,
            Level::Contended,
            Level::Degraded,
            Level::Livelock,
        ];
        let levels = levels.into_iter().filter(|&each| each <= level);
        standing.cpu_ns = levels.map(|each| (each, cpu_ns)).collect();
        standing
    }

    /// Adds what happened later.
    pub(super) fn merge(&mut self, later: &Self) {
        for (&level, cpu_ns) in &later.cpu_ns {
            *self.cpu_ns.entry(level).or_default() += cpu_ns;
        }
        self.cpus.extend(&later.cpus);
    }

    /// CPU time in windows that spoke for `level`; in all if none did.
    pub(super) fn cpu_ns(&self, level: Level) -> u64 {
        let all = self.cpu_ns.get(&Level::Quiet);
        self.cpu_ns.get(&level).or(all).copied().unwrap_or(0)
    }

    /// CPUs that stood in them.
    pub(super) fn nr_cpus(&self) -> usize {
        self.cpus.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::LockKind;
    use crate::ids::{MonotonicNs, Pid};

    /// Waits on CPUs, for locks of the same numbers, in a window of 300 ms.
    fn window(waits: &[(u32, u64)], got: &[u32], level: Level) -> Standing {
        let lock = |cpu: u32| LockAddr(u64::from(cpu));
        let stuck: Vec<StuckSpin> = waits
            .iter()
            .map(|&(cpu, age_ms)| StuckSpin {
                lock: lock(cpu),
                kind: LockKind::Spinlock,
                begin: MonotonicNs(1),
                age_ns: age_ms * 1_000_000,
                cpu: CpuId(cpu),
                pid: Pid(7),
                cpu_progressed: false,
            })
            .collect();
        let got = got.iter().map(|&cpu| lock(cpu)).collect();
        Standing::of(&stuck, &got, 300_000_000, level)
    }

    #[test]
    fn the_time_of_windows_that_spoke_for_a_level_counts() {
        let mut all = window(&[(1, 1500), (2, 1200)], &[], Level::Livelock);
        all.merge(&window(&[(1, 1800)], &[], Level::Contended));
        assert_eq!(all.nr_cpus(), 2);
        assert_eq!(all.cpu_ns(Level::Livelock), 600_000_000);
        assert_eq!(all.cpu_ns(Level::Contended), 900_000_000);
        assert_eq!(all.cpu_ns(Level::Quiet), 900_000_000);
    }

    #[test]
    fn who_waits_in_a_line_that_moves_does_not_stand() {
        let moves = window(&[(1, 1500), (2, 9000)], &[1, 2], Level::Livelock);
        assert_eq!((moves.cpu_ns(Level::Livelock), moves.nr_cpus()), (0, 0));
        let one = window(&[(1, 1500), (2, 9000)], &[1], Level::Livelock);
        assert_eq!(
            (one.cpu_ns(Level::Livelock), one.nr_cpus()),
            (300_000_000, 1)
        );
    }

    #[test]
    fn late_waits_do_not_stand_yet() {
        let late = window(&[(1, 999), (2, 600)], &[], Level::Livelock);
        assert_eq!((late.cpu_ns(Level::Livelock), late.nr_cpus()), (0, 0));
    }
}
