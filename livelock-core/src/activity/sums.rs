//! What the programs of probe level 1 counted.
//!
//! In: counters of a CPU since attach. Out: differences and sums. Refuses: to pass a 0 of a program that was not
//! attached for a count; [`Activity::sees`] tells.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::kinds::{
    CallErrno, CountedTime, FlushReason, LastWork, PairedTime, ReclaimActivity, SoftirqVector,
    StarvedTask, SyscallResults, ThrottleReason,
};
use crate::ids::{CodeAddr, CpuId, MonotonicNs, Pid};
use crate::probes::{GroupSet, Probe, ProbeGroup, ProbeSet};

/// What the programs of probe level 1 counted, on one CPU or on all. What belongs to a program that was not
/// attached is 0 and means nothing: ask [`Activity::sees`] first.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Activity {
    /// Programs that were attached.
    pub probes: ProbeSet,
    /// For how long, by group; set when a window is closed.
    pub observed_ns: BTreeMap<ProbeGroup, u64>,
    /// Runs of the programs, and what they cost, by timing some of them.
    pub costs: BTreeMap<ProbeGroup, CountedTime>,
    /// Reclaim.
    pub reclaim: ReclaimActivity,
    /// Work items.
    pub work: PairedTime,
    /// Work items by function; address 0: those that found no room.
    pub work_functions: BTreeMap<CodeAddr, CountedTime>,
    /// What each worker did last; not a count.
    pub last_work: BTreeMap<Pid, LastWork>,
    /// When this was read; set when a window is closed.
    #[serde(skip)]
    pub until: Option<MonotonicNs>,
    /// Interrupts sent to other CPUs, one for each mask.
    pub nr_ipis: u64,
    /// Calls queued for other CPUs, by function, likewise; no times.
    pub call_functions: BTreeMap<CodeAddr, CountedTime>,
    /// TLB flushes by reason.
    pub tlb_flushes: BTreeMap<FlushReason, u64>,
    /// Transactions of a file system that started over.
    pub nr_trans_restarts: u64,
    /// Those that committed.
    pub nr_trans_commits: u64,
    /// By vector.
    pub softirqs: BTreeMap<SoftirqVector, CountedTime>,
    /// By device line.
    pub hardirqs: BTreeMap<u32, CountedTime>,
    /// By number of the system call.
    pub syscalls: BTreeMap<u32, SyscallResults>,
    /// Failed system calls by `errno`.
    pub errnos: BTreeMap<u32, u64>,
    /// The same by system call; empty in recordings of older versions.
    pub failures: BTreeMap<CallErrno, u64>,
    /// Page faults.
    pub nr_faults: u64,
    /// Of those, the fault before over again.
    pub nr_same_faults: u64,
    /// A thread whose fault repeated.
    pub same_fault_pid: Option<Pid>,
    /// Faults of each CPU that were the one before over again, and all of them; told when a window is closed.
    #[serde(skip)]
    pub faults_by_cpu: BTreeMap<CpuId, (u64, u64)>,
    /// Allocations that went round the reclaim loop again, by rounds without progress.
    pub reclaim_retries: BTreeMap<u32, u64>,
    /// All of them, in recordings of older versions, which did not tell rounds apart.
    #[serde(rename = "nr_reclaim_retries", skip_serializing_if = "is_zero")]
    pub nr_untold_retries: u64,
    /// Threads that reclaim made to sleep, by reason.
    pub throttled: BTreeMap<ThrottleReason, CountedTime>,
    /// Packets dropped, in whatever network namespace.
    pub nr_packets_dropped: u64,
    /// Packets taken off the input queues meanwhile, from `/proc`; set when a window is closed.
    pub nr_packets_processed: u64,
    /// Switches to another task.
    pub nr_switches: u64,
    /// Of those, away from tasks that wanted to go on; `None` in recordings of older versions.
    pub nr_involuntary_switches: Option<u64>,
    /// From runnable to running.
    pub run_delays: CountedTime,
    /// Of those, longer than anybody should wait.
    pub nr_long_delays: u64,
    /// The last of them.
    pub long_delay: Option<StarvedTask>,
    /// Time of real-time tasks.
    pub rt_run_ns: u64,
}

