//! How to record.
//!
//! In: arguments that make sense. Out: read by the recorder. Refuses: defaults; those are the arguments'.

use std::path::PathBuf;
use std::time::Duration;

use super::trigger::Trigger;

/// Where a recording goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordTo {
    /// Standard output.
    Stdout,
    /// A file, or with a flight recorder the pattern of its files' names.
    File(PathBuf),
}

/// Keeps the last windows in memory and writes them when something happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight {
    /// How much of the past.
    pub span: Duration,
    /// What must happen.
    pub trigger: Trigger,
    /// How long after an incident until the next may be recorded.
    pub cooldown: Duration,
    /// Files of incidents that stay, those of earlier sessions included; `None`: all.
    pub nr_kept: Option<u32>,
}

/// What bounds the recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Nothing.
    None,
    /// So many bytes, in two pieces.
    Size {
        /// Of both.
        max_bytes: u64,
    },
    /// A flight recorder that keeps at most so many bytes in memory.
    Flight {
        /// It.
        flight: Flight,
        /// Its memory.
        max_bytes: u64,
    },
}

/// How to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where to.
    pub to: RecordTo,
    /// Whether an existing file is replaced.
    pub is_forced: bool,
    /// What bounds it.
    pub bounds: Bounds,
}
