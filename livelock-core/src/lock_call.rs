//! Calls of locking functions that breakpoints watch.
//!
//! In: filled by `livelock-cli::decode`. Out: read by `window` and `locks`. Refuses: judgement.

use serde::{Deserialize, Serialize};

use crate::event::TaskRef;
use crate::ids::{CodeAddr, CpuId, LockAddr, MonotonicNs};

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockCallKind {
    /// Takes a lock, and waits for it if need be.
    Lock,
    /// Takes a lock if it is free.
    Trylock,
    /// Lets a lock go.
    Unlock,
}

/// A place in the kernel's code from which a locking function is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LockCallSite {
    /// The instruction that calls.
    pub at: CodeAddr,
    /// What for.
    pub kind: LockCallKind,
}

/// A call that is about to be made. Only some are watched, for a moment and on some CPUs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockCallEvent {
    /// What it does.
    pub kind: LockCallKind,
    /// The lock.
    pub lock: LockAddr,
    /// When.
    pub at: MonotonicNs,
    /// CPU.
    pub cpu: CpuId,
    /// Who calls.
    pub task: TaskRef,
}
