//! Arguments that make sense together.
//!
//! In: raw arguments. Out: [`Config`]. Refuses: sessions too short for a verdict and windows that cost too much or
//! say too little.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;
use clap::error::ErrorKind;
use livelock_core::filter::Filter;
use livelock_core::scope::Scope;

use super::cli::{Cli, Command};
use super::declare::Declared;
use super::export::Exported;
use super::filter::FilterArgs;
use super::recording::{self, Recording};
use super::scope::ScopeArgs;
use super::{ColorWhen, ReportFormat, command, span_text};
use crate::declared::Declaration;
use crate::record::Input;

/// Below this the cost of closing a window (reading every CPU's tables) shows.
const MIN_WINDOW: Duration = Duration::from_millis(100);
/// Above this an incident is over before the verdict.
const MAX_WINDOW: Duration = Duration::from_mins(1);
/// Fewest windows for which a live lock can be called (3 of 3, docs/detection.md).
const MIN_WINDOWS: u32 = 3;
/// A report on more than a day is what `watch` and `export` are for.
const MAX_DIAGNOSE: Duration = Duration::from_hours(24);

/// What to do, and how to talk about it.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What to do.
    pub job: Job,
    /// When to use colour.
    pub color: ColorWhen,
    /// 0: quiet.
    pub verbosity: u8,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Job {
    /// Observe, then report.
    Diagnose {
        /// Of what; the duration of a live session is set.
        source: Source,
        /// Format.
        format: ReportFormat,
        /// Where to.
        output: Output,
    },
    /// Report each window.
    Watch {
        /// What.
        source: Source,
        /// Format.
        format: WatchFormat,
    },
    /// Write a file for other programs.
    Export {
        /// Of what.
        source: Source,
        /// Format.
        format: Exported,
        /// Where to.
        output: Output,
    },
    /// Record, and show nothing else.
    Record {
        /// This host.
        source: Source,
        /// Whether nothing is said but errors.
        is_quiet: bool,
    },
    /// Examine the host.
    Doctor {
        /// Format.
        format: ReportFormat,
    },
    /// Print the schema of what is written.
    Schema,
}

/// Where windows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// This host.
    Host {
        /// How.
        session: Session,
        /// What is recorded of it.
        recording: Option<Recording>,
    },
    /// A recording.
    Recording {
        /// Where it is.
        input: Input,
        /// What is listed of it, in the place of what was asked for when it was made.
        filter: Filter,
    },
}

/// How long to observe, and what counts as progress.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// Length of a window.
    pub window: Duration,
    /// Length of the whole; `None`: until stopped.
    pub duration: Option<Duration>,
    /// What part of the host is judged.
    pub scope: Scope,
    /// What of the locks is listed.
    pub filter: Filter,
    /// Highest probe level.
    pub max_level: u8,
    /// Samples a second and CPU.
    pub sample_hz: u64,
    /// Declared progress.
    pub declared: Vec<Declaration>,
}

/// Where to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Output {
    /// Standard output.
    Stdout,
    /// A file.
    File(PathBuf),
}

/// How `watch` shows windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WatchFormat {
    /// Full-screen on a terminal, a line a window elsewhere.
    Screen {
        /// Whether ASCII alone is drawn.
        is_ascii: bool,
    },
    /// A line a window.
    Plain,
    /// JSON Lines.
    Json,
}

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

/// Parses a command line, the program's name first.
///
/// # Errors
///
/// Wrong usage, or a request for help or version (see [`clap::Error::use_stderr`]).
pub fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Config, clap::Error> {
    let cli = Cli::try_parse_from(args)?;
    let (color, verbosity) = (cli.color, cli.verbose);
    let job = job(cli.command)
        .map_err(|error| command().error(ErrorKind::ValueValidation, error.to_string()))?;
    Ok(Config {
        job,
        color,
        verbosity,
    })
}

fn job(command: Command) -> Result<Job, ConfigError> {
    Ok(match command {
        Command::Diagnose(args) => {
            let duration = args.duration;
            if duration > MAX_DIAGNOSE {
                return Err(ConfigError::TooLong { duration });
            }
            let recording = recording::beside(args.record, args.force)?;
            let output = output(args.output);
            if recording::is_same(&output, recording.as_ref()) {
                return Err(ConfigError::OneFile);
            }
            Job::Diagnose {
                source: Source::Host {
                    session: session(
                        args.window,
                        Some(duration),
                        (args.scope, args.filter),
                        args.declared,
                    )?,
                    recording,
                },
                format: args.format,
                output,
            }
        }
        Command::Watch(args) => Job::Watch {
            source: host(session(
                args.window,
                args.duration,
                (args.scope, args.filter),
                args.declared,
            )?),
            format: watch_format(args.plain, args.json, args.ascii),
        },
        Command::Export(args) => Job::Export {
            format: args.format.exported()?.listing(&args.filter)?,
            source: host(session(
                args.window,
                args.duration,
                (args.scope, args.filter),
                args.declared,
            )?),
            output: output(args.output),
        },
        Command::Record(args) => {
            let recording = args.recording()?;
            let is_quiet = args.quiet;
            let session = session(
                args.window,
                args.duration,
                (args.scope, args.filter),
                args.declared,
            )?;
            Job::Record {
                source: Source::Host {
                    session,
                    recording: Some(recording),
                },
                is_quiet,
            }
        }
        Command::Replay(args) => args.job()?,
        Command::Doctor(args) => Job::Doctor {
            format: if args.json {
                ReportFormat::Json
            } else {
                ReportFormat::Text
            },
        },
        Command::Schema => Job::Schema,
    })
}

const fn host(session: Session) -> Source {
    Source::Host {
        session,
        recording: None,
    }
}

pub(super) const fn watch_format(plain: bool, json: bool, is_ascii: bool) -> WatchFormat {
    match (plain, json) {
        (_, true) => WatchFormat::Json,
        (true, false) => WatchFormat::Plain,
        (false, false) => WatchFormat::Screen { is_ascii },
    }
}

fn session(
    window: Duration,
    duration: Option<Duration>,
    (scope, filter): (ScopeArgs, FilterArgs),
    declared: Declared,
) -> Result<Session, ConfigError> {
    if !(MIN_WINDOW..=MAX_WINDOW).contains(&window) {
        return Err(ConfigError::Window { window });
    }
    match duration {
        Some(duration) if duration < window * MIN_WINDOWS => {
            Err(ConfigError::TooShort { duration, window })
        }
        _ => Ok(Session {
            window,
            duration,
            max_level: scope.max_level,
            sample_hz: scope.sample_hz,
            scope: scope.scope(),
            filter: filter.filter(),
            declared: declared.0,
        }),
    }
}

/// `-` is standard output, as everywhere.
pub(super) fn output(path: Option<PathBuf>) -> Output {
    match path {
        Some(path) if path.as_os_str() != "-" => Output::File(path),
        _ => Output::Stdout,
    }
}

impl ColorWhen {
    /// Whether to use colour, given what the output is and the environment's `NO_COLOR` and `TERM`.
    #[must_use]
    pub fn has_color(self, is_terminal: bool, no_color: Option<&str>, term: Option<&str>) -> bool {
        match self {
            Self::Always => true,
            Self::Never => false,
            Self::Auto => is_terminal && no_color.is_none_or(str::is_empty) && term != Some("dumb"),
        }
    }
}
