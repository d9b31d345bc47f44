//! What the tasks of a scope did: those of a control group, or of a process tree.
//!
//! In: filled by `livelock-cli::tasks`. Out: snapshots, and their differences in a window. Refuses: what belongs to
//! no task (interrupts, steal, packets), and 0 for what could not be seen.

use serde::{Deserialize, Serialize};

use crate::counters::{ProgressCounters, zip_progress};

/// Cumulative counters of all tasks of a scope, those that have ended included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskCounters {
    /// User time.
    pub user_ns: u64,
    /// System time.
    pub system_ns: u64,
    /// Time runnable without running, of threads that lived through two readings. `None`: could not see.
    pub wait_ns: Option<u64>,
    /// CPUs that at least one of the threads may run on, now. `None`: could not see.
    pub nr_allowed_cpus: Option<u32>,
    /// CPU time that a quota leaves for a second of wall time, now. `None`: no quota, or it could not be seen.
    pub quota_ns_per_sec: Option<u64>,
    /// Whether this tool is one of the tasks.
    pub has_own: bool,
    /// What they achieved; host-wide counters stay `None`.
    pub progress: ProgressCounters,
}

impl TaskCounters {
    /// User and system time.
    #[must_use]
    pub const fn cpu_ns(&self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }

    /// What was added since `before`; gauges are of now.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let sub = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_sub(b?));
        Self {
            user_ns: self.user_ns.saturating_sub(before.user_ns),
            system_ns: self.system_ns.saturating_sub(before.system_ns),
            wait_ns: sub(self.wait_ns, before.wait_ns),
            progress: zip_progress(&self.progress, &before.progress, sub),
            ..*self
        }
    }

    /// CPU time that the tasks could have used in `wall_ns` on a host with `nr_cpus_online` CPUs, which idled for
    /// `idle_ns` (`None`: could not see): no more than the CPUs they are allowed, the quota, what they wanted (ran, or
    /// waited to run) and what others left, but one CPU's worth at least, so that a scope that idles is not busy.
    #[must_use]
    pub fn capacity_ns(&self, wall_ns: u64, nr_cpus_online: u32, idle_ns: Option<u64>) -> u64 {
        let ran_ns = self.cpu_ns();
        let left_ns = idle_ns.map_or(u64::MAX, |idle_ns| ran_ns.saturating_add(idle_ns));
        let wanted_ns = ran_ns
            .saturating_add(self.wait_ns.unwrap_or(0))
            .min(left_ns);
        let nr_allowed = self.nr_allowed_cpus.unwrap_or(nr_cpus_online);
        let allowed_ns = wall_ns.saturating_mul(u64::from(nr_allowed.min(nr_cpus_online).max(1)));
        let quota_ns = self.quota_ns_per_sec.map_or(u64::MAX, |quota_ns| {
            let ns = u128::from(wall_ns) * u128::from(quota_ns) / 1_000_000_000;
            u64::try_from(ns).unwrap_or(u64::MAX)
        });
        // Two clocks: what ran cannot have been impossible.
        wanted_ns
            .max(wall_ns)
            .min(allowed_ns)
            .min(quota_ns)
            .max(ran_ns)
    }
}

/// Whose time a window is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Subject {
    /// The CPUs of the scope, whoever runs there.
    #[default]
    Cpus,
    /// The tasks of the scope, wherever they run; `None`: not seen at both ends of the window.
    Tasks(Option<TaskCounters>),
}

impl Subject {
    /// Whether it is about tasks.
    #[must_use]
    pub const fn is_tasks(&self) -> bool {
        matches!(self, Self::Tasks(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn ran(system_ns: u64, wait_ns: Option<u64>) -> TaskCounters {
        TaskCounters {
            system_ns,
            wait_ns,
            ..TaskCounters::default()
        }
    }

    #[test]
    fn capacity_is_what_was_wanted_but_one_cpu_at_least() {
        let of = |tasks: TaskCounters| tasks.capacity_ns(SECOND_NS, 64, None);
        assert_eq!(of(ran(8 * SECOND_NS, Some(0))), 8 * SECOND_NS);
        assert_eq!(of(ran(SECOND_NS / 100, Some(0))), SECOND_NS);
        assert_eq!(of(ran(SECOND_NS, Some(3 * SECOND_NS))), 4 * SECOND_NS);
        assert_eq!(of(ran(3 * SECOND_NS, None)), 3 * SECOND_NS);
    }

    #[test]
    fn what_others_took_was_not_to_be_had() {
        let queued = ran(2 * SECOND_NS, Some(6 * SECOND_NS));
        let of = |idle_ns| queued.capacity_ns(SECOND_NS, 4, idle_ns);
        assert_eq!(of(Some(0)), 2 * SECOND_NS);
        assert_eq!(of(Some(SECOND_NS)), 3 * SECOND_NS);
        assert_eq!(of(None), 4 * SECOND_NS);
        let crowded_out = ran(SECOND_NS / 10, Some(SECOND_NS));
        assert_eq!(crowded_out.capacity_ns(SECOND_NS, 4, Some(0)), SECOND_NS);
    }

    #[test]
    fn affinity_and_quota_limit_it() {
        let storm = ran(SECOND_NS / 2, Some(100 * SECOND_NS));
        let pinned = TaskCounters {
            nr_allowed_cpus: Some(2),
            ..storm
        };
        assert_eq!(pinned.capacity_ns(SECOND_NS, 64, None), 2 * SECOND_NS);
        assert_eq!(storm.capacity_ns(SECOND_NS, 4, None), 4 * SECOND_NS);
        let capped = TaskCounters {
            quota_ns_per_sec: Some(SECOND_NS / 2),
            ..pinned
        };
        assert_eq!(capped.capacity_ns(SECOND_NS, 64, None), SECOND_NS / 2);
    }

    proptest! {
        #[test]
        fn capacity_holds_what_ran(
            system_ns in 0u64..1 << 50,
            wait_ns in prop::option::of(0u64..1 << 50),
            quota_ns_per_sec in prop::option::of(0u64..1 << 40),
            nr_allowed_cpus in prop::option::of(0u32..9000),
            wall_ns in 1u64..1 << 40,
            nr_online in 0u32..9000,
            idle_ns in prop::option::of(0u64..1 << 50),
        ) {
            let tasks = TaskCounters { quota_ns_per_sec, nr_allowed_cpus, ..ran(system_ns, wait_ns) };
            prop_assert!(tasks.capacity_ns(wall_ns, nr_online, idle_ns) >= system_ns);
        }
    }
}
