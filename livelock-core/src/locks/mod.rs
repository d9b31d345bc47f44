//! Locks: names, waiters, holders, hand-offs, over as many windows as are merged.
//!
//! In: windows. Out: [`LocksTally`] and, from it, the lock reports of a verdict. Refuses: unbounded
//! memory; a `watch` runs for days.

mod called;
mod chains;
mod charge;
mod cover;
mod digest;
mod flame;
mod frames;
mod handoffs;
mod hold_sides;
mod holders;
mod instance;
mod name;
mod owners;
mod path;
mod queued;
mod releases;
mod report;
mod sampled;
mod sides;
mod signs;
mod spans;
mod stacks;
mod tally;
mod told_holds;
mod tried_inside;
mod user_paths;
mod witnesses;

#[cfg(test)]
pub(crate) use called::waits_at;
pub use called::{called, heaviest_called};
pub use chains::chains;
pub use digest::digest;
pub use flame::{FlamePath, FlameSide, flame};
pub use frames::{is_locking, path_function, path_functions};
pub use name::{NamedLock, RWLOCK_QUEUE, name_lock};
pub use report::{Listing, named_burn_pct, reports};
pub use sampled::SampledSpin;
pub use spans::{HoldSpan, hold_spans};
pub use stacks::RecentStacks;
pub use tally::{LockTally, LocksTally};
pub use tried_inside::CrossedTries;
