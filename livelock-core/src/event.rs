//! What was captured, decoded: the only input of windows.
//!
//! In: filled by `livelock-cli::decode` and `livelock-cli::procfs`. Out: read by `window`. Refuses:
//! judgement; an event states a fact.
//!
//! Cumulative events (`Cpu`, `CpuTimes`, `Progress`) are snapshots: the window builder subtracts the
//! snapshot of the window before. All others belong to the window they are folded into.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::activity::{Activity, HostCounters, StarvedTask};
pub use crate::counters::{CpuCounters, CpuTimes, OwnProcess, ProgressCounters};
use crate::hist::WaitHistogram;
pub use crate::hold_event::{LockOwner, OwnerTask, ReleaseEvent};
use crate::ids::{CgroupId, CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};
pub use crate::lock_call::LockCallEvent;
pub use crate::loss::{DetailLossCause, LossCause};
use crate::tasks::TaskCounters;

/// The family of a lock, from the flags of its first `contention_begin`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum LockKind {
    /// `spinlock_t` / `raw_spinlock_t` (qspinlock).
    Spinlock,
    /// `rwlock_t` (qrwlock).
    Rwlock,
    /// `struct mutex`.
    Mutex,
    /// `struct rw_semaphore`.
    Rwsem,
    /// `struct percpu_rw_semaphore`.
    PercpuRwsem,
    /// `struct rt_mutex`, or a sleeping spinlock of an RT kernel.
    Rtmutex,
    /// Flags of a combination that no kernel up to 7.3 emits.
    Unknown,
}

impl LockKind {
    /// What a person calls it; the word of the command line and of the documents, but for [`Self::Unknown`].
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Spinlock => "spinlock",
            Self::Rwlock => "rwlock",
            Self::Mutex => "mutex",
            Self::Rwsem => "rwsem",
            Self::PercpuRwsem => "percpu-rwsem",
            Self::Rtmutex => "rtmutex",
            Self::Unknown => "lock of unknown kind",
        }
    }
}

/// Task behind an event.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskRef {
    /// Thread id; 0 is the idle task.
    pub pid: Pid,
    /// Process id.
    pub tgid: Tgid,
    /// Command name; `None` if it was not read.
    pub comm: Option<String>,
}

/// What one CPU saw of one lock in this window: exact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockTotals {
    /// CPU that booked it.
    pub cpu: CpuId,
    /// `None` for the overflow entry (table full): counts and times are right, the lock is unknown.
    pub lock: Option<LockAddr>,
    /// Family.
    pub kind: LockKind,
    /// Waits that began.
    pub nr_begun: u64,
    /// Waits that completed.
    pub nr_waits: u64,
    /// Whole length of the completed waits.
    pub wait_ns: u64,
    /// Part of it that burned a CPU, each nanosecond booked once.
    pub spin_ns: u64,
    /// Longest completed wait.
    pub max_ns: u64,
    /// Waits that ended without the lock.
    pub nr_failed: u64,
    /// Completed waits by length.
    pub hist: WaitHistogram,
}

/// A completed wait that was streamed. Not every wait is: see [`LockTotals`] for exact sums.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitEvent {
    /// The lock.
    pub lock: LockAddr,
    /// Family.
    pub kind: LockKind,
    /// Begin of the wait.
    pub begin: MonotonicNs,
    /// Of a lock that is spun for before it is slept for: time from the begin after which it stood in the lock's line, at the latest. `None`: it
    /// did not, or nobody knows (also of recordings from before this was told).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_line_after_ns: Option<u64>,
    /// Acquisition.
    pub end: MonotonicNs,
    /// Part that burned a CPU.
    pub spin_ns: u64,
    /// Who waited, and then held.
    pub pid: Pid,
    /// Its process.
    pub tgid: Tgid,
    /// CPU of the acquisition.
    pub cpu: CpuId,
    /// Stack of the begin, if this wait was sampled.
    pub stack: Option<StackId>,
    /// Whether the lock was acquired.
    pub acquired: bool,
}

impl WaitEvent {
    /// Whether whoever waited stays on its CPU from the begin of the wait to the release of the lock.
    #[must_use]
    pub const fn stays_on_cpu(&self) -> bool {
        matches!(self.kind, LockKind::Spinlock | LockKind::Rwlock)
    }
}

/// Which structure of the waiting task the lock sits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// `task_struct`.
    TaskStruct,
    /// `mm_struct`.
    MmStruct,
    /// `files_struct`.
    FilesStruct,
    /// `fs_struct`.
    FsStruct,
    /// `sighand_struct`.
    SighandStruct,
    /// `signal_struct`.
    SignalStruct,
    /// `sighand_struct` of the parent.
    ParentSighand,
    /// `signal_struct` of the parent.
    ParentSignal,
    /// `tty_struct` of the session.
    TtyStruct,
    /// `io_ring_ctx` that the task used last.
    IoRingCtx,
    /// `ipc_namespace`.
    IpcNamespace,
    /// `net`, the network namespace.
    Net,
}

impl ObjectKind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::TaskStruct,
        Self::MmStruct,
        Self::FilesStruct,
        Self::FsStruct,
        Self::SighandStruct,
        Self::SignalStruct,
        Self::ParentSighand,
        Self::ParentSignal,
        Self::TtyStruct,
        Self::IoRingCtx,
        Self::IpcNamespace,
        Self::Net,
    ];
}

/// A lock's place in a structure of the waiting task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ObjectPlace {
    /// Structure.
    pub object: ObjectKind,
    /// Offset of the lock in it.
    pub offset_bytes: u32,
}

