//! The command line. In: arguments. Out: [`Args`]. Refuses: zero threads, zero durations.

use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::cpus;
use crate::duration::parse_duration;

/// Make a live lock, or a busy load that only looks like one, on purpose.
#[derive(Debug, Parser)]
#[command(
    version,
    after_help = "Each scenario prints one JSON line (livelock.lab/v1) at its end, also after Ctrl-C or SIGTERM.\n\
                  The positives need 4 or more CPUs and native queued spinlocks to collapse."
)]
pub(crate) struct Args {
    /// What to make.
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The scenarios, and their list. [`crate::catalog`] says what each is expected to show.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Positive: every thread runs dup and close on the file table of one process
    FdTable(Load),
    /// Positive: every thread runs a futex wait that fails at once, on one word
    FutexBucket(Load),
    /// Look-alike: every thread computes and never enters the kernel
    Compute(Load),
    /// Look-alike: every thread calls getppid, which takes no lock
    Getppid(Load),
    /// Look-alike: many threads resize one pipe and compute in between
    PipeResize(Load),
    /// List the scenarios and the status that each is expected to get
    List {
        /// Print a JSON array instead of a table
        #[arg(long)]
        json: bool,
    },
}

/// How much load, for how long.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// Threads that run the operation [default: one per CPU that this process may use]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<NonZeroUsize>,
    /// How long: plain seconds, or with a unit (500ms, 5s, 2m)
    #[arg(long, value_name = "SECS", default_value = "10s", value_parser = parse_duration)]
    pub(crate) duration: Duration,
    /// Bind thread i to CPU i modulo the number of CPUs
    #[arg(long)]
    pub(crate) pin: bool,
}

impl Load {
    /// Threads asked for, or one per CPU that this process may use.
    pub(crate) fn nr_threads(&self) -> io::Result<usize> {
        match self.threads {
            Some(nr_threads) => Ok(nr_threads.get()),
            None => Ok(cpus::allowed()?.len().max(1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::catalog::SCENARIOS;

    #[test]
    fn arguments_are_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_subcommand_is_in_the_catalog() {
        let command = Args::command();
        let mut names: Vec<_> = command
            .get_subcommands()
            .map(|sub| sub.get_name().to_owned())
            .collect();
        names.retain(|name| name != "list");
        let catalog: Vec<_> = SCENARIOS
            .iter()
            .map(|scenario| scenario.name.to_owned())
            .collect();
        assert_eq!(names, catalog);
    }

    #[test]
    fn zero_threads_are_refused() {
        assert!(Args::try_parse_from(["livelock-lab", "compute", "--threads", "0"]).is_err());
    }
}
