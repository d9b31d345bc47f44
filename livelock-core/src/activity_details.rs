//! Parts of the activity report that name functions and groups.
//!
//! In: sums of a span. Out: rates and shares with names. Refuses: rates of what was not attached.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activity::{Activity, CountedTime, FlushReason, PairedTime, ThrottleReason};
use crate::ids::CodeAddr;
use crate::ledger::time::share;
use crate::names::Names;
use crate::probes::{Probe, ProbeGroup};
use crate::thresholds::WORK_OPEN_NS;

/// Functions named in a report.
const NR_FUNCTIONS: usize = 8;

/// A group of programs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GroupReport {
    /// Group.
    pub group: ProbeGroup,
    /// Time for which it was attached.
    pub observed_ns: u64,
    /// What it cost meanwhile, in percent of all CPUs.
    pub cost_pct: f64,
    /// Runs of its programs a second.
    pub runs_per_sec: f64,
    /// Tracepoints of it that this kernel lacks: what they would have counted is `null`.
    pub absent: Vec<String>,
}

/// Something that threads begin and end.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PairReport {
    /// Ended a second, timed or not.
    pub per_sec: f64,
    /// Mean time, waits included; `None`: none was timed.
    pub mean_ns: Option<u64>,
    /// Mean number of threads in it, by those that were timed.
    pub mean_threads: f64,
    /// Ended a second on another CPU than they had begun on, or overtaken there: not timed.
    pub unpaired_per_sec: f64,
}

/// Reclaim and compaction that allocations waited for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReclaimReport {
    /// Direct reclaim; `None`: could not see.
    pub direct: Option<PairReport>,
    /// Pages that it reclaimed a second.
    pub direct_pages_per_sec: Option<f64>,
    /// Compactions, kcompactd's included; `None`: could not see.
    pub compaction: Option<PairReport>,
    /// Share of them that succeeded.
    pub compaction_success_pct: Option<f64>,
    /// Rounds of the allocator's reclaim loop a second; `None`: could not see.
    pub retries_per_sec: Option<f64>,
    /// Threads that reclaim made to sleep, by reason, most time first; `None`: could not see.
    #[serde(default)]
    pub throttled: Option<Vec<ThrottledReport>>,
}

/// Threads that reclaim made to sleep for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThrottledReport {
    /// Reason.
    pub reason: ThrottleReason,
    /// Times a second.
    pub per_sec: f64,
    /// Mean number of threads asleep.
    pub mean_threads: f64,
}

/// A work item that was begun and was not seen to end. Few workers have an entry a CPU: one that ended its item on another CPU, where
/// its entry was taken, may be among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct OpenWorkReport {
    /// Function, or its address.
    pub function: String,
    /// Thread that works on it.
    pub pid: u32,
    /// Since when, waits included.
    pub age_ns: u64,
}

/// A function that ran, or was asked to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FunctionReport {
    /// Name, or address; `others` for those that found no room in the table.
    pub name: String,
    /// Times a second.
    pub per_sec: f64,
    /// Mean time of a run; `None`: not timed.
    pub mean_ns: Option<u64>,
    /// Time in it in percent of all CPUs, waits included; `None`: not timed.
    pub cpu_pct: Option<f64>,
}

/// Calls between CPUs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CrossCallReport {
    /// Calls queued a second, one for each CPU called; `None`: could not see.
    pub calls_per_sec: Option<f64>,
    /// What the CPUs were asked to run, most often first.
    pub functions: Option<Vec<FunctionReport>>,
    /// Interrupts sent a second, wake-ups included, one for each mask of CPUs; `None`: could not see.
    pub interrupts_per_sec: Option<f64>,
    /// TLB flushes a second by reason; `None`: could not see.
    pub tlb_flushes_per_sec: Option<BTreeMap<FlushReason, f64>>,
}

/// Work items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkReport {
    /// All.
    pub items: PairReport,
    /// By function, the longest in all first.
    pub functions: Vec<FunctionReport>,
    /// Items that have run for 100 ms and more and were not seen to end, longest first; none that began before the programs came.
    /// `None`: could not see.
    #[serde(default)]
    pub open: Option<Vec<OpenWorkReport>>,
}