/// A stack of a waiter at its begin: sampled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StackEvent {
    /// Ties it to [`WaitEvent::stack`] and [`InFlightWait::stack`].
    pub id: StackId,
    /// Begins that this one stands for.
    pub weight: u32,
    /// When.
    pub taken: MonotonicNs,
    /// The lock.
    pub lock: LockAddr,
    /// Family.
    pub kind: LockKind,
    /// The waiter.
    pub task: TaskRef,
    /// Its cgroup.
    pub cgroup: CgroupId,
    /// Where the lock sits, if in a structure of the waiter.
    pub place: Option<ObjectPlace>,
    /// Who had the lock at that moment; `None`: not told.
    #[serde(default)]
    pub owner: Option<LockOwner>,
    /// Kernel return addresses, innermost first.
    pub frames: Vec<CodeAddr>,
    /// Where the task entered the kernel, and return addresses in user code, innermost first; empty if nobody asked for
    /// them, or there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_frames: Vec<CodeAddr>,
}

/// Where a sample landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SampleMode {
    /// User mode.
    User,
    /// Kernel mode, idle task included.
    Kernel,
}

/// One instruction-pointer sample of one CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleEvent {
    /// CPU.
    pub cpu: CpuId,
    /// When.
    pub taken: MonotonicNs,
    /// Current task (the interrupted one in interrupt context).
    pub task: TaskRef,
    /// User or kernel.
    pub mode: SampleMode,
    /// Whether a traced wait was burning this CPU (spin wait, or spin phase of a mutex).
    pub in_traced_spin: bool,
    /// Whether it interrupted one of our own programs.
    pub in_self: bool,
    /// `task_struct.prio` of the task; `None` if this kernel does not tell.
    pub prio: Option<u32>,
    /// Interrupted instruction in user mode; `None` in kernel mode, or if it is not known.
    pub user_ip: Option<CodeAddr>,
    /// Register of the first argument in kernel mode.
    #[serde(default)]
    pub first_arg: Option<u64>,
    /// Kernel addresses, innermost first; empty in user mode.
    pub frames: Vec<CodeAddr>,
}

/// A wait still open when the window closed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InFlightWait {
    /// The lock.
    pub lock: LockAddr,
    /// Family.
    pub kind: LockKind,
    /// Begin.
    pub begin: MonotonicNs,
    /// As in [`WaitEvent::in_line_after_ns`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_line_after_ns: Option<u64>,
    /// Part of its age so far that burned a CPU, each nanosecond once.
    pub spin_ns: u64,
    /// Part of `spin_ns` that is not yet in [`CpuCounters::spin_ns`] (an open mutex wait has its closed
    /// spin phases there already).
    pub unbooked_spin_ns: u64,
    /// Whether it burns a CPU at this moment.
    pub spinning: bool,
    /// CPU that it burns, or on which its phase began.
    pub cpu: CpuId,
    /// Thread.
    pub pid: Pid,
    /// Process.
    pub tgid: Tgid,
    /// Stack of the begin, if sampled.
    pub stack: Option<StackId>,
}

/// A wait that is over, and counted as completed, but will only be in the [`LockTotals`] of a later
/// window: its CPU has had no occasion to fold it yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnfoldedWait {
    /// The lock.
    pub lock: LockAddr,
    /// Family.
    pub kind: LockKind,
    /// CPU that will fold it.
    pub cpu: CpuId,
    /// Part that burned a CPU.
    pub spin_ns: u64,
    /// The wait as it will be streamed; `None` in recordings that do not tell.
    #[serde(default)]
    pub wait: Option<WaitEvent>,
}

/// A decoded fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Exact sums by CPU and lock.
    LockTotals(LockTotals),
    /// A streamed wait.
    Wait(WaitEvent),
    /// A sampled stack.
    Stack(StackEvent),
    /// An instruction-pointer sample.
    Sample(SampleEvent),
    /// A release.
    Release(ReleaseEvent),
    /// A watched call.
    LockCall(LockCallEvent),
    /// A wait open at the close of the window.
    InFlight(InFlightWait),
    /// A wait over but not folded when the window closed.
    Unfolded(UnfoldedWait),
    /// A CPU's counters at the close of the window.
    Cpu {
        /// CPU.
        cpu: CpuId,
        /// Counters.
        counters: CpuCounters,
    },
    /// A CPU's times at the close of the window.
    CpuTimes {
        /// CPU.
        cpu: CpuId,
        /// Times.
        times: CpuTimes,
    },
    /// Counters of the scope's tasks at the close of the window.
    Tasks(TaskCounters),
    /// Host counters at the close of the window.
    Progress(ProgressCounters),
    /// What a CPU of the scope achieved, at the close of the window; told of only if the scope is one of CPUs.
    CpuProgress {
        /// CPU.
        cpu: CpuId,
        /// Counters; those that only the whole host has stay `None`.
        progress: ProgressCounters,
    },
    /// More of the host's.
    Host(HostCounters),
    /// A CPU's counters of probe level 1 at the close of the window; absent while it is not attached.
    Activity {
        /// CPU.
        cpu: CpuId,
        /// Counters.
        activity: Box<Activity>,
    },
    /// A task that waits to run at the close of the window.
    Starved(StarvedTask),
    /// Begins that the kernel skipped by recursion, since attach (`None`: this kernel does not count).
    RecursionMisses(Option<u64>),
    /// CPU time of our own process since it started.
    OwnProcess(OwnProcess),
    /// Records refused by the decoder since attach.
    Undecodable(u64),
}
