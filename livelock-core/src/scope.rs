//! What part of the host is judged.
//!
//! In: CPUs, or nothing for all. Out: whether a CPU belongs to it. Refuses: an empty set.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::CpuId;

/// The CPUs that ledgers and verdicts are for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope {
    /// `None`: all.
    pub cpus: Option<BTreeSet<CpuId>>,
}

impl Scope {
    /// Of some CPUs; all of them if `cpus` is empty.
    #[must_use]
    pub fn of_cpus(cpus: BTreeSet<CpuId>) -> Self {
        Self {
            cpus: (!cpus.is_empty()).then_some(cpus),
        }
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
