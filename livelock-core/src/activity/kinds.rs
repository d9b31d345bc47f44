//! Of what kind the counts of probe level 1 are.
//!
//! In: nothing. Out: plain data. Refuses: arithmetic beyond a sum.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::{CodeAddr, MonotonicNs, Pid};
use crate::thresholds::{STARVED_NS, WEIGHT_PER_NICE};

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

/// Why a CPU flushed its TLB (`enum tlb_flush_reason`, include/linux/mm_types.h).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum FlushReason {
    /// It switched to a task of another address space.
    TaskSwitch,
    /// Another CPU asked it to.
    RemoteShootdown,
    /// It gave mappings up itself.
    LocalShootdown,
    /// It gave a whole address space's mappings up itself.
    LocalMmShootdown,
    /// None of its own: it asked others to.
    RemoteSendIpi,
    /// Of a kernel newer than this program.
    Other,
}

impl FlushReason {
    /// By the kernel's number.
    #[must_use]
    pub const fn of(number: usize) -> Self {
        match number {
            0 => Self::TaskSwitch,
            1 => Self::RemoteShootdown,
            2 => Self::LocalShootdown,
            3 => Self::LocalMmShootdown,
            4 => Self::RemoteSendIpi,
            _ => Self::Other,
        }
    }
}

/// Why reclaim made a thread sleep (`enum vmscan_throttle_state`, include/linux/mmzone.h).
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ThrottleReason {
    /// Too many pages are being written back.
    Writeback,
    /// Too many pages are isolated already.
    Isolated,
    /// A round reclaimed nothing.
    NoProgress,
    /// The device behind the pages is congested.
    Congested,
    /// Of a kernel newer than this program.
    Other,
}

impl ThrottleReason {
    /// By the kernel's number.
    #[must_use]
    pub const fn of(number: usize) -> Self {
        match number {
            0 => Self::Writeback,
            1 => Self::Isolated,
            2 => Self::NoProgress,
            3 => Self::Congested,
            _ => Self::Other,
        }
    }

    /// In words.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Writeback => "too many pages are being written back",
            Self::Isolated => "too many pages are isolated already",
            Self::NoProgress => "a round reclaimed nothing",
            Self::Congested => "the device is congested",
            Self::Other => "for a reason that this version does not know",
        }
    }
}

/// A system call and the `errno` that it failed with, as on the wire: the call in the upper half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CallErrno(pub u32);

impl CallErrno {
    /// Stands for all that found no room of their own.
    pub const OTHERS: Self = Self(0);

    /// Number of the call.
    #[must_use]
    pub const fn call(self) -> u32 {
        self.0 >> 16
    }

    /// `errno`; 0: [`CallErrno::OTHERS`].
    #[must_use]
    pub const fn errno(self) -> u32 {
        self.0 & 0xffff
    }
}

/// What a worker of the workqueues did last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastWork {
    /// When it last began an item; `None`: it was not seen to.
    pub began: Option<MonotonicNs>,
    /// When it last ended one.
    pub ended: Option<MonotonicNs>,
    /// Function of the item begun.
    pub function: Option<CodeAddr>,
}

impl LastWork {
    /// The later of both: a worker may change its CPU.
    pub fn merge(&mut self, other: &Self) {
        if other.began >= self.began {
            self.began = other.began;
            self.function = other.function;
        }
        self.ended = self.ended.max(other.ended);
    }
}

/// Stands for the interrupt lines that found no room of their own.
pub const OTHER_LINES: u32 = u32::MAX;

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

/// What threads begin and end, timed where both were seen on one CPU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairedTime {
    /// Those timed; a thread may have waited in between.
    pub timed: CountedTime,
    /// Ended on another CPU than they had begun on, begun before the attach, or overtaken by another thread.
    pub nr_unpaired: u64,
}

impl PairedTime {
    /// All that ended.
    #[must_use]
    pub const fn nr(&self) -> u64 {
        self.timed.nr.saturating_add(self.nr_unpaired)
    }
}

/// Reclaim and compaction that allocations waited for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReclaimActivity {
    /// Direct reclaim, of the host or of a control group.
    pub direct: PairedTime,
    /// Pages that it reclaimed.
    pub nr_direct_reclaimed: u64,
    /// Compactions, kcompactd's included.
    pub compaction: PairedTime,
    /// Of those, successful ones.
    pub nr_compacted: u64,
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

/// `task_struct.prio` of nice 0 and 19, include/linux/sched/prio.h, v6.1.
const PRIO_NICE_0: u32 = 120;
const PRIO_NICE_19: u32 = 139;

impl StarvedTask {
    /// Whether it waits for longer than its turn may take. Among tasks that all want the CPU, one of a lower weight
    /// gets it more seldom by as much.
    #[must_use]
    pub fn is_past_its_turn(&self) -> bool {
        let nice = match self.prio {
            Some(prio @ PRIO_NICE_0..=PRIO_NICE_19) => prio - PRIO_NICE_0,
            _ => 0,
        };
        let turns = WEIGHT_PER_NICE.powi(i32::try_from(nice).unwrap_or(0));
        self.age_ns as f64 >= turns * STARVED_NS as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Activity;
    use std::collections::BTreeMap;

    #[test]
    fn who_has_a_low_weight_may_wait_for_longer() {
        let waits = |prio, age_ms: u64| {
            StarvedTask {
                pid: Pid(46),
                age_ns: age_ms * 1_000_000,
                prio,
            }
            .is_past_its_turn()
        };
        assert!(waits(Some(120), 1_000) && waits(Some(100), 1_000) && waits(None, 1_000));
        assert!(!waits(Some(120), 999));
        // 1024 / 820 and 1024 / 15, in `sched_prio_to_weight`.
        assert!(!waits(Some(121), 1_200) && waits(Some(121), 1_300));
        assert!(!waits(Some(139), 2_300) && waits(Some(139), 70_000));
    }

    #[test]
    fn a_worker_that_ended_its_item_elsewhere_has_none_open() {
        let at = |ns: u64| Some(MonotonicNs(ns));
        let begun = |ns, function| LastWork {
            began: at(ns),
            function: Some(CodeAddr(function)),
            ..LastWork::default()
        };
        let mut elsewhere = begun(10, 1);
        elsewhere.merge(&LastWork {
            ended: at(20),
            ..LastWork::default()
        });
        let mut again = elsewhere;
        again.merge(&begun(30, 2));
        let open = |work: LastWork| {
            let activity = Activity {
                last_work: BTreeMap::from([(Pid(7), work)]),
                until: at(100),
                ..Activity::default()
            };
            activity.open_work().collect::<Vec<_>>()
        };
        assert_eq!(open(begun(10, 1)), [(Pid(7), Some(CodeAddr(1)), 90)]);
        assert_eq!(open(elsewhere), []);
        assert_eq!(open(again), [(Pid(7), Some(CodeAddr(2)), 70)]);
        let mut older = begun(30, 2);
        older.merge(&begun(10, 1));
        assert_eq!(older, begun(30, 2), "whichever CPU comes first");
    }
}
