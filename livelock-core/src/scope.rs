//! What part of the host is judged.
//!
//! In: CPUs, a control group or a process, or nothing for all. Out: whether a CPU belongs to it, and whether it is
//! about CPUs or tasks. Refuses: an empty set of CPUs, and CPUs together with tasks.

use std::collections::BTreeSet;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CpuId, Tgid};

/// What ledgers and verdicts are for. At most one of the three is there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scope {
    /// `None`: all.
    pub cpus: Option<BTreeSet<CpuId>>,
    /// The tasks of this cgroup v2 and those below it, by its path below the root, as in `/proc/PID/cgroup`.
    #[serde(default)]
    pub cgroup: Option<String>,
    /// The tasks of this process and its descendants.
    #[serde(default)]
    pub pid: Option<Tgid>,
}

impl Scope {
    /// Of some CPUs; all of them if `cpus` is empty.
    #[must_use]
    pub fn of_cpus(cpus: BTreeSet<CpuId>) -> Self {
        Self {
            cpus: (!cpus.is_empty()).then_some(cpus),
            ..Self::default()
        }
    }

    /// Of a control group.
    #[must_use]
    pub fn of_cgroup(path: String) -> Self {
        Self {
            cgroup: Some(path),
            ..Self::default()
        }
    }

    /// Of a process and its descendants.
    #[must_use]
    pub fn of_tree(root: Tgid) -> Self {
        Self {
            pid: Some(root),
            ..Self::default()
        }
    }

    /// Whether it is about tasks, wherever they run, and not about CPUs.
    #[must_use]
    pub const fn is_of_tasks(&self) -> bool {
        self.cgroup.is_some() || self.pid.is_some()
    }

    /// Whether `cpu` is part of it.
    #[must_use]
    pub fn has(&self, cpu: CpuId) -> bool {
        self.cpus.as_ref().is_none_or(|cpus| cpus.contains(&cpu))
    }

    /// CPUs in it, of `nr_online`.
    #[must_use]
    pub fn nr_cpus(&self, nr_online: u32) -> u32 {
        match &self.cpus {
            Some(cpus) => u32::try_from(cpus.len()).unwrap_or(nr_online),
            None => nr_online,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cpus, &self.cgroup, &self.pid) {
            (_, Some(path), _) => write!(f, "control group {path} and those below it"),
            (_, _, Some(root)) => write!(f, "process {} and its descendants", root.0),
            (Some(cpus), ..) => write!(f, "{} CPUs", cpus.len()),
            _ => f.write_str("the whole host"),
        }
    }
}
