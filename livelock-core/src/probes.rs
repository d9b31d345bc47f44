//! The programs of probe level 1, and the groups they are attached in.
//!
//! In: nothing. Out: names that capture, the choice of groups and verdicts share. Refuses: a program outside a
//! group.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Programs that are attached and detached together, because one question needs them all.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProbeGroup {
    /// Results of system calls.
    Syscalls,
    /// Time by soft-interrupt vector and device line.
    Interrupts,
    /// Switches, delays from runnable to running, who waits to run.
    Scheduler,
    /// Page faults, and whether they repeat.
    Faults,
    /// Direct reclaim, compaction, rounds of both.
    Reclaim,
    /// Packets dropped, in whatever network namespace.
    Packets,
    /// Calls between CPUs and TLB flushes.
    CrossCalls,
    /// Work items by function.
    Workqueue,
    /// Transactions of a file system that commit, and that start over.
    Transactions,
}

impl ProbeGroup {
    /// All, in the order of their index on the wire.
    pub const ALL: [Self; 9] = [
        Self::Syscalls,
        Self::Interrupts,
        Self::Scheduler,
        Self::Faults,
        Self::Reclaim,
        Self::Packets,
        Self::CrossCalls,
        Self::Workqueue,
        Self::Transactions,
    ];

    /// Whether what it counts is the doing of the task that runs, so that it can be told of a scope of tasks.
    #[must_use]
    pub const fn is_of_tasks(self) -> bool {
        matches!(
            self,
            Self::Syscalls | Self::Scheduler | Self::Faults | Self::Reclaim | Self::Transactions
        )
    }

    /// Name, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Syscalls => "syscalls",
            Self::Interrupts => "interrupts",
            Self::Scheduler => "scheduler",
            Self::Faults => "faults",
            Self::Reclaim => "reclaim",
            Self::Packets => "packets",
            Self::CrossCalls => "cross_calls",
            Self::Workqueue => "workqueue",
            Self::Transactions => "transactions",
        }
    }
}

/// A set of [`ProbeGroup`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupSet(u16);

impl GroupSet {
    /// None.
    pub const EMPTY: Self = Self(0);

    /// With `group`.
    #[must_use]
    pub const fn with(self, group: ProbeGroup) -> Self {
        Self(self.0 | 1 << group as u8)
    }

    /// Without `group`.
    #[must_use]
    pub const fn without(self, group: ProbeGroup) -> Self {
        Self(self.0 & !(1 << group as u8))
    }

