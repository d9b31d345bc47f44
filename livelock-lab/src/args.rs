//! The command line. In: arguments. Out: a [`Request`]. Refuses: zero threads, zero durations.
//!
//! The subcommands are the catalogue: a scenario that is in one cannot lack in the other.

use std::io;
use std::num::NonZeroUsize;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args as _, Command, FromArgMatches as _};

use crate::catalog::{self, Scenario};
use crate::cpus;
use crate::duration::parse_duration;

const ABOUT: &str = "Make a live lock, or a busy load that only looks like one, on purpose";
const AFTER_HELP: &str = "\
Each scenario prints one JSON line (livelock.lab/v1) at its end, also after Ctrl-C or SIGTERM.
The positives need 4 or more CPUs and native queued spinlocks to collapse. `list --json` says what
each scenario needs; where that is missing, the message says what to do and the exit code is 3.";

/// What the user wants.
#[derive(Debug)]
pub(crate) enum Request {
    /// Run a scenario.
    Run(&'static Scenario, Load),
    /// Show the catalogue.
    List {
        /// As JSON instead of a table.
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

/// Reads the arguments of this process; help, version and mistakes end it.
pub(crate) fn parse() -> Request {
    let mut command = command();
    request(&command.get_matches_mut()).unwrap_or_else(|err| err.format(&mut command).exit())
}

fn command() -> Command {
    let list = Command::new("list")
        .about("List the scenarios and the status that each is expected to get")
        .arg(
            Arg::new("json")
                .long("json")
                .action(ArgAction::SetTrue)
                .help("Print a JSON array instead of a table"),
        );
    Command::new("livelock-lab")
        .version(env!("CARGO_PKG_VERSION"))
        .about(ABOUT)
        .after_help(AFTER_HELP)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands(catalog::scenarios().map(|scenario| {
            let about = format!("{}: {}", scenario.kind.label(), scenario.description);
            // After the arguments, which bring a description of their own.
            Load::augment_args(Command::new(scenario.name))
                .about(about)
                .long_about(None::<&str>)
        }))
        .subcommand(list)
}

fn request(matches: &ArgMatches) -> Result<Request, clap::Error> {
    let wrong = || clap::Error::new(clap::error::ErrorKind::InvalidSubcommand);
    let (name, matches) = matches.subcommand().ok_or_else(wrong)?;
    if name == "list" {
        return Ok(Request::List {
            json: matches.get_flag("json"),
        });
    }
    let scenario = catalog::scenarios()
        .find(|scenario| scenario.name == name)
        .ok_or_else(wrong)?;
    Ok(Request::Run(scenario, Load::from_arg_matches(matches)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_words(words: &[&str]) -> Result<Request, clap::Error> {
        let words = ["livelock-lab"].iter().chain(words);
        request(&command().try_get_matches_from(words)?)
    }

    #[test]
    fn arguments_are_consistent() {
        command().debug_assert();
    }

    #[test]
    fn every_scenario_can_be_asked_for() {
        for scenario in catalog::scenarios() {
            let request = parse_words(&[scenario.name, "--threads", "3", "--pin"]).unwrap();
            let Request::Run(found, load) = request else {
                panic!("{} is not a scenario", scenario.name);
            };
            assert_eq!(found.name, scenario.name);
            assert_eq!(load.nr_threads().unwrap(), 3);
            assert!(load.pin);
        }
    }

    #[test]
    fn list_knows_json() {
        assert!(matches!(
            parse_words(&["list", "--json"]),
            Ok(Request::List { json: true })
        ));
    }

    #[test]
    fn zero_threads_and_unknown_scenarios_are_refused() {
        assert!(parse_words(&["compute", "--threads", "0"]).is_err());
        assert!(parse_words(&["perpetuum-mobile"]).is_err());
    }
}
