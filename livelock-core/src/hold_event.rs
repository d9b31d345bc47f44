//! What the kernel tells of holders: the owner words of sleeping locks, and releases.
//!
//! In: filled by `livelock-cli::decode`. Out: read by `window` and `locks`. Refuses: judgement.

use serde::{Deserialize, Serialize};

use crate::event::TaskRef;
use crate::ids::{CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};

/// Who has a lock that somebody begins to wait for, by its owner word.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockOwner {
    /// Nobody at that moment.
    Nobody,
    /// Readers; which is not told.
    Readers,
    /// A task.
    Task(OwnerTask),
}

/// The task that owns a lock.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct OwnerTask {
    /// The task.
    pub task: TaskRef,
    /// Whether it ran at that moment; `None`: this kernel does not tell.
    pub is_on_cpu: Option<bool>,
    /// Whether it wanted to run: not asleep.
    pub wants_to_run: Option<bool>,
    /// CPU that it ran on, or last ran on.
    pub cpu: Option<CpuId>,
}

/// The release of a lock: one that others waited for, by a holder that had waited for it; on kernels with lockdep any release of a
/// lock that was ever waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReleaseEvent {
    /// The lock.
    pub lock: LockAddr,
    /// When the holder acquired it.
    pub acquired: MonotonicNs,
    /// When it let go.
    pub released: MonotonicNs,
    /// Who held it.
    pub pid: Pid,
    /// Its process.
    pub tgid: Tgid,
    /// CPU of the release.
    pub cpu: CpuId,
    /// Stack of the begin of its wait, if this was sampled.
    pub stack: Option<StackId>,
    /// Code that took the lock; `None`: not told.
    #[serde(default)]
    pub taken_at: Option<CodeAddr>,
}
