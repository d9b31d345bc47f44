//! What a verdict says of one lock.
//!
//! In: built by `locks`. Out: serialized as a part of the verdict. Refuses: nothing; it only holds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::event::LockKind;
use crate::handoff_report::Handoffs;
use crate::holder_report::{HoldTimes, KnownBy, NotRunning};
use crate::ids::{CpuId, Pid, Tgid};
use crate::user_stack::UserStack;
use crate::verdict::{Confidence, NameSource};

/// A duration distribution in nanoseconds. Percentiles are interpolated in histogram buckets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitTimes {
    /// Sum.
    pub total: u64,
    /// Median; `None` without a completed wait.
    pub p50: Option<u64>,
    /// 99th percentile.
    pub p99: Option<u64>,
    /// Longest, waits still open included.
    pub max: u64,
}

/// Gap between successive acquisitions of a saturated lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GapTimes {
    /// Median.
    pub p50: u64,
    /// 99th percentile.
    pub p99: u64,
}

/// One side of a lock: a path with the task seen most often on it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockSide {
    /// Share of this side's time, by sampled stacks.
    pub share_pct: f64,
    /// Function names, innermost first, as `name+0xoffset` or an address.
    pub stack: Vec<String>,
    /// Command name seen most often; `None` if unknown.
    pub comm: Option<String>,
    /// Its thread id.
    pub pid: Option<Pid>,
    /// Its process id.
    #[serde(default)]
    pub tgid: Option<Tgid>,
    /// cgroup path.
    pub cgroup: Option<String>,
    /// Container that this cgroup is of.
    #[serde(default)]
    pub container_id: Option<String>,
    /// Kubernetes pod that it is of.
    #[serde(default)]
    pub pod_uid: Option<String>,
    /// Samples behind the share.
    pub nr_samples: u64,
    /// How this holder is known, best first; empty for waiters.
    #[serde(default)]
    pub known_by: Vec<KnownBy>,
    /// How sure it is that this was the holder, for most of its time; `None` for waiters.
    #[serde(default)]
    pub confidence: Option<Confidence>,
    /// Function that the holder was most often sampled in while it held; `None` if it never was.
    #[serde(default)]
    pub doing: Option<String>,
    /// What kept the holder from running while it held; `None` if nothing was seen to.
    #[serde(default)]
    pub not_running: Option<NotRunning>,
    /// User code that led there, heaviest first; absent unless asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_stacks: Vec<UserStack>,
}

/// A lock in a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LockReport {
    /// Name, e.g. `files_struct.file_lock`.
    pub name: String,
    /// Where the name came from.
    pub name_source: NameSource,
    /// Which of its like: whose, or of which CPU or node; `None` if that is not known.
    #[serde(default)]
    pub instance: Option<String>,
    /// Address, `0x…`; `None` for the sum of locks that did not fit the table.
    pub addr: Option<String>,
    /// Family.
    pub kind: LockKind,
    /// Spin time in percent of all online CPUs, without what was stolen and what its waiters stood halted for: of each window as
    /// much as of the waits for all locks. All locks together burn no more than `traced_spin_pct`.
    pub burn_pct: f64,
    /// The same in CPU-seconds per second.
    pub burn_cpus: f64,
    /// Time for which its waiters stood halted and the hypervisor had their CPUs, in percent of all online CPUs, beside `burn_pct`;
    /// `None` if that could not be seen. Told as `burn_pct` is.
    #[serde(default)]
    pub halted_pct: Option<f64>,
    /// Spin on it that no tracepoint shows and samples place here, in percent of all online CPUs, beside `burn_pct`; `None` if
    /// no sample does. Waiters of an rw-semaphore are traced only once they sleep.
    #[serde(default)]
    pub sampled_spin_pct: Option<f64>,
    /// Waits completed in the span.
    pub nr_waits: u64,
    /// Their lengths.
    pub wait_ns: WaitTimes,
    /// Waits open at the end.
    pub nr_in_flight: u64,
    /// Age of the oldest of them.
    pub oldest_in_flight_ns: Option<u64>,
    /// Gaps between acquisitions; `None` if too few were streamed.
    pub handoff_gap_ns: Option<GapTimes>,
    /// Which CPU handed it to which; `None` if no hand-off was seen.
    #[serde(default)]
    pub handoffs: Option<Handoffs>,
    /// How long it is held; `None` if too few holds were seen, or if several may hold it at once.
    #[serde(default)]
    pub hold_ns: Option<HoldTimes>,
    /// Share of the gaps in which the holder had let go already: the lock was on its way to the next in line.
    #[serde(default)]
    pub handover_pct: Option<f64>,
    /// Share of the time that it was held while others waited of which nobody knows who held it. Shares of `holders` are of
    /// the same time. `None` if no such time was seen.
    #[serde(default)]
    pub unknown_holder_pct: Option<f64>,
    /// Paths that wait, largest share first.
    pub waiters: Vec<LockSide>,
    /// Paths that hold, largest share first.
    pub holders: Vec<LockSide>,
    /// CPUs that waited for it.
    pub cpus: Vec<CpuId>,
}

impl LockReport {
    /// All that CPUs waited for it, spinning or halted, in percent of all online CPUs.
    #[must_use]
    pub fn waited_pct(&self) -> f64 {
        self.burn_pct + self.halted_pct.unwrap_or(0.0)
    }

    /// All spin that it is known to cause, traced or sampled, in percent of all online CPUs.
    #[must_use]
    pub fn spin_pct(&self) -> f64 {
        self.burn_pct + self.sampled_spin_pct.unwrap_or(0.0)
    }
}

/// A spinlock that seven waiters burn for.
#[cfg(test)]
pub(crate) fn specimen(name: &str) -> LockReport {
    LockReport {
        name: name.to_owned(),
        name_source: NameSource::Dictionary,
        instance: None,
        addr: None,
        kind: LockKind::Spinlock,
        burn_pct: 95.0,
        burn_cpus: 7.6,
        halted_pct: None,
        sampled_spin_pct: None,
        nr_waits: 737,
        wait_ns: WaitTimes {
            total: 1,
            p50: Some(50_000_000),
            p99: None,
            max: 1,
        },
        nr_in_flight: 0,
        oldest_in_flight_ns: None,
        handoff_gap_ns: Some(GapTimes {
            p50: 3_500_000,
            p99: 40_000_000,
        }),
        handoffs: None,
        hold_ns: None,
        handover_pct: None,
        unknown_holder_pct: None,
        waiters: Vec::new(),
        holders: Vec::new(),
        cpus: Vec::new(),
    }
}