/// Transactions of a file system. `None`: could not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TransactionReport {
    /// Started over a second.
    pub restarts_per_sec: Option<f64>,
    /// Committed a second; those that only read do not commit.
    pub commits_per_sec: Option<f64>,
    /// Restarts for each commit; `None` without any commit as well.
    pub restarts_per_commit: Option<f64>,
}

/// Rates of one group.
pub(crate) struct Rates {
    pub(crate) observed_ns: f64,
    pub(crate) capacity_ns: f64,
}

impl Rates {
    /// `None`: `group` was not attached.
    pub(crate) fn of(group: ProbeGroup, activity: &Activity, nr_cpus: f64) -> Option<Self> {
        let observed_ns = activity.observed_ns(group)? as f64;
        Some(Self {
            observed_ns,
            capacity_ns: observed_ns * nr_cpus.max(f64::MIN_POSITIVE),
        })
    }

    pub(crate) fn per_sec(&self, nr: u64) -> f64 {
        nr as f64 * 1e9 / self.observed_ns
    }

    pub(crate) fn cpu_pct(&self, ns: u64) -> f64 {
        100.0 * ns as f64 / self.capacity_ns
    }

    fn pairs(&self, pairs: &PairedTime) -> PairReport {
        PairReport {
            per_sec: self.per_sec(pairs.nr()),
            mean_ns: pairs.timed.ns.checked_div(pairs.timed.nr),
            mean_threads: pairs.timed.ns as f64 / self.observed_ns,
            unpaired_per_sec: self.per_sec(pairs.nr_unpaired),
        }
    }

    fn functions(
        &self,
        functions: &BTreeMap<CodeAddr, CountedTime>,
        names: &dyn Names,
    ) -> Vec<FunctionReport> {
        let mut sorted: Vec<_> = functions.iter().collect();
        sorted.sort_by_key(|(addr, time)| (std::cmp::Reverse((time.ns, time.nr)), **addr));
        sorted.truncate(NR_FUNCTIONS);
        sorted
            .into_iter()
            .map(|(addr, time)| FunctionReport {
                name: function_name(*addr, names),
                per_sec: self.per_sec(time.nr),
                mean_ns: (time.ns > 0).then(|| time.ns / time.nr.max(1)),
                cpu_pct: (time.ns > 0).then(|| self.cpu_pct(time.ns)),
            })
            .collect()
    }
}

fn function_name(addr: CodeAddr, names: &dyn Names) -> String {
    if addr.0 == 0 {
        return "others".to_owned();
    }
    let function = names.function(addr);
    function.map_or_else(|| format!("{:#x}", addr.0), |function| function.name)
}

pub(crate) fn groups(activity: &Activity, nr_cpus: f64) -> Vec<GroupReport> {
    let reports = ProbeGroup::ALL.into_iter().filter_map(|group| {
        let rates = Rates::of(group, activity, nr_cpus)?;
        let cost = activity.costs.get(&group).copied().unwrap_or_default();
        Some(GroupReport {
            group,
            observed_ns: activity.observed_ns(group)?,
            cost_pct: rates.cpu_pct(cost.ns),
            runs_per_sec: rates.per_sec(cost.nr),
            absent: activity
                .probes
                .absent(group)
                .map(|probe| probe.name().to_owned())
                .collect(),
        })
    });
    reports.collect()
}

pub(crate) fn reclaim(activity: &Activity, nr_cpus: f64) -> Option<ReclaimReport> {
    let rates = Rates::of(ProbeGroup::Reclaim, activity, nr_cpus)?;
    let seen = &activity.reclaim;
    let sees = |probes: [Probe; 2]| probes.into_iter().all(|probe| activity.sees(probe));
    let sees_direct = sees([Probe::DirectReclaimBegin, Probe::DirectReclaimEnd]);
    let sees_compaction = sees([Probe::CompactionBegin, Probe::CompactionEnd]);
    let compacted = share(seen.nr_compacted, seen.compaction.nr());
    Some(ReclaimReport {
        direct: sees_direct.then(|| rates.pairs(&seen.direct)),
        direct_pages_per_sec: sees_direct.then(|| rates.per_sec(seen.nr_direct_reclaimed)),
        compaction: sees_compaction.then(|| rates.pairs(&seen.compaction)),
        compaction_success_pct: compacted
            .filter(|_| sees_compaction)
            .map(|share| 100.0 * share),
        retries_per_sec: activity
            .sees(Probe::ReclaimRetryZone)
            .then(|| rates.per_sec(activity.nr_reclaim_retries())),
        throttled: activity
            .sees(Probe::Throttled)
            .then(|| throttled(activity, &rates)),
    })
}

