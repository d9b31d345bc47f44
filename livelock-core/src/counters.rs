//! Counters: those that `/proc` keeps anyway, and those of the programs.
//!
//! In: filled by `livelock-cli::procfs` and `livelock-cli::decode`. Out: snapshots, and their differences in a window. Refuses: 0 for what a
//! host does not show.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{DetailLossCause, LossCause};
use crate::ids::Tgid;

/// Cumulative CPU times from `/proc/stat`.
///
/// `idle_ns` and `iowait_ns` come from the scheduler's clock on tickless kernels; all others are
/// counted in ticks and shrink when ticks are lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuTimes {
    /// User and nice (guest time is part of it).
    pub user_ns: u64,
    /// System.
    pub system_ns: u64,
    /// Idle.
    pub idle_ns: u64,
    /// Idle with I/O pending.
    pub iowait_ns: u64,
    /// Hard interrupts.
    pub hardirq_ns: u64,
    /// Soft interrupts.
    pub softirq_ns: u64,
    /// Taken by the hypervisor.
    pub steal_ns: u64,
}

/// Cumulative counters of what the host, a CPU or the tasks of a scope achieved. `None`: could not see.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgressCounters {
    /// Context switches (`/proc/stat` `ctxt`; of a CPU its perf event).
    pub nr_context_switches: Option<u64>,
    /// Tasks created (`/proc/stat` `processes`).
    pub nr_forks: Option<u64>,
    /// Threads that ended: those created, less those that are there (`/proc/loadavg`). Counted from some beginning.
    #[serde(default)]
    pub nr_exits: Option<u64>,
    /// Page faults (`/proc/vmstat` `pgfault`; of a CPU its perf event).
    pub nr_page_faults: Option<u64>,
    /// Block requests completed (`/proc/diskstats`).
    pub nr_block_completions: Option<u64>,
    /// Network packets received and sent (`/proc/net/dev`, loopback included); of a CPU those that it received
    /// (`/proc/net/softnet_stat`).
    pub nr_packets: Option<u64>,
    /// Pages scanned by reclaim.
    pub nr_pages_scanned: Option<u64>,
    /// Pages reclaimed.
    pub nr_pages_reclaimed: Option<u64>,
}

/// CPU time of our own process: the tool is not what the host is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnProcess {
    /// Process id.
    pub tgid: Tgid,
    /// User time of all its threads.
    pub user_ns: u64,
    /// System time of all its threads.
    pub system_ns: u64,
}

impl OwnProcess {
    /// User and system time.
    #[must_use]
    pub const fn cpu_ns(&self) -> u64 {
        self.user_ns.saturating_add(self.system_ns)
    }
}

pub(crate) fn zip_times(a: &CpuTimes, b: &CpuTimes, f: impl Fn(u64, u64) -> u64) -> CpuTimes {
    CpuTimes {
        user_ns: f(a.user_ns, b.user_ns),
        system_ns: f(a.system_ns, b.system_ns),
        idle_ns: f(a.idle_ns, b.idle_ns),
        iowait_ns: f(a.iowait_ns, b.iowait_ns),
        hardirq_ns: f(a.hardirq_ns, b.hardirq_ns),
        softirq_ns: f(a.softirq_ns, b.softirq_ns),
        steal_ns: f(a.steal_ns, b.steal_ns),
    }
}

pub(crate) fn zip_progress(
    a: &ProgressCounters,
    b: &ProgressCounters,
    f: impl Fn(Option<u64>, Option<u64>) -> Option<u64>,
) -> ProgressCounters {
    ProgressCounters {
        nr_context_switches: f(a.nr_context_switches, b.nr_context_switches),
        nr_forks: f(a.nr_forks, b.nr_forks),
        nr_exits: f(a.nr_exits, b.nr_exits),
        nr_page_faults: f(a.nr_page_faults, b.nr_page_faults),
        nr_block_completions: f(a.nr_block_completions, b.nr_block_completions),
        nr_packets: f(a.nr_packets, b.nr_packets),
        nr_pages_scanned: f(a.nr_pages_scanned, b.nr_pages_scanned),
        nr_pages_reclaimed: f(a.nr_pages_reclaimed, b.nr_pages_reclaimed),
    }
}

/// Cumulative counters of one CPU's programs since attach.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuCounters {
    /// Waits begun, lost ones included.
    pub nr_begun: u64,
    /// Waits completed.
    pub nr_completed: u64,
    /// Spin waits open on this CPU now.
    pub nr_open_spin: u64,
    /// Waits lost, by cause.
    pub lost: BTreeMap<LossCause, u64>,
    /// Details lost, by cause.
    pub detail_lost: BTreeMap<DetailLossCause, u64>,
    /// Ends without a begin in the books.
    pub nr_end_unmatched: u64,
    /// Further phases of a wait already begun.
    pub nr_phases: u64,
    /// Closed traced spin on this CPU, each nanosecond once.
    pub spin_ns: u64,
    /// Sampler ticks.
    pub nr_ticks: u64,
    /// Ticks inside our own programs.
    pub nr_ticks_in_self: u64,
    /// Stacks taken.
    pub nr_stacks: u64,
    /// Waits that were not to be streamed; `None` in recordings that do not tell.
    #[serde(default)]
    pub nr_waits_left_out: Option<u64>,
    /// The same of releases.
    #[serde(default)]
    pub nr_releases_left_out: Option<u64>,
    /// Of the window: waits that ended in slices whose number has one of these bits may have been left out. `None` as above.
    #[serde(default)]
    pub slice_mask: Option<u64>,
    /// Estimated time inside our programs.
    pub self_ns: u64,
    /// Of it in those of lockdep's tracepoints, which rarer stacks and records make no cheaper.
    #[serde(default)]
    pub lockdep_self_ns: u64,
}
