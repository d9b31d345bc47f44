//! Declared progress: what the user says counts as work done.
//!
//! In: readings of counters that somebody else took, one a source and window. Out: whether each source keeps
//! pace, has collapsed or stalled, and what all of them say together. Refuses: I/O, clocks, and zero for a
//! counter that could not be read.

mod expectation;
mod ledger;
mod pace;
mod report;
mod tally;
#[cfg(test)]
mod tests;

pub use expectation::Expectation;
pub use ledger::{DeclaredLedger, DeclaredReading, DeclaredWindow, Moment, Source};
pub use report::{DeclaredProgress, DeclaredState, combined};
pub use tally::DeclaredTally;

/// How long a source without an expectation of its own may stand still in a session of `session_ns` (`None`:
/// without an end) with windows of `window_ns` before it has stalled.
#[must_use]
pub fn default_stall_ns(window_ns: u64, session_ns: Option<u64>) -> u64 {
    use crate::thresholds as at;
    let share_ns = session_ns.map_or(u64::MAX, |ns| ns / at::STALL_SHARE_OF_SESSION);
    let least_ns = window_ns.saturating_mul(at::NR_STALL_WINDOWS);
    at::STALL_NS.min(share_ns).max(least_ns)
}
