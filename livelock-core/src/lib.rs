//! windows -> detectors -> verdict.
//!
//! In: [`event::Event`]s that somebody else captured and decoded, and window boundaries that somebody
//! else's clock gave. Out: [`verdict::Verdict`]s. Refuses: aya, I/O, clocks, threads, async.

pub mod accounting;
pub mod activity;
mod activity_details;
mod activity_report;
pub mod attempts;
mod books;
mod cause_class;
pub mod cgroup_place;
pub mod code;
pub mod compare;
mod confidence;
mod counters;
pub mod declared;
pub mod detect;
pub mod detectors;
pub mod escalation;
pub mod event;
pub mod filter;
mod handoff_report;
pub mod hist;
mod hold_event;
mod hold_hist;
mod holder_report;
pub mod host;
pub mod ids;
pub mod judge;
pub mod known_functions;
pub mod ledger;
pub mod lock_call;
pub mod lock_dictionary;
mod lock_report;
pub mod locks;
mod loss;
mod name_source;
pub mod names;
pub mod probes;
pub mod recording;
pub mod remedies;
pub mod scope;
pub mod spin_functions;
mod syscall_report;
pub mod tasks;
pub mod thresholds;
mod time_ledger;
pub mod topology;
mod user_stack;
pub mod verdict;
pub mod window;
