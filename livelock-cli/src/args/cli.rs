//! What may be typed.
//!
//! In: clap's derive. Out: raw arguments. Refuses: only what a single argument shows by itself; see `config` for
//! the rest.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::compare::CompareArgs;
use super::declare::Declared;
use super::examples;
use super::export::FormatArgs;
use super::filter::FilterArgs;
use super::parse_span;
use super::recording::{RecordArgs, ReplayArgs};
use super::report::ReportArgs;
use super::scope::ScopeArgs;

/// Highest probe level of `diagnose`, whose host is in trouble and watched for some seconds only.
const DIAGNOSE_MAX_LEVEL: &str = "2";

/// Behind the options of each command, however many commands there are.
const LAST: usize = 900;

/// Tells whether this host is in a live lock: every CPU busy, nothing achieved.
#[derive(Debug, Parser)]
#[command(name = "livelock", bin_name = "livelock", version, after_help = examples::LIVELOCK, max_term_width = 100)]
pub(super) struct Cli {
    #[command(subcommand)]
    pub(super) command: Command,

    /// When to use colour
    #[arg(
        long,
        global = true,
        value_enum,
        value_name = "WHEN",
        default_value = "auto",
        display_order = LAST
    )]
    pub(super) color: ColorWhen,

    /// Read the configuration from FILE instead of /etc/livelock/config.toml; see `livelock config`
    #[arg(long, global = true, value_name = "FILE", display_order = LAST + 2)]
    pub(super) config: Option<PathBuf>,

    /// Say more about what is going on; twice for still more, three times for what libraries say
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = LAST + 1)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Observe for some seconds, then report
    #[command(after_help = examples::DIAGNOSE)]
    Diagnose(DiagnoseArgs),
    /// Observe until stopped: full-screen on a terminal, a line a window elsewhere
    #[command(after_help = examples::WATCH)]
    Watch(WatchArgs),
    /// Observe and write records for a script, a table, a flame graph, metrics or a trace
    #[command(after_help = examples::EXPORT)]
    Export(ExportArgs),
    /// Write the report as one HTML page, to be read in a browser, printed or mailed
    #[command(after_help = examples::REPORT)]
    Report(Box<ReportArgs>),
    /// Say what has changed between two sessions, beyond the noise
    ///
    /// Each is a recording, a verdict document, or this host now.
    #[command(after_help = examples::COMPARE)]
    Compare(Box<CompareArgs>),
    /// Observe and write a recording, to be looked at later or elsewhere
    #[command(after_help = examples::RECORD)]
    Record(RecordArgs),
    /// Show a recording as if it happened now; needs no privileges
    ///
    /// Windows, CPUs and declared progress are those of the recording; so is the verdict.
    #[command(after_help = examples::REPLAY)]
    Replay(ReplayArgs),
    /// Say what this host can show, what it cannot, and what to do
    #[command(after_help = examples::DOCTOR)]
    Doctor(DoctorArgs),
    /// Print the JSON Schema of verdicts, records of a stream and comparisons
    #[command(after_help = examples::SCHEMA)]
    Schema,
    /// Print the options that hold on this host, and where each was set
    ///
    /// What is typed comes first, then LIVELOCK_... in the environment (LIVELOCK_MAX_LEVEL is max-level), then
    /// /etc/livelock/config.toml or what --config names, then the default. What is printed can be used as such a file.
    #[command(after_help = examples::CONFIG)]
    Config,
    /// Print what makes a shell complete the words of livelock
    #[command(after_help = examples::COMPLETIONS)]
    Completions(CompletionsArgs),
    /// Print the manual page, or write those of all commands
    #[command(after_help = examples::MAN)]
    Man(ManArgs),
}

#[derive(Debug, Args)]
pub(super) struct DiagnoseArgs {
    /// How long to observe; up to twice as long while the last window had no progress and it is too early for a verdict, four times while the host is too slow for three windows, or for six that tell what is counted on demand
    #[arg(short, long, value_name = "TIME", default_value = "5s", value_parser = parse_span)]
    pub(super) duration: Duration,

    /// Length of a window
    #[arg(short, long, value_name = "TIME", default_value = "300ms", value_parser = parse_span)]
    pub(super) window: Duration,

    /// Format of the report
    #[arg(short, long, value_enum, default_value = "text")]
    pub(super) format: ReportFormat,

    /// Write the report to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    /// Also record the session to FILE, for `livelock replay`
    #[arg(long, value_name = "FILE")]
    pub(super) record: Option<PathBuf>,

    /// Replace the file of --record if it exists
    #[arg(long, requires = "record")]
    pub(super) force: bool,

    #[command(flatten)]
    pub(super) scope: ScopeArgs,

    #[command(flatten)]
    pub(super) filter: FilterArgs,

    #[command(flatten)]
    pub(super) declared: Declared,
}

#[derive(Debug, Args)]
pub(super) struct WatchArgs {
    /// One line a window, for logs and slow terminals
    #[arg(long, conflicts_with = "json")]
    pub(super) plain: bool,

    /// One JSON record a line
    #[arg(long)]
    pub(super) json: bool,

    /// Draw the full screen with ASCII characters alone
    #[arg(long)]
    pub(super) ascii: bool,

    /// Length of a window
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = parse_span)]
    pub(super) window: Duration,

    /// How long to observe; until stopped if not given
    #[arg(short, long, value_name = "TIME", value_parser = parse_span)]
    pub(super) duration: Option<Duration>,

    #[command(flatten)]
    pub(super) scope: ScopeArgs,

    #[command(flatten)]
    pub(super) filter: FilterArgs,

    #[command(flatten)]
    pub(super) declared: Declared,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    pub(super) format: FormatArgs,

    /// Length of a window
    #[arg(short, long, value_name = "TIME", default_value = "1s", value_parser = parse_span)]
    pub(super) window: Duration,

    /// How long to observe; until stopped if not given
    #[arg(short, long, value_name = "TIME", value_parser = parse_span)]
    pub(super) duration: Option<Duration>,

    /// Write to FILE instead of standard output
    #[arg(short, long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,

    #[command(flatten)]
    pub(super) scope: ScopeArgs,

    #[command(flatten)]
    pub(super) filter: FilterArgs,

    #[command(flatten)]
    pub(super) declared: Declared,
}

#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// As JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(super) struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum, value_name = "SHELL")]
    pub(super) shell: Shell,
}

#[derive(Debug, Args)]
pub(super) struct ManArgs {
    /// Write a page for each command to the folder DIR, which is made if it is not there
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Format of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For a human.
    Text,
    /// The document livelock.verdict/v1.
    Json,
}

/// The command as clap sees it, for man pages and completions.
#[must_use]
pub fn command() -> clap::Command {
    // Whoever is changed comes last: to keep their order all of them are.
    let root = Cli::command();
    let commands: Vec<String> = root
        .get_subcommands()
        .map(|command| command.get_name().to_owned())
        .collect();
    commands.into_iter().fold(root, |root, name| {
        root.mut_subcommand(name, |command| match command.get_name() {
            "diagnose" => looking_closest(command),
            _ => command,
        })
    })
}

fn looking_closest(command: clap::Command) -> clap::Command {
    let ids: Vec<clap::Id> = command
        .get_arguments()
        .map(|arg| arg.get_id().clone())
        .collect();
    ids.into_iter().fold(command, |command, id| {
        command.mut_arg(id, |arg| match arg.get_id().as_str() {
            "max_level" => arg.default_value(DIAGNOSE_MAX_LEVEL),
            _ => arg,
        })
    })
}
