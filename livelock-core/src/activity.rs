//! What the CPUs were busy with, as far as counters tell.
//!
//! In: `/proc` (always) and the programs of probe level 1 (while attached). Out: plain data with
//! differences and sums. Refuses: zero for what was not read; a counter that is absent was not seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::Pid;

/// A counter of the whole host, from `/proc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostCounter {
    /// Allocations that had to reclaim themselves (`allocstall_*`).
    DirectReclaims,
    /// Pages read back after having been reclaimed (`workingset_refault_*`).
    Refaults,
    /// Compactions that an allocation had to wait for (`compact_stall`).
    CompactStalls,
    /// Of those, in vain (`compact_fail`).
    CompactFails,
    /// TLB flushes asked of other CPUs (`nr_tlb_remote_flush`).
    TlbRemoteFlushes,
    /// Packets taken off the input queues (`/proc/net/softnet_stat`).
    PacketsProcessed,
    /// Packets dropped because an input queue was full.
    PacketsDropped,
    /// Polls cut short because their budget was used up.
    PollsSqueezed,
    /// UDP datagrams given to a socket (`/proc/net/snmp`).
    DatagramsDelivered,
    /// UDP datagrams dropped because the socket's buffer was full, or nobody listened.
    DatagramsRefused,
    /// Interrupts between CPUs: calls, TLB shoot-downs (`/proc/interrupts`).
    CallInterrupts,
    /// Local timer interrupts.
    TimerInterrupts,
    /// Interrupts of devices.
    DeviceInterrupts,
    /// Soft interrupts by what raised them (`/proc/softirqs`).
    TimerSoftirqs,
    /// `NET_RX`.
    NetRxSoftirqs,
    /// `HRTIMER`.
    HrtimerSoftirqs,
    /// `RCU`.
    RcuSoftirqs,
    /// All.
    Softirqs,
}

/// Counters of the whole host at one moment, or their difference over a window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostCounters {
    /// By counter; absent: this host does not show it.
    pub values: BTreeMap<HostCounter, u64>,
    /// Interrupts by device line, `36 virtio1-req.0`.
    pub by_line: BTreeMap<String, u64>,
}

impl HostCounters {
    /// One counter.
    #[must_use]
    pub fn get(&self, counter: HostCounter) -> Option<u64> {
        self.values.get(&counter).copied()
    }

    /// What was added since `before`; counters that were not read at both moments are absent.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        Self {
            values: since(&self.values, &before.values),
            by_line: since(&self.by_line, &before.by_line),
        }
    }

    /// Adds a later difference.
    pub fn merge(&mut self, later: &Self) {
        add(&mut self.values, &later.values);
        add(&mut self.by_line, &later.by_line);
    }
}

/// Vectors of soft interrupts, in the kernel's order (include/linux/interrupt.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SoftirqVector {
    /// `HI_SOFTIRQ`.
    Hi,
    /// `TIMER_SOFTIRQ`.
    Timer,
    /// `NET_TX_SOFTIRQ`.
    NetTx,
    /// `NET_RX_SOFTIRQ`.
    NetRx,
    /// `BLOCK_SOFTIRQ`.
    Block,
    /// `IRQ_POLL_SOFTIRQ`.
    IrqPoll,
    /// `TASKLET_SOFTIRQ`.
    Tasklet,
    /// `SCHED_SOFTIRQ`.
    Sched,
    /// `HRTIMER_SOFTIRQ`.
    Hrtimer,
    /// `RCU_SOFTIRQ`.
    Rcu,
}

impl SoftirqVector {
    /// In the kernel's order.
    pub const ALL: [Self; 10] = [
        Self::Hi,
        Self::Timer,
        Self::NetTx,
        Self::NetRx,
        Self::Block,
        Self::IrqPoll,
        Self::Tasklet,
        Self::Sched,
        Self::Hrtimer,
        Self::Rcu,
    ];
}

/// How often, and for how long in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountedTime {
    /// Times.
    pub nr: u64,
    /// Sum.
    pub ns: u64,
}

/// Results of one system call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyscallResults {
    /// Returned more than 0.
    pub nr_positive: u64,
    /// Returned 0.
    pub nr_zero: u64,
    /// Failed with a code that asks to try again.
    pub nr_retry: u64,
    /// Failed otherwise.
    pub nr_failed: u64,
}

impl SyscallResults {
    /// All.
    #[must_use]
    pub const fn nr(&self) -> u64 {
        self.nr_ok()
            .saturating_add(self.nr_retry)
            .saturating_add(self.nr_failed)
    }

    /// Those that did not fail.
    #[must_use]
    pub const fn nr_ok(&self) -> u64 {
        self.nr_positive.saturating_add(self.nr_zero)
    }
}

/// What the programs of probe level 1 counted, on one CPU or on all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Activity {
    /// By vector.
    pub softirqs: BTreeMap<SoftirqVector, CountedTime>,
    /// By device line.
    pub hardirqs: BTreeMap<u32, CountedTime>,
    /// By number of the system call.
    pub syscalls: BTreeMap<u32, SyscallResults>,
    /// Failed system calls by `errno`.
    pub errnos: BTreeMap<u32, u64>,
    /// Page faults.
    pub nr_faults: u64,
    /// Of those, the fault before over again.
    pub nr_same_faults: u64,
    /// A thread whose fault repeated.
    pub same_fault_pid: Option<Pid>,
    /// Allocations that went round the reclaim loop again.
    pub nr_reclaim_retries: u64,
    /// Most rounds without progress since attach.
    pub max_no_progress_loops: u64,
    /// Switches to another task.
    pub nr_switches: u64,
    /// From runnable to running.
    pub run_delays: CountedTime,
    /// Of those, longer than anybody should wait.
    pub nr_long_delays: u64,
    /// The last of them.
    pub long_delay: Option<StarvedTask>,
    /// Time of real-time tasks.
    pub rt_run_ns: u64,
    /// Runs of the programs that counted all this.
    pub nr_runs: u64,
    /// What they cost, by timing some of them.
    pub self_ns: u64,
}

