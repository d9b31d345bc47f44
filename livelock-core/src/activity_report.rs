//! What probe level 1 saw, for the verdict.
//!
//! In: sums of a span. Out: rates and shares with names. Refuses: zeros for what was not attached; the whole report
//! is absent then.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activity::{Activity, CountedTime, HostCounters, OTHER_LINES, SoftirqVector};
use crate::activity_details::{
    self, CrossCallReport, GroupReport, Rates, ReclaimReport, TransactionReport, WorkReport,
};
use crate::ledger::time::share;
use crate::names::Names;
use crate::probes::Probe;
use crate::syscall_report::{PollReport, SyscallReport, failing_syscalls, polls};

/// System calls and interrupt lines named in a report.
const NR_NAMED: usize = 8;

/// Interrupts of one line or vector.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InterruptReport {
    /// Vector, or number and name of the line.
    pub name: String,
    /// Handled a second.
    pub per_sec: f64,
    /// Time in it, in percent of all CPUs.
    pub cpu_pct: f64,
}

/// The report. `None` of what was not attached, or what this kernel lacks: could not see.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ActivityReport {
    /// Longest time for which a group was attached.
    pub observed_ns: u64,
    /// The groups that were attached; all else could not be seen.
    pub groups: Vec<GroupReport>,
    /// System calls that succeeded, a second.
    pub ok_syscalls_per_sec: Option<f64>,
    /// Share of all system calls that asked to be tried again; `None` without any as well.
    pub retry_pct: Option<f64>,
    /// System calls that failed most, those that asked to be tried again included.
    pub failing_syscalls: Option<Vec<SyscallReport>>,
    /// Questions whether something is there, and how many find nothing.
    #[serde(default)]
    pub polls: Option<PollReport>,
    /// Failures a second by `errno`.
    pub errnos_per_sec: Option<BTreeMap<u32, f64>>,
    /// Soft interrupts by time.
    pub softirqs: Option<Vec<InterruptReport>>,
    /// Device interrupts by time.
    pub hardirqs: Option<Vec<InterruptReport>>,
    /// Page faults a second.
    pub faults_per_sec: Option<f64>,
    /// Packets dropped a second, in all network namespaces.
    pub packets_dropped_per_sec: Option<f64>,
    /// Switches to another task a second.
    pub switches_per_sec: Option<f64>,
    /// Of those, away from tasks that wanted to go on: preempted or yielding.
    #[serde(default)]
    pub involuntary_switches_per_sec: Option<f64>,
    /// Mean time from runnable to running; `None` as well if nobody was seen to do so.
    pub mean_run_delay_ns: Option<u64>,
    /// Time of real-time tasks in percent of all CPUs.
    pub rt_cpu_pct: Option<f64>,
    /// Reclaim and compaction.
    pub reclaim: Option<ReclaimReport>,
    /// Calls between CPUs.
    pub cross_calls: Option<CrossCallReport>,
    /// Work items.
    pub work: Option<WorkReport>,
    /// Transactions of a file system that traces them; `None` as well where none is loaded.
    #[serde(default)]
    pub transactions: Option<TransactionReport>,
}

/// Whose activity it is.
pub(crate) struct Of<'a> {
    /// CPUs.
    pub(crate) nr_cpus: f64,
    /// Counters of the host.
    pub(crate) counters: &'a HostCounters,
    /// Architecture.
    pub(crate) arch: &'a str,
    /// Names of functions.
    pub(crate) names: &'a dyn Names,
}

