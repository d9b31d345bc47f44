//! What did not arrive, and why.
//!
//! In: nothing. Out: causes, as they are counted and printed. Refuses: a loss without one.

use serde::{Deserialize, Serialize};

/// Why a begun wait has no end in the books, or a record did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LossCause {
    /// Begun while another of our programs ran on that CPU.
    Nested,
    /// Spin waits nested deeper than there are slots.
    TooDeep,
    /// The end never reached us.
    EndMissed,
    /// No slot for the sleeping task.
    TaskSlotsFull,
    /// A second sleeping wait of one task.
    NestedSleep,
    /// The kernel skipped the program because it was already running on that CPU (counted by the
    /// kernel, `recursion_misses`).
    RecursionMiss,
}

/// What was not streamed or not attributed although it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DetailLossCause {
    /// The ring of completed waits was full.
    WaitRingFull,
    /// The ring of stacks was full.
    StackRingFull,
    /// The ring of samples was full.
    SampleRingFull,
    /// The ring of releases was full, or another of our programs ran on that CPU.
    ReleaseRingFull,
    /// The ring of watched calls was full.
    CallRingFull,
    /// A stack walk failed.
    StackFailed,
    /// More locks in one window on one CPU than the table holds.
    LockTableFull,
    /// Completed sleeping waits that found no place to be folded from.
    FoldBacklog,
    /// A CPU's state could not be read without it changing meanwhile.
    TornSnapshot,
    /// Records that were read but made no sense.
    Undecodable,
    /// The kernel skipped the program, for a wait of the scope or of somebody else: nobody can tell.
    UnattributedMiss,
    /// The ring of the user sides of stacks was full.
    UserStackRingFull,
}