impl Activity {
    /// What was added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let time = |a: &CountedTime, b: &CountedTime| CountedTime {
            nr: a.nr.saturating_sub(b.nr),
            ns: a.ns.saturating_sub(b.ns),
        };
        let paired = |a: &PairedTime, b: &PairedTime| PairedTime {
            timed: time(&a.timed, &b.timed),
            nr_unpaired: a.nr_unpaired.saturating_sub(b.nr_unpaired),
        };
        let nr = |a: &u64, b: &u64| a.saturating_sub(*b);
        let (now, then) = (&self.reclaim, &before.reclaim);
        let again = self
            .same_fault_pid
            .filter(|_| self.nr_same_faults > before.nr_same_faults);
        Self {
            probes: self.probes,
            observed_ns: since_by(&self.observed_ns, &before.observed_ns, nr),
            costs: since_by(&self.costs, &before.costs, time),
            reclaim: ReclaimActivity {
                direct: paired(&now.direct, &then.direct),
                nr_direct_reclaimed: nr(&now.nr_direct_reclaimed, &then.nr_direct_reclaimed),
                compaction: paired(&now.compaction, &then.compaction),
                nr_compacted: nr(&now.nr_compacted, &then.nr_compacted),
            },
            work: paired(&self.work, &before.work),
            work_functions: since_by(&self.work_functions, &before.work_functions, time),
            last_work: self.last_work.clone(),
            until: None,
            nr_ipis: nr(&self.nr_ipis, &before.nr_ipis),
            call_functions: since_by(&self.call_functions, &before.call_functions, time),
            tlb_flushes: since_by(&self.tlb_flushes, &before.tlb_flushes, nr),
            nr_trans_restarts: nr(&self.nr_trans_restarts, &before.nr_trans_restarts),
            nr_trans_commits: nr(&self.nr_trans_commits, &before.nr_trans_commits),
            softirqs: since_by(&self.softirqs, &before.softirqs, time),
            hardirqs: since_by(&self.hardirqs, &before.hardirqs, time),
            syscalls: since_by(&self.syscalls, &before.syscalls, |a, b| SyscallResults {
                nr_positive: a.nr_positive.saturating_sub(b.nr_positive),
                nr_zero: a.nr_zero.saturating_sub(b.nr_zero),
                nr_retry: a.nr_retry.saturating_sub(b.nr_retry),
                nr_failed: a.nr_failed.saturating_sub(b.nr_failed),
            }),
            errnos: since_by(&self.errnos, &before.errnos, nr),
            failures: since_by(&self.failures, &before.failures, nr),
            nr_faults: self.nr_faults.saturating_sub(before.nr_faults),
            nr_same_faults: self.nr_same_faults.saturating_sub(before.nr_same_faults),
            same_fault_pid: again,
            faults_by_cpu: BTreeMap::new(),
            reclaim_retries: since_by(&self.reclaim_retries, &before.reclaim_retries, nr),
            nr_untold_retries: nr(&self.nr_untold_retries, &before.nr_untold_retries),
            throttled: since_by(&self.throttled, &before.throttled, time),
            nr_packets_dropped: self
                .nr_packets_dropped
                .saturating_sub(before.nr_packets_dropped),
            nr_packets_processed: 0,
            nr_switches: self.nr_switches.saturating_sub(before.nr_switches),
            nr_involuntary_switches: self
                .nr_involuntary_switches
                .map(|now| now.saturating_sub(before.nr_involuntary_switches.unwrap_or(0))),
            run_delays: time(&self.run_delays, &before.run_delays),
            nr_long_delays: self.nr_long_delays.saturating_sub(before.nr_long_delays),
            long_delay: self
                .long_delay
                .filter(|_| self.nr_long_delays > before.nr_long_delays),
            rt_run_ns: self.rt_run_ns.saturating_sub(before.rt_run_ns),
        }
    }

    /// Adds another CPU's, or a later window's.
    pub fn merge(&mut self, other: &Self) {
        let time = |a: &mut CountedTime, b: &CountedTime| {
            a.nr += b.nr;
            a.ns += b.ns;
        };
        let paired = |a: &mut PairedTime, b: &PairedTime| {
            time(&mut a.timed, &b.timed);
            a.nr_unpaired += b.nr_unpaired;
        };
        self.probes = self.probes.union(other.probes);
        merge_by(&mut self.observed_ns, &other.observed_ns, |a, b| *a += b);
        merge_by(&mut self.costs, &other.costs, time);
        paired(&mut self.reclaim.direct, &other.reclaim.direct);
        self.reclaim.nr_direct_reclaimed += other.reclaim.nr_direct_reclaimed;
        paired(&mut self.reclaim.compaction, &other.reclaim.compaction);
        self.reclaim.nr_compacted += other.reclaim.nr_compacted;
        paired(&mut self.work, &other.work);
        merge_by(&mut self.work_functions, &other.work_functions, time);
        merge_by(&mut self.last_work, &other.last_work, LastWork::merge);
        self.until = self.until.max(other.until);
        self.nr_ipis += other.nr_ipis;
        merge_by(&mut self.call_functions, &other.call_functions, time);
        merge_by(&mut self.tlb_flushes, &other.tlb_flushes, |a, b| *a += b);
        self.nr_trans_restarts += other.nr_trans_restarts;
        self.nr_trans_commits += other.nr_trans_commits;
        merge_by(&mut self.softirqs, &other.softirqs, time);
        merge_by(&mut self.hardirqs, &other.hardirqs, time);
        merge_by(&mut self.syscalls, &other.syscalls, |a, b| {
            a.nr_positive += b.nr_positive;
            a.nr_zero += b.nr_zero;
            a.nr_retry += b.nr_retry;
            a.nr_failed += b.nr_failed;
        });
        merge_by(&mut self.errnos, &other.errnos, |a, b| *a += b);
        merge_by(&mut self.failures, &other.failures, |a, b| *a += b);
        self.nr_faults += other.nr_faults;
        self.nr_same_faults += other.nr_same_faults;
        self.same_fault_pid = other.same_fault_pid.or(self.same_fault_pid);
        merge_by(&mut self.faults_by_cpu, &other.faults_by_cpu, |a, b| {
            a.0 += b.0;
            a.1 += b.1;
        });
        merge_by(&mut self.reclaim_retries, &other.reclaim_retries, |a, b| {
            *a += b;
        });
        self.nr_untold_retries += other.nr_untold_retries;
        merge_by(&mut self.throttled, &other.throttled, time);
        self.nr_packets_dropped += other.nr_packets_dropped;
        self.nr_packets_processed += other.nr_packets_processed;
        self.nr_switches += other.nr_switches;
        if let Some(nr) = other.nr_involuntary_switches {
            *self.nr_involuntary_switches.get_or_insert(0) += nr;
        }
        time(&mut self.run_delays, &other.run_delays);
        self.nr_long_delays += other.nr_long_delays;
        self.long_delay = other.long_delay.or(self.long_delay);
        self.rt_run_ns += other.rt_run_ns;
    }

    /// Whether `probe` was attached: only then do its counters mean anything.
    #[must_use]
    pub const fn sees(&self, probe: Probe) -> bool {
        self.probes.has(probe)
    }

    /// The groups that were attached.
    #[must_use]
    pub fn groups(&self) -> GroupSet {
        self.probes.groups()
    }

    /// Allocations that went round the reclaim loop again.
    #[must_use]
    pub fn nr_reclaim_retries(&self) -> u64 {
        self.reclaim_retries.values().sum::<u64>() + self.nr_untold_retries
    }

    /// Work items that a worker has begun and not ended: thread, function, age. None that began before the attach.
    pub fn open_work(&self) -> impl Iterator<Item = (Pid, Option<CodeAddr>, u64)> {
        self.last_work.iter().filter_map(|(&pid, work)| {
            let age_ns = self.until?.since(work.began?);
            let is_open = work.ended.is_none_or(|ended| work.began > Some(ended));
            is_open.then_some((pid, work.function, age_ns))
        })
    }

    /// How long `group` was attached; `None`: not at all.
    #[must_use]
    pub fn observed_ns(&self, group: ProbeGroup) -> Option<u64> {
        self.observed_ns.get(&group).copied().filter(|&ns| ns > 0)
    }

    /// What all programs cost.
    #[must_use]
    pub fn self_ns(&self) -> u64 {
        self.costs.values().map(|cost| cost.ns).sum()
    }

    /// Sums over all system calls.
    #[must_use]
    pub fn all_syscalls(&self) -> SyscallResults {
        self.syscalls
            .values()
            .fold(SyscallResults::default(), |mut sum, results| {
                sum.nr_positive += results.nr_positive;
                sum.nr_zero += results.nr_zero;
                sum.nr_retry += results.nr_retry;
                sum.nr_failed += results.nr_failed;
                sum
            })
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_zero(nr: &u64) -> bool {
    *nr == 0
}

/// Differences; what is not in `before` began at 0, what did not move is left out.
fn since_by<K: Ord + Copy, V: Default + PartialEq>(
    now: &BTreeMap<K, V>,
    before: &BTreeMap<K, V>,
    f: impl Fn(&V, &V) -> V,
) -> BTreeMap<K, V> {
    let none = V::default();
    now.iter()
        .map(|(key, now)| (*key, f(now, before.get(key).unwrap_or(&none))))
        .filter(|(_, moved)| *moved != none)
        .collect()
}

fn merge_by<K: Ord + Copy, V: Default>(
    sum: &mut BTreeMap<K, V>,
    more: &BTreeMap<K, V>,
    f: impl Fn(&mut V, &V),
) {
    for (key, value) in more {
        f(sum.entry(*key).or_default(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn activity_subtracts_and_adds_up_again() {
        let half = Activity {
            syscalls: BTreeMap::from([(
                202,
                SyscallResults {
                    nr_retry: 7,
                    ..SyscallResults::default()
                },
            )]),
            errnos: BTreeMap::from([(11, 7)]),
            failures: BTreeMap::from([(CallErrno(202 << 16 | 11), 7)]),
            reclaim_retries: BTreeMap::from([(3, 2)]),
            throttled: BTreeMap::from([(ThrottleReason::NoProgress, CountedTime { nr: 1, ns: 9 })]),
            nr_involuntary_switches: Some(5),
            nr_faults: 4,
            nr_trans_restarts: 30,
            nr_trans_commits: 2,
            ..Activity::default()
        };
        let mut whole = half.clone();
        whole.merge(&half);
        assert_eq!(whole.since(&half), half);
        assert_eq!(whole.all_syscalls().nr_retry, 14);
        let none = Activity {
            nr_involuntary_switches: Some(0),
            ..Activity::default()
        };
        assert_eq!(half.since(&half), none);
    }
}
