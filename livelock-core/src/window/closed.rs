//! A closed window: plain data.
//!
//! In: filled by [`super::WindowBuilder`]. Out: read by ledgers, detectors and lock reports. Refuses:
//! running; nothing here computes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::activity::{Activity, HostCounters, StarvedTask};
use crate::attempts::SiteAttempts;
use crate::code::{CodeFacts, CodeSpace};
use crate::event::{
    CpuCounters, CpuTimes, DetailLossCause, InFlightWait, LockCallEvent, LockKind, OwnProcess,
    ProgressCounters, ReleaseEvent, SampleEvent, SampleMode, StackEvent, WaitEvent,
};
use crate::hist::WaitHistogram;
use crate::ids::{CodeAddr, CpuId, LockAddr, MonotonicNs};
use crate::ledger::profile::HotKey;
use crate::tasks::Subject;
use crate::thresholds::{NR_HOT_LOOKED_AT, NR_HOT_SAMPLES};
use crate::verdict::Accounting;

/// What all CPUs saw of one lock in a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockWindow {
    /// `None`: the sum of all that did not fit the tables.
    pub lock: Option<LockAddr>,
    /// Family.
    pub kind: LockKind,
    /// Waits that began.
    pub nr_begun: u64,
    /// Waits that completed.
    pub nr_waits: u64,
    /// Whole length of the completed waits, however long before the window they began.
    pub wait_ns: u64,
    /// CPU time burned *in this window*: closed spin, plus open spin now, less open spin at the close
    /// before. Waits longer than a window are thus booked in the windows that they burned.
    pub spin_ns: u64,
    /// Part of `wait_ns` that did not burn.
    pub sleep_ns: u64,
    /// Longest completed wait.
    pub max_ns: u64,
    /// Waits that ended without the lock.
    pub nr_failed: u64,
    /// Completed waits by length.
    pub hist: WaitHistogram,
    /// CPUs that waited.
    pub cpus: BTreeSet<CpuId>,
    /// Waits open at the close.
    pub nr_in_flight: u64,
    /// Age of the oldest of them.
    pub oldest_in_flight_ns: Option<u64>,
}

/// Everything between two closes. Maps hold CPUs whose snapshots exist at both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// From.
    pub begin: MonotonicNs,
    /// To.
    pub end: MonotonicNs,
    /// CPUs online.
    pub nr_cpus_online: u32,
    /// Whose time it is about.
    pub subject: Subject,
    /// `/proc/stat`, differences.
    pub cpu_times: BTreeMap<CpuId, CpuTimes>,
    /// Counters, differences, but for `nr_open_spin`, which is what is open now.
    pub cpu_counters: BTreeMap<CpuId, CpuCounters>,
    /// Traced spin burned in this window, by the rule of [`LockWindow::spin_ns`].
    pub burn_by_cpu_ns: BTreeMap<CpuId, u64>,
    /// The same over all CPUs; `None` without counters at both ends.
    pub traced_spin_ns: Option<u64>,
    /// Locks by address, the sum of those without one first.
    pub locks: Vec<LockWindow>,
    /// Waits open at the close.
    pub in_flight: Vec<InFlightWait>,
    /// Streamed waits by end.
    pub waits: Vec<WaitEvent>,
    /// Waits that were over at the close and will be streamed with a later window.
    #[serde(default)]
    pub ended: Vec<WaitEvent>,
    /// Sampled stacks by id.
    pub stacks: Vec<StackEvent>,
    /// Samples by time.
    pub samples: Vec<SampleEvent>,
    /// Releases by time.
    #[serde(default)]
    pub releases: Vec<ReleaseEvent>,
    /// Watched calls by time.
    #[serde(default)]
    pub lock_calls: Vec<LockCallEvent>,
    /// What was achieved, differences: by the host, by the CPUs of the scope (pages, which only the host has, are the
    /// host's) or by its tasks.
    pub progress: ProgressCounters,
    /// Begins that the kernel skipped in this window; `None`: not counted, or not known to be of the scope.
    pub nr_recursion_misses: Option<u64>,
    /// The books since attach.
    pub accounting: Accounting,
    /// CPU time of our own process in this window.
    pub own: Option<OwnProcess>,
    /// The same from the start of the process to the begin of this window; of the whole host, whatever the scope.
    #[serde(default)]
    pub own_before_ns: Option<u64>,
    /// More host counters, differences.
    pub host: HostCounters,
    /// What the programs of probe level 1 counted on all CPUs; `None`: they were not attached.
    pub activity: Option<Activity>,
    /// Tasks that wait to run at the close, longest first; below level 1 only those beside a real-time task.
    pub starved: Vec<StarvedTask>,
    /// What the code is like at instructions that were sampled often.
    pub code: Vec<(CodeSpace, CodeAddr, CodeFacts)>,
    /// What was counted where kernel code that takes much time attempts something; empty: nothing was counted.
    #[serde(default)]
    pub attempts: Vec<SiteAttempts>,
}