/// The report of `activity`; `None` for no time.
pub(crate) fn report(activity: &Activity, of: &Of<'_>) -> Option<ActivityReport> {
    let observed_ns = activity.observed_ns.values().copied().max()?;
    if observed_ns == 0 {
        return None;
    }
    let rates = |probe: Probe| {
        let is_seen = activity.sees(probe);
        Rates::of(probe.group(), activity, of.nr_cpus).filter(|_| is_seen)
    };
    let calls = rates(Probe::SysExit);
    let all = activity.all_syscalls();
    let softirqs = rates(Probe::SoftirqExit).map(|rates| {
        by_time(
            activity
                .softirqs
                .iter()
                .map(|(vector, time)| interrupt(vector_name(*vector).to_owned(), time, &rates)),
        )
    });
    let hardirqs = rates(Probe::IrqHandlerExit).map(|rates| {
        by_time(
            activity
                .hardirqs
                .iter()
                .map(|(line, time)| interrupt(line_name(*line, of.counters), time, &rates)),
        )
    });
    let switches = rates(Probe::SchedSwitch);
    let delays = switches.as_ref().map(|_| activity.run_delays);
    Some(ActivityReport {
        observed_ns,
        groups: activity_details::groups(activity, of.nr_cpus),
        ok_syscalls_per_sec: calls.as_ref().map(|rates| rates.per_sec(all.nr_ok())),
        retry_pct: share(all.nr_retry, all.nr())
            .filter(|_| calls.is_some())
            .map(|share| 100.0 * share),
        failing_syscalls: calls
            .as_ref()
            .map(|rates| failing_syscalls(activity, rates, of.arch)),
        polls: calls
            .as_ref()
            .and_then(|rates| polls(activity, rates, of.arch)),
        errnos_per_sec: calls.as_ref().map(|rates| {
            let errnos = activity.errnos.iter();
            errnos
                .map(|(&errno, &nr)| (errno, rates.per_sec(nr)))
                .collect()
        }),
        softirqs,
        hardirqs,
        faults_per_sec: rates(Probe::PageFaultUser).map(|rates| rates.per_sec(activity.nr_faults)),
        packets_dropped_per_sec: rates(Probe::KfreeSkb)
            .map(|rates| rates.per_sec(activity.nr_packets_dropped)),
        switches_per_sec: switches
            .as_ref()
            .map(|rates| rates.per_sec(activity.nr_switches)),
        involuntary_switches_per_sec: switches
            .as_ref()
            .and_then(|rates| Some(rates.per_sec(activity.nr_involuntary_switches?))),
        mean_run_delay_ns: delays.and_then(|delays| delays.ns.checked_div(delays.nr)),
        rt_cpu_pct: switches.map(|rates| rates.cpu_pct(activity.rt_run_ns)),
        reclaim: activity_details::reclaim(activity, of.nr_cpus),
        cross_calls: activity_details::cross_calls(activity, of.nr_cpus, of.names),
        work: activity_details::work(activity, of.nr_cpus, of.names),
        transactions: activity_details::transactions(activity, of.nr_cpus),
    })
}

fn interrupt(name: String, time: &CountedTime, rates: &Rates) -> InterruptReport {
    InterruptReport {
        name,
        per_sec: rates.per_sec(time.nr),
        cpu_pct: rates.cpu_pct(time.ns),
    }
}

fn line_name(line: u32, counters: &HostCounters) -> String {
    if line == OTHER_LINES {
        return "other lines".to_owned();
    }
    let number = line.to_string();
    let named = counters.by_line.keys().find(|name| {
        name.split_once(' ')
            .is_some_and(|(found, _)| found == number)
    });
    named.cloned().unwrap_or(number)
}

fn by_time(rows: impl Iterator<Item = InterruptReport>) -> Vec<InterruptReport> {
    let mut rows: Vec<_> = rows.collect();
    rows.sort_by(|a, b| b.cpu_pct.total_cmp(&a.cpu_pct));
    rows.truncate(NR_NAMED);
    rows
}

