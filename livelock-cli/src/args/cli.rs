//! What may be typed.
//!
//! In: clap's derive. Out: raw arguments. Refuses: only what a single argument shows by itself; see `config` for
//! the rest.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};

use super::declare::Declared;
use super::export::FormatArgs;
use super::filter::FilterArgs;
use super::parse_span;
use super::recording::{RecordArgs, ReplayArgs};
use super::scope::ScopeArgs;

const EXAMPLES: &str = "\
Examples:
  sudo livelock diagnose                      is this host in a live lock? (5 seconds)
  sudo livelock diagnose --duration 30s       the same, for a rarer one
  sudo livelock diagnose --cgroup /system.slice/nginx.service
  sudo livelock diagnose --pid $(pidof -s postgres)   this process and its descendants only
  sudo livelock diagnose --kind mutex,rwsem --min-wait 1ms   of the locks list only these
  sudo livelock diagnose --format json --output verdict.json
  sudo livelock diagnose --progress uprobe:/usr/sbin/nginx:ngx_http_finalize_request --expect 'rate>=100'
  sudo livelock watch                         full-screen, until q; ? tells the keys
  sudo livelock watch --plain                 one line a window until Ctrl-C
  sudo livelock export --duration 1m | jq 'select(.record == \"verdict\").status'
  sudo livelock record -o web1.llrec -d 1m    to look at it later, or elsewhere:
  livelock replay web1.llrec diagnose         the report on that minute, without root
  livelock doctor                             what works here, what does not, what to do

Exit codes:
  0 healthy, or busy and progressing    10 contended or starved
  1 error at run time                   11 live lock
  2 wrong arguments                    130 ended by Ctrl-C (SIGINT)
  3 this host cannot be observed       143 ended by SIGTERM
  4 inconclusive";

const EXPORT_EXAMPLES: &str = "\
Examples:
  sudo livelock export | jq -r 'select(.record == \"verdict\").cause.summary'
  sudo livelock export -d 1m --format csv --table locks -o locks.csv
  sudo livelock export -d 10s --format svg --side holders -o holders.svg
  sudo livelock export -d 10s --format perfetto -o web1.perfetto-trace     open it in ui.perfetto.dev
  sudo livelock export -d 15s --format openmetrics -o livelock.prom
  livelock replay web1.llrec export --format folded | flamegraph.pl > waiters.svg";

/// Behind the options of each command, however many commands there are.
const LAST: usize = 900;

/// Tells whether this host is in a live lock: every CPU busy, nothing achieved.
#[derive(Debug, Parser)]
#[command(name = "livelock", bin_name = "livelock", version, after_help = EXAMPLES, max_term_width = 100)]
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

    /// Say more about what is going on; twice for still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, display_order = LAST + 1)]
    pub(super) verbose: u8,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Observe for some seconds, then report
    Diagnose(DiagnoseArgs),
    /// Observe until stopped: full-screen on a terminal, a line a window elsewhere
    Watch(WatchArgs),
    /// Observe and write records for a script, a table, a flame graph, metrics or a trace
    #[command(after_help = EXPORT_EXAMPLES)]
    Export(ExportArgs),
    /// Observe and write a recording, to be looked at later or elsewhere
    Record(RecordArgs),
    /// Show a recording as if it happened now; needs no privileges
    ///
    /// Windows, CPUs and declared progress are those of the recording; so is the verdict.
    Replay(ReplayArgs),
    /// Say what this host can show, what it cannot, and what to do
    Doctor(DoctorArgs),
    /// Print the JSON Schema of verdicts and of records of a stream
    Schema,
}

#[derive(Debug, Args)]
pub(super) struct DiagnoseArgs {
    /// How long to observe
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
    Cli::command()
}