    /// Whether `group` is in it.
    #[must_use]
    pub const fn has(self, group: ProbeGroup) -> bool {
        self.0 & 1 << group as u8 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The groups.
    pub fn iter(self) -> impl Iterator<Item = ProbeGroup> {
        ProbeGroup::ALL.into_iter().filter(move |&g| self.has(g))
    }

    /// What a highest probe level leaves of it.
    #[must_use]
    pub const fn up_to_level(self, max_level: u8) -> Self {
        if max_level == 0 { Self::EMPTY } else { self }
    }
}

impl FromIterator<ProbeGroup> for GroupSet {
    fn from_iter<I: IntoIterator<Item = ProbeGroup>>(groups: I) -> Self {
        groups.into_iter().fold(Self::EMPTY, Self::with)
    }
}

macro_rules! probes {
    ($($(#[$doc:meta])* $probe:ident = $name:literal in $group:ident,)+) => {
        /// A program of probe level 1.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Probe {
            $($(#[$doc])* $probe,)+
        }

        impl Probe {
            /// All. Ends come before begins, so that none is counted without its other half. Recordings hold sets of them by their
            /// place here: a new one goes to the end.
            pub const ALL: &'static [Self] = &[$(Self::$probe,)+];

            /// Program, and the tracepoint that it attaches to.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$probe => $name,)+ }
            }

            /// Group.
            #[must_use]
            pub const fn group(self) -> ProbeGroup {
                match self { $(Self::$probe => ProbeGroup::$group,)+ }
            }
        }
    };
}

probes! {
    /// `irq:softirq_exit`.
    SoftirqExit = "softirq_exit" in Interrupts,
    /// `irq:softirq_entry`.
    SoftirqEntry = "softirq_entry" in Interrupts,
    /// `irq:irq_handler_exit`.
    IrqHandlerExit = "irq_handler_exit" in Interrupts,
    /// `irq:irq_handler_entry`.
    IrqHandlerEntry = "irq_handler_entry" in Interrupts,
    /// `raw_syscalls:sys_exit`.
    SysExit = "sys_exit" in Syscalls,
    /// `exceptions:page_fault_user`.
    PageFaultUser = "page_fault_user" in Faults,
    /// `exceptions:page_fault_kernel`.
    PageFaultKernel = "page_fault_kernel" in Faults,
    /// `oom:reclaim_retry_zone`.
    ReclaimRetryZone = "reclaim_retry_zone" in Reclaim,
    /// `vmscan:mm_vmscan_direct_reclaim_end`.
    DirectReclaimEnd = "mm_vmscan_direct_reclaim_end" in Reclaim,
    /// `vmscan:mm_vmscan_direct_reclaim_begin`.
    DirectReclaimBegin = "mm_vmscan_direct_reclaim_begin" in Reclaim,
    /// `vmscan:mm_vmscan_memcg_reclaim_end`.
    MemcgReclaimEnd = "mm_vmscan_memcg_reclaim_end" in Reclaim,
    /// `vmscan:mm_vmscan_memcg_reclaim_begin`.
    MemcgReclaimBegin = "mm_vmscan_memcg_reclaim_begin" in Reclaim,
    /// `compaction:mm_compaction_end`.
    CompactionEnd = "mm_compaction_end" in Reclaim,
    /// `compaction:mm_compaction_begin`.
    CompactionBegin = "mm_compaction_begin" in Reclaim,
    /// `skb:kfree_skb`.
    KfreeSkb = "kfree_skb" in Packets,
    /// `csd:csd_queue_cpu`.
    CsdQueueCpu = "csd_queue_cpu" in CrossCalls,
    /// `ipi:ipi_send_cpu`.
    IpiSendCpu = "ipi_send_cpu" in CrossCalls,
    /// `ipi:ipi_send_cpumask`.
    IpiSendCpumask = "ipi_send_cpumask" in CrossCalls,
    /// `tlb:tlb_flush`.
    TlbFlush = "tlb_flush" in CrossCalls,
    /// `workqueue:workqueue_execute_end`.
    WorkqueueExecuteEnd = "workqueue_execute_end" in Workqueue,
    /// `workqueue:workqueue_execute_start`.
    WorkqueueExecuteStart = "workqueue_execute_start" in Workqueue,
    /// `sched:sched_switch`.
    SchedSwitch = "sched_switch" in Scheduler,
    /// `sched:sched_wakeup`.
    SchedWakeup = "sched_wakeup" in Scheduler,
    /// `vmscan:mm_vmscan_throttled`.
    Throttled = "mm_vmscan_throttled" in Reclaim,
    /// Every `bcachefs:trans_restart_*`.
    TransRestart = "trans_restart" in Transactions,
    /// `bcachefs:transaction_commit`.
    TransactionCommit = "transaction_commit" in Transactions,
}

impl Probe {
    /// Whether it is a raw tracepoint, because the verifier lets no BTF-checked program read its arguments, or because it
    /// is a module's.
    #[must_use]
    pub const fn is_raw(self) -> bool {
        self.is_of_module() || matches!(self, Self::CsdQueueCpu | Self::WorkqueueExecuteEnd)
    }

    /// Whether its tracepoints come and go with a module, so that what is not there now may be there later.
    #[must_use]
    pub const fn is_of_module(self) -> bool {
        matches!(self, Self::TransRestart | Self::TransactionCommit)
    }
}

/// A set of [`Probe`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeSet(u32);

impl ProbeSet {
    /// With `probe`.
    #[must_use]
    pub const fn with(self, probe: Probe) -> Self {
        Self(self.0 | 1 << probe as u32)
    }

    /// With those of `other`.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `probe` is in it.
    #[must_use]
    pub const fn has(self, probe: Probe) -> bool {
        self.0 & 1 << probe as u32 != 0
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// All of `groups`.
    #[must_use]
    pub fn of(groups: GroupSet) -> Self {
        let probes = Probe::ALL.iter().filter(|probe| groups.has(probe.group()));
        probes.fold(Self::default(), |set, &probe| set.with(probe))
    }

    /// Those of `groups` that are in it.
    #[must_use]
    pub fn within(self, groups: GroupSet) -> Self {
        Self(self.0 & Self::of(groups).0)
    }

    /// Groups of which at least one is in it.
    #[must_use]
    pub fn groups(self) -> GroupSet {
        let probes = Probe::ALL.iter().filter(|&&probe| self.has(probe));
        probes.map(|probe| probe.group()).collect()
    }

    /// Those of `group` that are not in it.
    pub fn absent(self, group: ProbeGroup) -> impl Iterator<Item = Probe> {
        let of_group = Probe::ALL.iter().copied();
        of_group.filter(move |&probe| probe.group() == group && !self.has(probe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_hold_what_was_put_in() {
        assert!(Probe::ALL.len() <= 32, "bits of a ProbeSet");
        for (index, group) in ProbeGroup::ALL.into_iter().enumerate() {
            assert_eq!(group as usize, index, "the order on the wire");
            let only = GroupSet::EMPTY.with(group);
            assert_eq!(only.iter().collect::<Vec<_>>(), [group]);
            assert_eq!(ProbeSet::of(only).groups(), only);
            assert_eq!(ProbeSet::of(only).absent(group).count(), 0);
            assert!(only.without(group).is_empty());
            assert_eq!(only.up_to_level(0), GroupSet::EMPTY);
            assert_eq!(only.up_to_level(1), only);
        }
    }
}