/// Names as in `/proc/softirqs`.
const fn vector_name(vector: SoftirqVector) -> &'static str {
    match vector {
        SoftirqVector::Hi => "HI",
        SoftirqVector::Timer => "TIMER",
        SoftirqVector::NetTx => "NET_TX",
        SoftirqVector::NetRx => "NET_RX",
        SoftirqVector::Block => "BLOCK",
        SoftirqVector::IrqPoll => "IRQ_POLL",
        SoftirqVector::Tasklet => "TASKLET",
        SoftirqVector::Sched => "SCHED",
        SoftirqVector::Hrtimer => "HRTIMER",
        SoftirqVector::Rcu => "RCU",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::{FlushReason, PairedTime, ReclaimActivity, SyscallResults};
    use crate::event::ObjectPlace;
    use crate::ids::{CgroupId, CodeAddr, LockAddr};
    use crate::names::FunctionName;
    use crate::probes::{GroupSet, ProbeGroup, ProbeSet};

    struct OneFunction;

    impl Names for OneFunction {
        fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
            (addr.0 == 0x1000).then(|| FunctionName {
                name: "flush_tlb_func".to_owned(),
                offset_bytes: 0,
            })
        }
        fn data_symbol(&self, _: LockAddr) -> Option<String> {
            None
        }
        fn member(&self, _: ObjectPlace) -> Option<String> {
            None
        }
        fn cgroup_path(&self, _: CgroupId) -> Option<String> {
            None
        }
    }

    /// Half a second of `groups`, with something of everything.
    fn seen(groups: GroupSet) -> Activity {
        let time = |nr, ns| CountedTime { nr, ns };
        let calls = SyscallResults {
            nr_zero: 25,
            nr_retry: 75,
            ..SyscallResults::default()
        };
        Activity {
            probes: ProbeSet::of(groups),
            observed_ns: groups.iter().map(|group| (group, 500_000_000)).collect(),
            costs: groups
                .iter()
                .map(|group| (group, time(10, 1_000_000)))
                .collect(),
            syscalls: BTreeMap::from([(202, calls)]),
            errnos: BTreeMap::from([(11, 75)]),
            softirqs: BTreeMap::from([(SoftirqVector::NetRx, time(10, 1_000_000))]),
            hardirqs: BTreeMap::from([(36, time(10, 1_000_000))]),
            run_delays: time(4, 400),
            nr_switches: 5,
            nr_faults: 6,
            nr_packets_dropped: 7,
            reclaim: ReclaimActivity {
                direct: PairedTime {
                    timed: time(4, 250_000_000),
                    nr_unpaired: 1,
                },
                nr_direct_reclaimed: 32,
                ..ReclaimActivity::default()
            },
            call_functions: BTreeMap::from([
                (CodeAddr(0), time(1, 0)),
                (CodeAddr(0x1000), time(9, 0)),
                (CodeAddr(0x2000), time(2, 0)),
            ]),
            tlb_flushes: BTreeMap::from([(FlushReason::RemoteShootdown, 9)]),
            work: PairedTime {
                timed: time(2, 2_000_000),
                nr_unpaired: 0,
            },
            work_functions: BTreeMap::from([(CodeAddr(0x1000), time(2, 2_000_000))]),
            nr_trans_restarts: 60,
            nr_trans_commits: 4,
            ..Activity::default()
        }
    }

    fn reported(activity: &Activity) -> Option<ActivityReport> {
        let counters = HostCounters {
            by_line: BTreeMap::from([("36 virtio1-req.0".to_owned(), 10)]),
            ..HostCounters::default()
        };
        let of = Of {
            nr_cpus: 2.0,
            counters: &counters,
            arch: "x86_64",
            names: &OneFunction,
        };
        report(activity, &of)
    }

    #[test]
    fn rates_and_names() {
        let found = reported(&seen(ProbeGroup::ALL.into_iter().collect())).expect("a report");
        let failing = found.failing_syscalls.expect("attached");
        assert_eq!(failing[0].name.as_deref(), Some("futex"));
        assert_eq!(found.retry_pct, Some(75.0));
        assert_eq!(found.errnos_per_sec.expect("attached")[&11], 150.0);
        let lines = found.hardirqs.expect("attached");
        assert_eq!(lines[0].name, "36 virtio1-req.0");
        assert_eq!(lines[0].cpu_pct, 0.1);
        assert_eq!(found.mean_run_delay_ns, Some(100));
        let reclaim = found.reclaim.expect("attached");
        let direct = reclaim.direct.expect("attached");
        assert_eq!((direct.per_sec, direct.unpaired_per_sec), (10.0, 2.0));
        assert_eq!(
            (direct.mean_ns, direct.mean_threads),
            (Some(62_500_000), 0.5)
        );
        assert_eq!(reclaim.direct_pages_per_sec, Some(64.0));
        let calls = found.cross_calls.expect("attached");
        assert_eq!(calls.calls_per_sec, Some(24.0));
        let names: Vec<_> = calls.functions.iter().flatten().map(|f| &*f.name).collect();
        assert_eq!(names, ["flush_tlb_func", "0x2000", "others"]);
        let work = found.work.expect("attached");
        assert_eq!(work.functions[0].mean_ns, Some(1_000_000));
        assert_eq!(work.functions[0].cpu_pct, Some(0.2));
        let transactions = found.transactions.expect("attached");
        let restarts = (
            transactions.restarts_per_sec,
            transactions.restarts_per_commit,
        );
        assert_eq!(restarts, (Some(120.0), Some(15.0)));
        assert_eq!(transactions.commits_per_sec, Some(8.0));
        assert!(found.groups.iter().all(|group| group.cost_pct == 0.1));
        assert_eq!(reported(&Activity::default()), None);
    }

    #[test]
    fn what_was_not_attached_is_unknown_whatever_its_counters_say() {
        for group in ProbeGroup::ALL {
            let found = reported(&seen(GroupSet::EMPTY.with(group))).expect("a report");
            let is = |wanted| group == wanted;
            let shown = [
                (ProbeGroup::Syscalls, found.ok_syscalls_per_sec.is_some()),
                (ProbeGroup::Syscalls, found.retry_pct.is_some()),
                (ProbeGroup::Syscalls, found.failing_syscalls.is_some()),
                (ProbeGroup::Syscalls, found.errnos_per_sec.is_some()),
                (ProbeGroup::Interrupts, found.softirqs.is_some()),
                (ProbeGroup::Interrupts, found.hardirqs.is_some()),
                (ProbeGroup::Faults, found.faults_per_sec.is_some()),
                (ProbeGroup::Packets, found.packets_dropped_per_sec.is_some()),
                (ProbeGroup::Scheduler, found.switches_per_sec.is_some()),
                (ProbeGroup::Scheduler, found.mean_run_delay_ns.is_some()),
                (ProbeGroup::Scheduler, found.rt_cpu_pct.is_some()),
                (ProbeGroup::Reclaim, found.reclaim.is_some()),
                (ProbeGroup::CrossCalls, found.cross_calls.is_some()),
                (ProbeGroup::Workqueue, found.work.is_some()),
                (ProbeGroup::Transactions, found.transactions.is_some()),
            ];
            for (of, is_shown) in shown {
                assert_eq!(is_shown, is(of), "{of:?} with {group:?} attached");
            }
            assert_eq!(found.groups.len(), 1);
        }
    }

    #[test]
    fn a_tracepoint_that_the_kernel_lacks_is_named_and_its_counts_unknown() {
        let mut old = seen(GroupSet::EMPTY.with(ProbeGroup::CrossCalls));
        old.probes = ProbeSet::default().with(Probe::TlbFlush);
        let found = reported(&old).expect("a report");
        let calls = found.cross_calls.expect("attached in part");
        assert_eq!(
            (calls.calls_per_sec, calls.interrupts_per_sec),
            (None, None)
        );
        assert!(calls.tlb_flushes_per_sec.is_some());
        let absent = ["csd_queue_cpu", "ipi_send_cpu", "ipi_send_cpumask"];
        assert_eq!(found.groups[0].absent, absent);
    }

    #[test]
    fn restarts_without_a_commit_have_no_ratio_and_commits_nobody_counted_are_unknown() {
        let mut without = seen(GroupSet::EMPTY.with(ProbeGroup::Transactions));
        without.nr_trans_commits = 0;
        let of = |activity: &Activity| {
            let found = reported(activity).expect("a report").transactions;
            let found = found.expect("attached");
            (found.commits_per_sec, found.restarts_per_commit)
        };
        assert_eq!(of(&without), (Some(0.0), None));
        without.probes = ProbeSet::default().with(Probe::TransRestart);
        assert_eq!(of(&without), (None, None));
    }
}
