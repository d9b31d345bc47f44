//! What the CPUs were busy with, as far as counters tell.
//!
//! In: `/proc` (always) and the programs of probe level 1 (while attached). Out: plain data with
//! differences and sums. Refuses: zero for what was not read; a counter that is absent was not seen.

mod attached;
mod host;
mod kinds;
mod sums;

pub use host::{HostCounter, HostCounters};
pub use kinds::{
    CallErrno, CountedTime, FlushReason, LastWork, OTHER_LINES, PairedTime, ReclaimActivity,
    SoftirqVector, StarvedTask, SyscallResults, ThrottleReason,
};
pub use sums::Activity;
