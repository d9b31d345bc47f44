//! The two ledgers of a window.
//!
//! In: [`crate::window::Window`]s. Out: time and progress. Refuses: verdicts.

mod books;
pub mod by_cpu;
pub mod cpu_means;
pub mod functions;
pub mod holder;
pub mod interrupts;
pub mod profile;
pub mod progress;
pub mod samples;
pub mod shares;
pub mod slope;
mod stolen;
mod tasks;
pub mod time;
pub mod tried;
pub mod waited;
mod waits;
pub mod waste;
