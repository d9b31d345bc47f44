//! Counters of the whole host.
//!
//! In: `/proc`, read by somebody else. Out: differences and sums. Refuses: zero for what was not read; a counter
//! that is absent was not seen.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

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
}
