//! Arguments that make sense together.
//!
//! In: raw arguments. Out: [`Config`]. Refuses: sessions too short for a verdict and windows that cost too much or
//! say too little.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::FromArgMatches;
use clap::error::ErrorKind;
use clap_complete::Shell;
use livelock_core::filter::Filter;
use livelock_core::scope::Scope;

use super::cli::{Cli, Command};
use super::export::Exported;
use super::filter::FilterArgs;
use super::recording::{self, Recording};
use super::scope::{ScopeArgs, UserCodeWanted};
use super::settings::{Layers, Surroundings};
use super::{ColorWhen, Compared, ConfigError, ReportFormat, command, hints};
use crate::declared::Declaration;
use crate::record::Input;

/// Below this the cost of closing a window (reading every CPU's tables) shows.
pub(super) const MIN_WINDOW: Duration = Duration::from_millis(100);
/// Above this an incident is over before the verdict.
pub(super) const MAX_WINDOW: Duration = Duration::from_mins(1);
/// Fewest windows for which a live lock can be called (3 of 3, docs/detection.md).
pub(super) const MIN_WINDOWS: u32 = 3;
/// A report on more than a day is what `watch` and `export` are for.
pub(super) const MAX_DIAGNOSE: Duration = Duration::from_hours(24);

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

impl Job {
    /// Whether the environment and the file have a say in it.
    #[must_use]
    pub const fn reads_settings(&self) -> bool {
        !matches!(
            self,
            Self::Schema | Self::Completions { .. } | Self::Manual { .. }
        )
    }
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
    /// Observe, then write a page.
    Report {
        /// Of what; the duration of a live session is set.
        source: Source,
        /// Where to.
        output: Output,
    },
    /// Compare two sessions.
    Compare {
        /// What is compared with.
        a: Box<Compared>,
        /// What is compared.
        b: Box<Compared>,
        /// Format.
        format: ReportFormat,
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
    /// Print what is set, and where.
    Settings {
        /// As a configuration file.
        listing: String,
    },
    /// Print the completion script of a shell.
    Completions {
        /// Which.
        shell: Shell,
    },
    /// Print the first manual page, or write all of them.
    Manual {
        /// Where to.
        folder: Option<PathBuf>,
    },
}

/// Where windows come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// This host.
    Host {
        /// How.
        session: Session,
        /// What is recorded of it.
        recording: Option<Box<Recording>>,
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
    /// What is wanted of the user side of stacks.
    pub user_code: UserCodeWanted,
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

/// Parses a command line, the program's name first, on top of what `surroundings` set.
///
/// # Errors
///
/// Wrong usage, settings that cannot hold, or a request for help or version (see [`clap::Error::use_stderr`]).
pub fn parse(
    args: impl IntoIterator<Item = OsString>,
    surroundings: &Surroundings<'_>,
) -> Result<Config, clap::Error> {
    let args: Vec<OsString> = args.into_iter().collect();
    // Help shows the defaults of the program, and is there whatever a file says.
    let typed = command()
        .try_get_matches_from(&args)
        .map_err(|error| hints::added(error, &args))?;
    let name = typed.subcommand_name().unwrap_or_default();
    let layers = match name {
        // What they print is the same everywhere.
        "schema" | "completions" | "man" => Layers::default(),
        _ => Layers::read(
            surroundings,
            typed.get_one::<PathBuf>("config").map(PathBuf::as_path),
            (name != "config").then_some(name),
        )
        .map_err(|error| {
            // Who typed the file's name knows how not to.
            let is_typed = typed.contains_id("config");
            refusal(&match error.is_of_file() && !is_typed {
                true => format!("{error}\n\n  tip: --config /dev/null does without the file"),
                false => error.to_string(),
            })
        })?,
    };
    let mut matches = layers.applied_to(command()).try_get_matches_from(&args)?;
    let cli = Cli::from_arg_matches_mut(&mut matches)?;
    let (color, verbosity) = (cli.color, cli.verbose);
    let job = job(cli.command, &layers).map_err(|error| {
        let notes = layers.notes(name);
        match notes.is_empty() {
            true => command().error(ErrorKind::ValueValidation, error.to_string()),
            false => refusal(&format!("{error}\n  {}", notes.join("\n  "))),
        }
    })?;
    Ok(Config {
        job,
        color,
        verbosity,
    })
}

/// An error that no usage explains.
fn refusal(message: &str) -> clap::Error {
    clap::Error::raw(ErrorKind::ValueValidation, format!("{message}\n"))
}

fn job(command: Command, layers: &Layers) -> Result<Job, ConfigError> {
    Ok(match command {
        Command::Diagnose(args) => {
            let duration = report_span(args.duration)?;
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
                        args.declared.or(layers),
                    )?,
                    recording: recording.map(Box::new),
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
                args.declared.or(layers),
            )?),
            format: watch_format(args.plain, args.json, args.ascii),
        },
        Command::Export(args) => Job::Export {
            format: args.format.exported()?.listing(&args.filter)?,
            source: host(session(
                args.window,
                args.duration,
                (args.scope, args.filter),
                args.declared.or(layers),
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
                args.declared.or(layers),
            )?;
            Job::Record {
                source: Source::Host {
                    session,
                    recording: Some(Box::new(recording)),
                },
                is_quiet,
            }
        }
        Command::Report(args) => args.job()?,
        Command::Compare(args) => args.job()?,
        Command::Replay(args) => args.job()?,
        Command::Doctor(args) => Job::Doctor {
            format: if args.json {
                ReportFormat::Json
            } else {
                ReportFormat::Text
            },
        },
        Command::Schema => Job::Schema,
        Command::Config => Job::Settings {
            listing: layers.listing(),
        },
        Command::Completions(args) => Job::Completions { shell: args.shell },
        Command::Man(args) => Job::Manual {
            folder: args.output,
        },
    })
}

/// How long a report may observe.
pub(super) fn report_span(duration: Duration) -> Result<Duration, ConfigError> {
    if duration > MAX_DIAGNOSE {
        return Err(ConfigError::TooLong { duration });
    }
    Ok(duration)
}

pub(super) const fn host(session: Session) -> Source {
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

pub(super) fn session(
    window: Duration,
    duration: Option<Duration>,
    (scope, filter): (ScopeArgs, FilterArgs),
    declared: Vec<Declaration>,
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
            user_code: scope.user_code(),
            scope: scope.scope(),
            filter: filter.filter(),
            declared,
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
