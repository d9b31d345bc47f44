//! What capture hands to decode: wire records with the CPU they came from.
//!
//! In: copies of kernel memory. Out: the input of `decode`. Refuses: interpretation.

use livelock_common::{CpuState, LockAgg, SampleRecord, StackRecord, TaskSlot, WaitRecord};

/// One record as the kernel side wrote it.
#[derive(Clone)]
pub enum RawRecord {
    /// A completed wait from a CPU's ring.
    Wait(WaitRecord),
    /// A stack from a CPU's ring.
    Stack {
        /// CPU of the ring.
        cpu: u32,
        /// Record.
        record: Box<StackRecord>,
    },
    /// A sample from a CPU's ring.
    Sample {
        /// CPU of the ring.
        cpu: u32,
        /// Record.
        record: Box<SampleRecord>,
    },
    /// A lock's sums on one CPU in the window just closed.
    Lock {
        /// CPU of the table.
        cpu: u32,
        /// Whether this is the entry of all locks that did not fit.
        is_overflow: bool,
        /// Sums.
        entry: Box<LockAgg>,
    },
    /// A CPU's state at the close of the window.
    Cpu {
        /// CPU.
        cpu: u32,
        /// State.
        state: Box<CpuState>,
        /// Records dropped by its rings since attach.
        dropped: RingDrops,
        /// Begins that found no room in the lock table, since attach.
        nr_table_overflow: u64,
        /// Copies, since attach, that may mix two moments.
        nr_torn: u64,
    },
    /// A task's sleeping wait, open at the close of the window.
    Task(TaskSlot),
    /// Begins that the kernel skipped since attach; `None` where it does not count.
    RecursionMisses(Option<u64>),
}

/// Records dropped because a ring was full, since attach.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RingDrops {
    /// Completed waits.
    pub nr_waits: u64,
    /// Stacks.
    pub nr_stacks: u64,
    /// Samples.
    pub nr_samples: u64,
}
