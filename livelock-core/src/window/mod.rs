//! Windows: the events between two moments, subtracted, merged and sorted.
//!
//! In: [`crate::event::Event`]s. Out: [`Window`]s. Refuses: judgement.

mod builder;
mod by_lock;
mod closed;
mod order;
mod progress;
mod snapshots;

pub use builder::{WindowBuilder, is_of_one_moment};
pub use closed::{LockWindow, Window};
