//! Records of probe level 1.
//!
//! In: a CPU's counters, slots of runnable tasks. Out: `Activity` and `Starved` events. Refuses: slots of
//! tasks that have waited for less than is worth a word.

use std::collections::BTreeMap;

use livelock_common::{ABSENT, CpuActivity, FunctionTime, GroupRuns, PairTimes, RunnableSlot};
use livelock_core::activity::{
    Activity, CallErrno, CountedTime, FlushReason, LastWork, OTHER_LINES, PairedTime,
    ReclaimActivity, SoftirqVector, StarvedTask, SyscallResults, ThrottleReason,
};
use livelock_core::ids::{CodeAddr, MonotonicNs, Pid};
use livelock_core::probes::{ProbeGroup, ProbeSet};
use livelock_core::thresholds::{ACTIVITY_ENTRY_NS, ACTIVITY_UNTIMED_NS, STARVED_NS};

/// `COMPACT_SUCCESS` of `enum compact_result` (include/linux/compaction.h, v5.19 to v6.18).
const COMPACT_SUCCESS: usize = 8;

pub(super) fn activity(probes: ProbeSet, raw: &CpuActivity) -> Activity {
    let softirqs = SoftirqVector::ALL
        .into_iter()
        .zip(raw.nr_softirqs.into_iter().zip(raw.softirq_ns))
        .filter(|(_, (nr, _))| *nr > 0)
        .map(|(vector, (nr, ns))| (vector, CountedTime { nr, ns }))
        .collect();
    let hardirqs = raw
        .irqs
        .iter()
        .filter(|irq| irq.nr_handled > 0)
        .map(|irq| {
            let time = CountedTime {
                nr: irq.nr_handled,
                ns: irq.handled_ns,
            };
            // The first entry belongs to none.
            (
                irq.line_plus_one.checked_sub(1).unwrap_or(OTHER_LINES),
                time,
            )
        })
        .collect();
    let syscalls = (0u32..)
        .zip(&raw.syscalls)
        .map(|(number, raw)| {
            let results = SyscallResults {
                nr_positive: raw.nr_positive,
                nr_zero: raw.nr_zero,
                nr_retry: raw.nr_retry,
                nr_failed: raw.nr_failed,
            };
            (number, results)
        })
        .filter(|(_, results)| results.nr() > 0)
        .collect();
    let errnos = (0u32..).zip(raw.errnos).filter(|(_, nr)| *nr > 0).collect();
    let failures = raw.failures.iter().filter(|failure| failure.nr > 0);
    let costs = ProbeGroup::ALL.into_iter().zip(&raw.runs).map(cost);
    let flushes = (0..).map(FlushReason::of).zip(raw.tlb_flushes);
    let mut tlb_flushes = BTreeMap::new();
    for (reason, nr) in flushes.filter(|(_, nr)| *nr > 0) {
        let sum: &mut u64 = tlb_flushes.entry(reason).or_default();
        *sum = sum.saturating_add(nr);
    }
    Activity {
        probes,
        observed_ns: BTreeMap::new(),
        costs: costs.filter(|(_, cost)| cost.nr > 0).collect(),
        reclaim: ReclaimActivity {
            direct: paired(&raw.direct_reclaim),
            nr_direct_reclaimed: raw.nr_direct_reclaimed,
            compaction: paired(&raw.compaction),
            nr_compacted: raw
                .compact_results
                .get(COMPACT_SUCCESS)
                .copied()
                .unwrap_or(0),
        },
        work: paired(&raw.work),
        work_functions: functions(&raw.work_functions),
        last_work: last_work(raw),
        until: None,
        nr_ipis: raw.nr_ipis,
        call_functions: functions(&raw.call_functions),
        tlb_flushes,
        nr_trans_restarts: raw.nr_trans_restarts,
        nr_trans_commits: raw.nr_trans_commits,
        softirqs,
        hardirqs,
        syscalls,
        errnos,
        failures: failures.map(|f| (CallErrno(f.call_errno), f.nr)).collect(),
        nr_faults: raw.nr_faults,
        nr_same_faults: raw.nr_same_faults,
        faults_by_cpu: BTreeMap::new(),
        same_fault_pid: (raw.same_fault_pid != 0).then_some(Pid(raw.same_fault_pid)),
        reclaim_retries: (0u32..)
            .zip(raw.reclaim_retries)
            .filter(|(_, nr)| *nr > 0)
            .collect(),
        nr_untold_retries: 0,
        throttled: throttled(raw),
        nr_packets_dropped: raw.nr_packets_dropped,
        nr_packets_processed: 0,
        nr_switches: raw.nr_switches,
        nr_involuntary_switches: Some(raw.nr_involuntary_switches),
        run_delays: CountedTime {
            nr: raw.nr_run_delays,
            ns: raw.run_delay_ns,
        },
        nr_long_delays: raw.nr_long_delays,
        long_delay: (raw.nr_long_delays > 0).then_some(StarvedTask {
            pid: Pid(raw.long_delay_pid),
            age_ns: raw.long_delay_ns,
            prio: (raw.long_delay_prio != ABSENT).then_some(raw.long_delay_prio),
        }),
        rt_run_ns: raw.rt_run_ns,
    }
}

