//! Formats of `export`.
//!
//! In: a format and what of it. Out: [`ExportAs`]. Refuses: a table of what has none, a side of what has none, and
//! formats that this build lacks.

use clap::{Args, ValueEnum};

use super::error::ConfigError;
use super::filter::FilterArgs;
use crate::export::{FlameSide, Table};

/// What to write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exported {
    /// JSON Lines.
    Lines,
    /// Another format.
    As(ExportAs),
}

impl Exported {
    /// With a filter: formats that hold all locks, in windows or as time, have no list to restrict.
    pub(super) fn listing(self, filter: &FilterArgs) -> Result<Self, ConfigError> {
        let has_list = matches!(self, Self::Lines | Self::As(ExportAs::OpenMetrics));
        if has_list || filter.is_empty() {
            Ok(self)
        } else {
            Err(ConfigError::NothingListed)
        }
    }
}

/// Formats other than JSON Lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExportAs {
    /// A table.
    Csv(Table),
    /// Folded stacks.
    Folded(FlameSide),
    /// A flame graph.
    Svg(FlameSide),
    /// An exposition.
    OpenMetrics,
    /// A trace.
    Perfetto,
    /// A table in columns.
    #[cfg(feature = "parquet")]
    Parquet(Table),
}

/// Format of exported records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// JSON Lines, livelock.stream/v1
    Jsonl,
    /// A table; see --table
    Csv,
    /// The same table in columns; only in builds with the feature `parquet`
    Parquet,
    /// Stacks of a flame graph, in microseconds; see --side
    Folded,
    /// A flame graph for a browser; see --side
    Svg,
    /// Metrics in text; counters count from the begin of the session
    #[value(name = "openmetrics")]
    OpenMetrics,
    /// A trace for ui.perfetto.dev
    Perfetto,
}

/// What a table has rows for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TableArg {
    /// Each window
    Windows,
    /// Each lock in each window
    Locks,
}

/// Whose paths a flame graph shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SideArg {
    /// Those that waited for locks
    Waiters,
    /// Those that held them meanwhile
    Holders,
}

#[derive(Debug, Args)]
pub(super) struct FormatArgs {
    /// Format of what is written
    #[arg(short, long, value_enum, default_value = "jsonl")]
    format: Format,

    /// Rows of csv and parquet [default: windows]
    #[arg(long, value_enum)]
    table: Option<TableArg>,

    /// Paths of folded and svg [default: waiters]
    #[arg(long, value_enum)]
    side: Option<SideArg>,
}

impl FormatArgs {
    /// What is written.
    pub(super) fn exported(&self) -> Result<Exported, ConfigError> {
        let is_table = matches!(self.format, Format::Csv | Format::Parquet);
        let is_flame = matches!(self.format, Format::Folded | Format::Svg);
        if self.table.is_some() && !is_table {
            return Err(ConfigError::NoTable);
        }
        if self.side.is_some() && !is_flame {
            return Err(ConfigError::NoSide);
        }
        let table = match self.table {
            None | Some(TableArg::Windows) => Table::Windows,
            Some(TableArg::Locks) => Table::Locks,
        };
        let side = match self.side {
            None | Some(SideArg::Waiters) => FlameSide::Waiters,
            Some(SideArg::Holders) => FlameSide::Holders,
        };
        Ok(Exported::As(match self.format {
            Format::Jsonl => return Ok(Exported::Lines),
            Format::Csv => ExportAs::Csv(table),
            #[cfg(feature = "parquet")]
            Format::Parquet => ExportAs::Parquet(table),
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => return Err(ConfigError::NoParquet),
            Format::Folded => ExportAs::Folded(side),
            Format::Svg => ExportAs::Svg(side),
            Format::OpenMetrics => ExportAs::OpenMetrics,
            Format::Perfetto => ExportAs::Perfetto,
        }))
    }
}
