//! Counts of groups that were attached throughout.
//!
//! In: what the programs counted. Out: the same without groups that are on their way out. Refuses: to leave out who waited for long,
//! whenever that was told.

use super::Activity;
use crate::probes::ProbeGroup;

impl Activity {
    /// Without what groups counted that are not attached any more: they went on until they were detached, which no window's length tells.
    #[must_use]
    pub fn of_attached(mut self) -> Self {
        let groups = self.groups();
        let none = Self::default();
        for group in ProbeGroup::ALL.into_iter().filter(|&g| !groups.has(g)) {
            match group {
                ProbeGroup::Interrupts => {
                    self.softirqs.clear();
                    self.hardirqs.clear();
                }
                ProbeGroup::Syscalls => {
                    self.syscalls.clear();
                    self.errnos.clear();
                    self.failures.clear();
                }
                ProbeGroup::Faults => {
                    self.nr_faults = 0;
                    self.nr_same_faults = 0;
                    self.same_fault_pid = None;
                    self.faults_by_cpu.clear();
                }
                ProbeGroup::Reclaim => {
                    self.reclaim.clone_from(&none.reclaim);
                    self.reclaim_retries.clear();
                    self.nr_untold_retries = 0;
                    self.throttled.clear();
                }
                ProbeGroup::Packets => self.nr_packets_dropped = 0,
                ProbeGroup::CrossCalls => {
                    self.nr_ipis = 0;
                    self.call_functions.clear();
                    self.tlb_flushes.clear();
                }
                ProbeGroup::Workqueue => {
                    self.work.clone_from(&none.work);
                    self.work_functions.clear();
                    self.last_work.clear();
                }
                ProbeGroup::Transactions => {
                    self.nr_trans_restarts = 0;
                    self.nr_trans_commits = 0;
                }
                ProbeGroup::Scheduler => {
                    self.nr_switches = 0;
                    self.nr_involuntary_switches = None;
                    self.run_delays.clone_from(&none.run_delays);
                    self.rt_run_ns = 0;
                    // Who waited for long did so, whenever that was told.
                }
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::activity::{CallErrno, CountedTime, LastWork, SyscallResults, ThrottleReason};
    use crate::ids::Pid;
    use crate::probes::{GroupSet, ProbeSet};

    #[test]
    fn what_a_group_counted_on_its_way_out_is_not_counted() {
        let counted = Activity {
            probes: ProbeSet::of(GroupSet::EMPTY.with(ProbeGroup::Faults)),
            syscalls: BTreeMap::from([(0, SyscallResults::default())]),
            errnos: BTreeMap::from([(11, 7)]),
            failures: BTreeMap::from([(CallErrno(202 << 16 | 11), 7)]),
            nr_faults: 4,
            nr_switches: 9,
            nr_involuntary_switches: Some(3),
            reclaim_retries: BTreeMap::from([(2, 1)]),
            throttled: BTreeMap::from([(ThrottleReason::Writeback, CountedTime { nr: 1, ns: 2 })]),
            last_work: BTreeMap::from([(Pid(9), LastWork::default())]),
            nr_packets_dropped: 1,
            nr_trans_restarts: 30,
            nr_trans_commits: 2,
            ..Activity::default()
        };
        let left = Activity {
            probes: counted.probes,
            nr_faults: 4,
            ..Activity::default()
        };
        assert_eq!(counted.of_attached(), left);
    }
}
