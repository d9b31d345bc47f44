//! windows -> detectors -> verdict.
//!
//! In: [`event::Event`]s that somebody else captured and decoded, and window boundaries that somebody
//! else's clock gave. Out: [`verdict::Verdict`]s. Refuses: aya, I/O, clocks, threads, async.

mod confidence;
pub mod event;
pub mod hist;
pub mod host;
pub mod ids;
pub mod names;
pub mod verdict;
