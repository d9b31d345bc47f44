//! The `bench` commands. In: arguments. Out: which bench runs. Refuses: to know how.

use std::process::ExitCode;

use super::{cost, releases, screen};

/// What can be measured.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Cost of the programs as multiples of a clock floor in the same storm, and of the user side
    #[command(
        after_help = "Needs root, and a host whose spinlocks reach the contention tracepoints.\n\
                            Exit code: 0 all targets met, 1 not."
    )]
    Cost(cost::Args),
    /// Cost of telling the releases of sleeping locks (Linux 7.2 and later), on any kernel, as a multiple of the same floor
    #[command(after_help = "Needs root.")]
    Releases(releases::Args),
    /// Time of a redraw of the full screen with 256 CPUs, and its share of a core at 10 frames a second
    #[command(after_help = "Needs no root. Exit code: 0 both targets met, 1 not.")]
    Screen,
}

/// Runs a bench.
pub(crate) fn dispatch(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Cost(args) => cost::run(args),
        Command::Releases(args) => releases::run(args),
        Command::Screen => screen::run(),
    }
}