impl Window {
    /// Length.
    #[must_use]
    pub const fn duration_ns(&self) -> u64 {
        self.end.since(self.begin)
    }

    /// Instructions that were sampled often, most often first: their code is worth a look.
    #[must_use]
    pub fn hot_instructions(&self) -> Vec<(CodeSpace, CodeAddr)> {
        let mut counts: BTreeMap<HotKey, (u64, CodeSpace)> = BTreeMap::new();
        for sample in &self.samples {
            let (space, addr) = match sample.mode {
                SampleMode::User => (CodeSpace::User(sample.task.tgid), sample.user_ip),
                SampleMode::Kernel if sample.task.pid.0 == 0 => continue,
                SampleMode::Kernel => (CodeSpace::Kernel, sample.frames.first().copied()),
            };
            if let Some(addr) = addr {
                let count = counts.entry(HotKey::new(space, addr)).or_insert((0, space));
                count.0 += 1;
            }
        }
        let mut hot: Vec<_> = counts
            .into_iter()
            .filter(|(_, (nr, _))| *nr >= NR_HOT_SAMPLES)
            .collect();
        hot.sort_by_key(|(key, (nr, _))| (std::cmp::Reverse(*nr), *key));
        hot.truncate(NR_HOT_LOOKED_AT);
        hot.into_iter()
            .map(|(key, (_, space))| (space, key.addr))
            .collect()
    }

    /// Whether every wait that ended in this window is in `waits` or in `ended`; `None` if that is not told.
    #[must_use]
    pub fn has_all_waits(&self) -> Option<bool> {
        let lost = [DetailLossCause::WaitRingFull, DetailLossCause::FoldBacklog];
        let mut nr_absent = 0_u64;
        for counters in self.cpu_counters.values() {
            let nr_lost = lost
                .iter()
                .filter_map(|cause| counters.detail_lost.get(cause));
            nr_absent = nr_absent
                .saturating_add(counters.nr_waits_left_out?)
                .saturating_add(nr_lost.sum());
        }
        (!self.cpu_counters.is_empty()).then_some(nr_absent == 0)
    }

    /// Whether waits or releases found no room, in moments that are not told.
    #[must_use]
    pub fn has_lost_waits_or_releases(&self) -> bool {
        let lost = [
            DetailLossCause::WaitRingFull,
            DetailLossCause::FoldBacklog,
            DetailLossCause::ReleaseRingFull,
        ];
        let mut counters = self.cpu_counters.values();
        counters.any(|counters| {
            let nr_lost = |cause| counters.detail_lost.get(cause).copied().unwrap_or(0);
            lost.iter().any(|cause| nr_lost(cause) > 0)
        })
    }

    /// Whether every release of this window that a tracepoint told and whose acquisition was found is in `releases`.
    #[must_use]
    pub fn has_all_releases(&self) -> bool {
        let is_whole = |counters: &CpuCounters| {
            let lost = counters.detail_lost.get(&DetailLossCause::ReleaseRingFull);
            counters.nr_releases_left_out == Some(0) && lost.is_none_or(|&nr| nr == 0)
        };
        !self.cpu_counters.is_empty() && self.cpu_counters.values().all(is_whole)
    }

    /// Moments that were not streamed on all CPUs: slices whose number has one of these bits; `None` if that is not told.
    #[must_use]
    pub fn slice_mask(&self) -> Option<u64> {
        let masks = self
            .cpu_counters
            .values()
            .map(|counters| counters.slice_mask);
        masks.collect::<Option<Vec<u64>>>()?.into_iter().max()
    }

    /// CPU time of our own process.
    #[must_use]
    pub fn own_cpu_ns(&self) -> Option<u64> {
        self.own.as_ref().map(OwnProcess::cpu_ns)
    }

    /// What our kernel programs cost, those of probe level 1 included; an estimate from timing some runs.
    #[must_use]
    pub fn programs_cpu_ns(&self) -> u64 {
        let level0_ns: u64 = self.cpu_counters.values().map(|c| c.self_ns).sum();
        level0_ns.saturating_add(self.activity.as_ref().map_or(0, Activity::self_ns))
    }

    /// Length times CPUs online.
    #[must_use]
    pub const fn capacity_ns(&self) -> u64 {
        self.duration_ns()
            .saturating_mul(self.nr_cpus_online as u64)
    }
}
