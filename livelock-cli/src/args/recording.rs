//! `record` and `replay`.
//!
//! In: their raw arguments. Out: what is recorded where, or which recording is shown how. Refuses: bounds that do not
//! fit together, and recordings on standard output that could not be one file.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::cli::ReportFormat;
use super::config::{Job, Output, Source, output, watch_format};
use super::declare::Declared;
use super::error::ConfigError;
use super::examples;
use super::export::FormatArgs;
use super::filter::FilterArgs;
use super::flight::FlightArgs;
use super::scope::ScopeArgs;
use super::{parse_size, parse_span};
use crate::record::{Bounds, Input, RecordTo, Settings};

/// A flight recorder's memory and a recording's size are at least this: a window of a loaded host with the names of its
/// functions takes some ten KiB.
const MIN_SIZE_BYTES: u64 = 256 << 10;

/// Memory of a flight recorder if nothing is said: half an hour of a loaded host.
const FLIGHT_BYTES: u64 = 64 << 20;

#[derive(Debug, Args)]
pub(super) struct RecordArgs {
    /// Write the recording to FILE; - is standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: PathBuf,

    /// How long to observe; until stopped if not given
    #[arg(short, long, value_name = "TIME", value_parser = parse_span)]
    pub(super) duration: Option<Duration>,

    /// Length of a window
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = parse_span)]
    pub(super) window: Duration,

    /// Keep at most SIZE, e.g. 64M: the older half is FILE.1, the newer one FILE
    ///
    /// With --ring: the memory of the ring, 64M if not given.
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_size: Option<u64>,

    #[command(flatten)]
    flight: FlightArgs,

    /// Replace FILE if it exists
    #[arg(long)]
    force: bool,

    /// Say nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,

    #[command(flatten)]
    pub(super) scope: ScopeArgs,

    #[command(flatten)]
    pub(super) filter: FilterArgs,

    #[command(flatten)]
    pub(super) declared: Declared,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArgs {
    /// Recording of `livelock record` or `diagnose --record`; - is standard input
    #[arg(value_name = "FILE")]
    file: PathBuf,

    #[command(subcommand)]
    show: Show,
}

#[derive(Debug, Subcommand)]
enum Show {
    /// One report on all of it
    #[command(after_help = examples::REPLAY_DIAGNOSE)]
    Diagnose {
        /// Format of the report
        #[arg(short, long, value_enum, default_value = "text")]
        format: ReportFormat,

        /// Write the report to FILE instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,

        #[command(flatten)]
        filter: Box<FilterArgs>,
    },
    /// Window by window: full-screen on a terminal, a line each elsewhere
    #[command(after_help = examples::REPLAY_WATCH)]
    Watch {
        /// One line a window, for logs and slow terminals
        #[arg(long, conflicts_with = "json")]
        plain: bool,

        /// One JSON record a line
        #[arg(long)]
        json: bool,

        /// Draw the full screen with ASCII characters alone
        #[arg(long)]
        ascii: bool,

        #[command(flatten)]
        filter: Box<FilterArgs>,
    },
    /// The report as one HTML page, to be read in a browser, printed or mailed
    #[command(after_help = examples::REPLAY_REPORT)]
    Report {
        /// Write the page to FILE; - is standard output
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,

        #[command(flatten)]
        filter: Box<FilterArgs>,
    },
    /// Records for a script, a table, a flame graph, metrics or a trace
    #[command(after_help = examples::REPLAY_EXPORT)]
    Export {
        #[command(flatten)]
        format: FormatArgs,

        /// Write to FILE instead of standard output
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,

        #[command(flatten)]
        filter: Box<FilterArgs>,
    },
}

/// What is recorded, and whether nothing else matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    /// How.
    pub settings: Settings,
    /// Whether the session ends when nothing more can be recorded.
    pub is_vital: bool,
}

impl RecordArgs {
    /// How to record.
    pub(super) fn recording(&self) -> Result<Recording, ConfigError> {
        let to = match self.output.as_os_str() == "-" {
            true => RecordTo::Stdout,
            false => RecordTo::File(self.output.clone()),
        };
        if let Some(size_bytes) = self.max_size.filter(|&size| size < MIN_SIZE_BYTES) {
            return Err(ConfigError::TooSmall { size_bytes });
        }
        let flight = self.flight.0;
        if let Some(flight) = flight.filter(|flight| flight.span < self.window) {
            return Err(ConfigError::ShortRing {
                ring: flight.span,
                window: self.window,
            });
        }
        let bounds = match (flight, self.max_size) {
            (Some(flight), max_size) => Bounds::Flight {
                flight,
                max_bytes: max_size.unwrap_or(FLIGHT_BYTES),
            },
            (None, Some(max_bytes)) => Bounds::Size { max_bytes },
            (None, None) => Bounds::None,
        };
        if to == RecordTo::Stdout && bounds != Bounds::None {
            return Err(ConfigError::OneStream);
        }
        Ok(Recording {
            settings: Settings {
                to,
                is_forced: self.force,
                bounds,
            },
            is_vital: true,
        })
    }
}

impl ReplayArgs {
    /// What is shown.
    pub(super) fn job(self) -> Result<Job, ConfigError> {
        let input = match self.file.as_os_str() == "-" {
            true => Input::Stdin,
            false => Input::File(self.file),
        };
        let source = |filter: Box<FilterArgs>| Source::Recording {
            input,
            filter: filter.filter(),
        };
        Ok(match self.show {
            Show::Diagnose {
                format,
                output: path,
                filter,
            } => Job::Diagnose {
                source: source(filter),
                format,
                output: output(path),
            },
            Show::Watch {
                plain,
                json,
                ascii,
                filter,
            } => Job::Watch {
                source: source(filter),
                format: watch_format(plain, json, ascii),
            },
            Show::Report {
                output: path,
                filter,
            } => Job::Report {
                source: source(filter),
                output: output(Some(path)),
            },
            Show::Export {
                format,
                output: path,
                filter,
            } => Job::Export {
                format: format.exported()?.listing(&filter)?,
                source: source(filter),
                output: output(path),
            },
        })
    }
}

/// The recording of a diagnosis, which goes on without it.
pub(super) fn beside(
    path: Option<PathBuf>,
    is_forced: bool,
) -> Result<Option<Recording>, ConfigError> {
    match path {
        Some(path) if path.as_os_str() == "-" => Err(ConfigError::TwoOutputs),
        path => Ok(path.map(|path| Recording {
            settings: Settings {
                to: RecordTo::File(path),
                is_forced,
                bounds: Bounds::None,
            },
            is_vital: false,
        })),
    }
}

/// What a report is written to, given where its recording goes.
pub(super) fn is_same(output: &Output, recording: Option<&Recording>) -> bool {
    match (output, recording.map(|recording| &recording.settings.to)) {
        (Output::File(report), Some(RecordTo::File(path))) => report == path,
        _ => false,
    }
}
