//! Sessions as files for other programs.
//!
//! In: windows as they are judged. Out: bytes, one file for each format. Refuses: to write them anywhere, to judge, and
//! memory without a bound; what a format has no room for is counted in it.

mod flames;
mod metrics;
#[cfg(feature = "parquet")]
mod parquet;
mod rows;
mod tables;
mod trace;

use livelock_core::judge::Judge;
use livelock_core::names::Names;
use livelock_core::recording::Opening;
use livelock_core::verdict::Verdict;
use livelock_core::window::Window;

pub(crate) use flames::{Flames, Picture};
pub(crate) use metrics::Metrics;
#[cfg(feature = "parquet")]
pub(crate) use parquet::Columns;
pub(crate) use tables::Rows;
pub(crate) use trace::Trace;

pub use livelock_core::locks::FlameSide;

use crate::render::{StreamSummary, WindowSummary};

/// What there is a row for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Each window.
    Windows,
    /// Each lock in each window.
    Locks,
}

/// A window that was judged.
pub(crate) struct Moment<'a> {
    /// In a few numbers.
    pub(crate) summary: &'a WindowSummary,
    /// Over the recent windows.
    pub(crate) verdict: &'a Verdict,
    pub(crate) window: &'a Window,
    /// What of its traced waits burned; `None` if nobody waited, or that is not known.
    pub(crate) burned_part: Option<f64>,
    pub(crate) judge: &'a Judge,
    pub(crate) names: &'a dyn Names,
}

/// A session that is over.
pub(crate) struct Ending<'a> {
    pub(crate) summary: &'a StreamSummary,
    pub(crate) judge: &'a Judge,
    pub(crate) names: &'a dyn Names,
}

/// A format. Each step gives the bytes that follow those given before.
pub(crate) trait Exporter {
    /// Before the first window.
    fn begin(&mut self, opening: &Opening) -> Result<Vec<u8>, ExportError>;
    /// A window.
    fn window(&mut self, moment: &Moment<'_>) -> Result<Vec<u8>, ExportError>;
    /// The end.
    fn end(&mut self, ending: &Ending<'_>) -> Result<Vec<u8>, ExportError>;
}

/// Why bytes could not be made. Reads after "failed to".
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The writer of tables refused.
    #[error("write CSV")]
    Csv {
        /// Why.
        #[from]
        source: csv::Error,
    },
    /// The writer of flame graphs refused.
    #[error("draw a flame graph")]
    Flame {
        /// Why.
        source: std::io::Error,
    },
    /// The writer of metrics refused.
    #[error("write metrics")]
    Metrics {
        /// Why.
        #[from]
        source: std::fmt::Error,
    },
    /// A row lacks a column, or has one too many.
    #[cfg(feature = "parquet")]
    #[error("fit a row into columns")]
    Row {
        /// Why.
        #[from]
        source: serde_json::Error,
    },
    /// The writer of columns refused.
    #[cfg(feature = "parquet")]
    #[error("write Parquet")]
    Parquet {
        /// Why.
        #[from]
        source: ::parquet::errors::ParquetError,
    },
}
