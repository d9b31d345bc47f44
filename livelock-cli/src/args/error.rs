//! Arguments that do not make sense together.
//!
//! In: what was typed, or set otherwise. Out: a message that says what to type instead. Refuses: nothing.

use std::time::Duration;

use super::config::{MAX_DIAGNOSE, MAX_WINDOW, MIN_WINDOW, MIN_WINDOWS};
use super::span_text;

/// Arguments that do not make sense together.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// Window out of range.
    #[error(
        "a window of {} is out of range: type --window {} to --window {}",
        span_text(*window), span_text(MIN_WINDOW), span_text(MAX_WINDOW)
    )]
    Window {
        /// What was typed.
        window: Duration,
    },
    /// Too few windows for a verdict.
    #[error(
        "{} is too short for {MIN_WINDOWS} windows of {}, which a verdict needs: type --duration {} or \
         longer, or a shorter --window",
        span_text(*duration), span_text(*window), span_text(*window * MIN_WINDOWS)
    )]
    TooShort {
        /// What was typed.
        duration: Duration,
        /// Window.
        window: Duration,
    },
    /// Too small for a recording.
    #[error(
        "{} KiB is too small for a recording: type --max-size 256K or more",
        size_bytes >> 10
    )]
    TooSmall {
        /// What was typed.
        size_bytes: u64,
    },
    /// A ring that holds no window.
    #[error(
        "a ring of {} holds no window of {}: type --ring {} or longer, or a shorter --window",
        span_text(*ring), span_text(*window), span_text(*window * 10)
    )]
    ShortRing {
        /// What was typed.
        ring: Duration,
        /// Window.
        window: Duration,
    },
    /// Several files on one stream.
    #[error("--max-size and --ring write several files: type --output FILE instead of -")]
    OneStream,
    /// A report and a recording on one stream.
    #[error("standard output is the report's: type --record FILE, or `livelock record --output -`")]
    TwoOutputs,
    /// A report and a recording in one file.
    #[error("the report and the recording cannot be one file: type another name behind --record")]
    OneFile,
    /// A table of what has none.
    #[error("only tables have rows: type --format csv or parquet with --table")]
    NoTable,
    /// A side of what has none.
    #[error("only flame graphs have sides: type --format folded or svg with --side")]
    NoSide,
    /// A format that was left out of this build.
    #[cfg(not(feature = "parquet"))]
    #[error("this build cannot write Parquet: type --format csv, or build with --features parquet")]
    NoParquet,
    /// A filter for a format that lists no locks.
    #[error(
        "--lock, --kind, --caller, --comm and --min-wait choose what is listed, and this format holds all locks: leave \
         them out, or type --format jsonl or openmetrics"
    )]
    NothingListed,
    /// One thing as both sides.
    #[error(
        "this host and standard input can be one side only, once: type a recording or a document for the other"
    )]
    Twice,
    /// Options of a live session for a recording.
    #[error(
        "a recording is shown as it was made: leave out --duration, --window, --progress and what chooses a part of the \
         host, or type `live` in the place of FILE"
    )]
    NotLive,
    /// A report on too long a time.
    #[error(
        "{} is too long for one report: type `livelock watch`, or --duration {} at most",
        span_text(*duration), span_text(MAX_DIAGNOSE)
    )]
    TooLong {
        /// What was typed.
        duration: Duration,
    },
}