impl Activity {
    /// What was added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let time = |a: &CountedTime, b: &CountedTime| CountedTime {
            nr: a.nr.saturating_sub(b.nr),
            ns: a.ns.saturating_sub(b.ns),
        };
        Self {
            softirqs: since_by(&self.softirqs, &before.softirqs, time),
            hardirqs: since_by(&self.hardirqs, &before.hardirqs, time),
            syscalls: since_by(&self.syscalls, &before.syscalls, |a, b| SyscallResults {
                nr_positive: a.nr_positive.saturating_sub(b.nr_positive),
                nr_zero: a.nr_zero.saturating_sub(b.nr_zero),
                nr_retry: a.nr_retry.saturating_sub(b.nr_retry),
                nr_failed: a.nr_failed.saturating_sub(b.nr_failed),
            }),
            errnos: since_by(&self.errnos, &before.errnos, |a, b| a.saturating_sub(*b)),
            nr_faults: self.nr_faults.saturating_sub(before.nr_faults),
            nr_same_faults: self.nr_same_faults.saturating_sub(before.nr_same_faults),
            same_fault_pid: self
                .same_fault_pid
                .filter(|_| self.nr_same_faults > before.nr_same_faults),
            nr_reclaim_retries: self
                .nr_reclaim_retries
                .saturating_sub(before.nr_reclaim_retries),
            max_no_progress_loops: self.max_no_progress_loops,
            nr_switches: self.nr_switches.saturating_sub(before.nr_switches),
            run_delays: time(&self.run_delays, &before.run_delays),
            nr_long_delays: self.nr_long_delays.saturating_sub(before.nr_long_delays),
            long_delay: self
                .long_delay
                .filter(|_| self.nr_long_delays > before.nr_long_delays),
            rt_run_ns: self.rt_run_ns.saturating_sub(before.rt_run_ns),
            nr_runs: self.nr_runs.saturating_sub(before.nr_runs),
            self_ns: self.self_ns.saturating_sub(before.self_ns),
        }
    }

    /// Adds another CPU's, or a later window's.
    pub fn merge(&mut self, other: &Self) {
        let time = |a: &mut CountedTime, b: &CountedTime| {
            a.nr += b.nr;
            a.ns += b.ns;
        };
        merge_by(&mut self.softirqs, &other.softirqs, time);
        merge_by(&mut self.hardirqs, &other.hardirqs, time);
        merge_by(&mut self.syscalls, &other.syscalls, |a, b| {
            a.nr_positive += b.nr_positive;
            a.nr_zero += b.nr_zero;
            a.nr_retry += b.nr_retry;
            a.nr_failed += b.nr_failed;
        });
        merge_by(&mut self.errnos, &other.errnos, |a, b| *a += b);
        self.nr_faults += other.nr_faults;
        self.nr_same_faults += other.nr_same_faults;
        self.same_fault_pid = other.same_fault_pid.or(self.same_fault_pid);
        self.nr_reclaim_retries += other.nr_reclaim_retries;
        self.max_no_progress_loops = self.max_no_progress_loops.max(other.max_no_progress_loops);
        self.nr_switches += other.nr_switches;
        time(&mut self.run_delays, &other.run_delays);
        self.nr_long_delays += other.nr_long_delays;
        self.long_delay = other.long_delay.or(self.long_delay);
        self.rt_run_ns += other.rt_run_ns;
        self.nr_runs += other.nr_runs;
        self.self_ns += other.self_ns;
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

/// A task that is runnable and does not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StarvedTask {
    /// Thread.
    pub pid: Pid,
    /// Since how long, in nanoseconds.
    pub age_ns: u64,
    /// `task_struct.prio`; `None` if this kernel does not tell.
    pub prio: Option<u32>,
}

fn since<K: Ord + Clone>(now: &BTreeMap<K, u64>, before: &BTreeMap<K, u64>) -> BTreeMap<K, u64> {
    now.iter()
        .filter_map(|(key, now)| Some((key.clone(), now.saturating_sub(*before.get(key)?))))
        .collect()
}

fn add<K: Ord + Clone>(sum: &mut BTreeMap<K, u64>, more: &BTreeMap<K, u64>) {
    for (key, nr) in more {
        *sum.entry(key.clone()).or_default() += nr;
    }
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
    fn a_counter_that_was_not_read_before_is_absent_not_zero() {
        let before = HostCounters {
            values: BTreeMap::from([(HostCounter::Refaults, 3)]),
            ..HostCounters::default()
        };
        let now = HostCounters {
            values: BTreeMap::from([(HostCounter::Refaults, 5), (HostCounter::DirectReclaims, 9)]),
            ..HostCounters::default()
        };
        let moved = now.since(&before);
        assert_eq!(moved.get(HostCounter::Refaults), Some(2));
        assert_eq!(moved.get(HostCounter::DirectReclaims), None);
    }

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
            nr_faults: 4,
            ..Activity::default()
        };
        let mut whole = half.clone();
        whole.merge(&half);
        assert_eq!(whole.since(&half), half);
        assert_eq!(whole.all_syscalls().nr_retry, 14);
        assert_eq!(half.since(&half), Activity::default());
    }
}
