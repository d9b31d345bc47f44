//! The classes of causes, closed.
//!
//! In: nothing. Out: names that verdicts, detectors, the lab and docs/verdicts share. Refuses: free text.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What kind of live lock, or of business. Each has a page under docs/verdicts/.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CauseClass {
    /// CPUs spin on few kernel locks, bound by cache-line transfers and short holds.
    SpinCollapse,
    /// The holder or the next waiter is a virtual CPU that the hypervisor has taken away.
    HolderPreemption,
    /// A lock is held for long by design: a list is walked, a table is dumped.
    LongHold,
    /// References to one directory entry or file: lockref, path walks.
    Lockref,
    /// Readers retry because writers are too frequent: mounts, renames.
    SeqlockRetry,
    /// Writers spin on the owner of an rw-semaphore.
    RwsemSpin,
    /// Tasks spin on the owner of a mutex.
    MutexSpin,
    /// One bucket of the futex hash.
    FutexBucket,
    /// Signals, process ids, the task list of a fork storm.
    TasklistSignal,
    /// Locks of the memory manager.
    MemoryLocks,
    /// Lists of inodes and of what is to be written back.
    WritebackInode,
    /// Statistics of cgroups.
    CgroupRstat,
    /// The slab allocator and file-system journals.
    SlabJournal,
    /// Trylocks and back-offs that undo each other.
    TrylockRetry,
    /// One cache line that everybody modifies atomically, without a lock.
    AtomicHotLine,
    /// A page fault that does not get past itself.
    FaultLoop,
    /// Reclaim or compaction that frees next to nothing.
    ReclaimThrash,
    /// Runnable tasks do not run: a real-time or yielding task keeps the CPU.
    RtStarvation,
    /// Transactions that are restarted over and over.
    TransactionRestart,
    /// Packets are received and thrown away.
    ReceiveLivelock,
    /// Interrupts take the CPU.
    InterruptStorm,
    /// CPUs wait for one another to answer calls and flush TLBs.
    IpiStorm,
    /// Timers that expire all the time.
    TimerStorm,
    /// This tool, or another tracer.
    TracerOverhead,
    /// Messages to a slow console.
    Console,
    /// Read-copy-update: callbacks and forced grace periods.
    Rcu,
    /// Connection tracking.
    Conntrack,
    /// Many are woken for what one can take.
    ThunderingHerd,
    /// A work item that does not let go of its CPU.
    WorkqueueHog,
    /// A thread that polls because it was told to.
    LegitimatePolling,
    /// A clock outside of the CPUs, read over and over.
    SlowClock,
    /// Threads spin in user space.
    UserSpin,
    /// A spin wait has been open far longer than any healthy one.
    StuckSpin,
    /// CPUs spin where no tracepoint tells on which lock.
    UntracedSpin,
    /// Contended locks, with progress.
    LockContention,
    /// Tasks sleep on a contended lock; CPUs do not burn.
    SleepingLock,
    /// User-space computation.
    UserCompute,
    /// Kernel work that spins on nothing.
    KernelWork,
    /// The hypervisor takes the CPU, or ticks are lost.
    HostOvercommit,
    /// Nothing to explain.
    None,
}

impl CauseClass {
    /// All.
    pub const ALL: [Self; 40] = [
        Self::SpinCollapse,
        Self::HolderPreemption,
        Self::LongHold,
        Self::Lockref,
        Self::SeqlockRetry,
        Self::RwsemSpin,
        Self::MutexSpin,
        Self::FutexBucket,
        Self::TasklistSignal,
        Self::MemoryLocks,
        Self::WritebackInode,
        Self::CgroupRstat,
        Self::SlabJournal,
        Self::TrylockRetry,
        Self::AtomicHotLine,
        Self::FaultLoop,
        Self::ReclaimThrash,
        Self::RtStarvation,
        Self::TransactionRestart,
        Self::ReceiveLivelock,
        Self::InterruptStorm,
        Self::IpiStorm,
        Self::TimerStorm,
        Self::TracerOverhead,
        Self::Console,
        Self::Rcu,
        Self::Conntrack,
        Self::ThunderingHerd,
        Self::WorkqueueHog,
        Self::LegitimatePolling,
        Self::SlowClock,
        Self::UserSpin,
        Self::StuckSpin,
        Self::UntracedSpin,
        Self::LockContention,
        Self::SleepingLock,
        Self::UserCompute,
        Self::KernelWork,
        Self::HostOvercommit,
        Self::None,
    ];
}