fn cost((group, runs): (ProbeGroup, &GroupRuns)) -> (ProbeGroup, CountedTime) {
    let timed_ns = runs.timed_ns.checked_div(runs.nr_timed);
    let run_ns = timed_ns
        .unwrap_or(ACTIVITY_UNTIMED_NS)
        .saturating_add(ACTIVITY_ENTRY_NS);
    let cost = CountedTime {
        nr: runs.nr_runs,
        ns: runs.nr_runs.saturating_mul(run_ns),
    };
    (group, cost)
}

fn throttled(raw: &CpuActivity) -> BTreeMap<ThrottleReason, CountedTime> {
    let counts = raw.nr_throttled.into_iter().zip(raw.throttled_us);
    let mut sums: BTreeMap<ThrottleReason, CountedTime> = BTreeMap::new();
    for (number, (nr, us)) in counts.enumerate().filter(|(_, (nr, _))| *nr > 0) {
        let sum = sums.entry(ThrottleReason::of(number)).or_default();
        sum.nr = sum.nr.saturating_add(nr);
        sum.ns = sum.ns.saturating_add(us.saturating_mul(1000));
    }
    sums
}

/// What the workers of this CPU did last, as far as their entries were not taken by others.
fn last_work(raw: &CpuActivity) -> BTreeMap<Pid, LastWork> {
    let known = |ns: u64| (ns != 0).then_some(MonotonicNs(ns));
    let pairs = raw.work.open.iter().zip(&raw.open_work);
    let seen = pairs.filter(|(pair, work)| pair.pid != 0 && (pair.begin_ns | work.end_ns) != 0);
    let workers = seen.map(|(pair, work)| {
        let began = known(pair.begin_ns);
        let is_named = began.is_some() && work.function_addr != 0;
        let last = LastWork {
            began,
            ended: known(work.end_ns),
            function: is_named.then_some(CodeAddr(work.function_addr)),
        };
        (Pid(pair.pid), last)
    });
    workers.collect()
}

const fn paired(raw: &PairTimes) -> PairedTime {
    PairedTime {
        timed: CountedTime {
            nr: raw.nr,
            ns: raw.ns,
        },
        nr_unpaired: raw.nr_unpaired,
    }
}

/// Entry 0 has no function: address 0.
fn functions(raw: &[FunctionTime]) -> BTreeMap<CodeAddr, CountedTime> {
    let mut sums: BTreeMap<CodeAddr, CountedTime> = BTreeMap::new();
    for each in raw.iter().filter(|each| each.nr > 0) {
        let sum = sums.entry(CodeAddr(each.function_addr)).or_default();
        sum.nr = sum.nr.saturating_add(each.nr);
        sum.ns = sum.ns.saturating_add(each.ns);
    }
    sums
}

pub(super) fn starved(slot: &RunnableSlot, at: MonotonicNs) -> Option<StarvedTask> {
    let age_ns = at.since(MonotonicNs(slot.since_ns));
    (slot.since_ns != 0 && age_ns >= STARVED_NS).then_some(StarvedTask {
        pid: Pid(slot.pid),
        age_ns,
        prio: (slot.prio != ABSENT).then_some(slot.prio),
    })
}
