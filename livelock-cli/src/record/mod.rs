//! Recordings as files.
//!
//! In: what a live session folded, read and named; or a file. Out: files that a crash cannot spoil, bounded if asked
//! for; or their bytes. Refuses: to overwrite a file that it was not told to, and to know what bytes mean, which is
//! `livelock_core::recording`'s.

mod error;
mod incident;
mod incidents;
mod input;
mod piece;
mod recorder;
mod ring;
mod settings;
mod stamp;
#[cfg(test)]
mod tests;
mod trigger;
mod writer;

pub use error::RecordError;
pub use input::Input;
pub use recorder::{Recorded, Recorder};
pub use settings::{Bounds, Flight, RecordTo, Settings};
pub(crate) use stamp::{date_time, numbered, stamped};
pub use trigger::{Trigger, TriggerError, parse_trigger};
pub use writer::{Stopped, Writer};