fn throttled(activity: &Activity, rates: &Rates) -> Vec<ThrottledReport> {
    let mut by_time: Vec<_> = activity.throttled.iter().collect();
    by_time.sort_by_key(|(reason, time)| (std::cmp::Reverse(time.ns), **reason));
    let reports = by_time.into_iter().map(|(&reason, time)| ThrottledReport {
        reason,
        per_sec: rates.per_sec(time.nr),
        mean_threads: time.ns as f64 / rates.observed_ns,
    });
    reports.collect()
}

pub(crate) fn cross_calls(
    activity: &Activity,
    nr_cpus: f64,
    names: &dyn Names,
) -> Option<CrossCallReport> {
    let rates = Rates::of(ProbeGroup::CrossCalls, activity, nr_cpus)?;
    let nr_calls = activity.call_functions.values().map(|calls| calls.nr).sum();
    let sees_calls = activity.sees(Probe::CsdQueueCpu);
    let sees_interrupts = activity.sees(Probe::IpiSendCpu) && activity.sees(Probe::IpiSendCpumask);
    let flushes = activity.tlb_flushes.iter();
    Some(CrossCallReport {
        calls_per_sec: sees_calls.then(|| rates.per_sec(nr_calls)),
        functions: sees_calls.then(|| rates.functions(&activity.call_functions, names)),
        interrupts_per_sec: sees_interrupts.then(|| rates.per_sec(activity.nr_ipis)),
        tlb_flushes_per_sec: activity.sees(Probe::TlbFlush).then(|| {
            flushes
                .map(|(why, nr)| (*why, rates.per_sec(*nr)))
                .collect()
        }),
    })
}

pub(crate) fn work(activity: &Activity, nr_cpus: f64, names: &dyn Names) -> Option<WorkReport> {
    let rates = Rates::of(ProbeGroup::Workqueue, activity, nr_cpus)?;
    // Recordings of older versions have ends without it.
    let is_told = activity.sees(Probe::WorkqueueExecuteStart)
        && (!activity.last_work.is_empty() || activity.work.nr() == 0);
    activity
        .sees(Probe::WorkqueueExecuteEnd)
        .then(|| WorkReport {
            items: rates.pairs(&activity.work),
            functions: rates.functions(&activity.work_functions, names),
            open: is_told.then(|| open_work(activity, names)),
        })
}

fn open_work(activity: &Activity, names: &dyn Names) -> Vec<OpenWorkReport> {
    let long = activity
        .open_work()
        .filter(|&(_, _, age_ns)| age_ns >= WORK_OPEN_NS);
    let mut open: Vec<_> = long
        .map(|(pid, function, age_ns)| OpenWorkReport {
            function: function.map_or_else(
                || "unknown function".to_owned(),
                |function| function_name(function, names),
            ),
            pid: pid.0,
            age_ns,
        })
        .collect();
    open.sort_by_key(|work| (std::cmp::Reverse(work.age_ns), work.pid));
    open.truncate(NR_FUNCTIONS);
    open
}

pub(crate) fn transactions(activity: &Activity, nr_cpus: f64) -> Option<TransactionReport> {
    let rates = Rates::of(ProbeGroup::Transactions, activity, nr_cpus)?;
    let counted = |probe, nr: u64| activity.sees(probe).then_some(nr);
    let nr_restarts = counted(Probe::TransRestart, activity.nr_trans_restarts);
    let nr_commits = counted(Probe::TransactionCommit, activity.nr_trans_commits);
    let both = nr_restarts.zip(nr_commits.filter(|&nr| nr > 0));
    Some(TransactionReport {
        restarts_per_sec: nr_restarts.map(|nr| rates.per_sec(nr)),
        commits_per_sec: nr_commits.map(|nr| rates.per_sec(nr)),
        restarts_per_commit: both.map(|(restarts, commits)| restarts as f64 / commits as f64),
    })
}
