//! `--ring`, `--trigger`, `--cooldown` and `--keep`, the flight recorder.
//!
//! In: the four options, typed or set otherwise. Out: a [`Flight`]. Refuses: a ring without a trigger, and a typed
//! trigger, cooldown or number of files without a ring; set in a file these only wait for a ring.

use std::time::Duration;

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command, FromArgMatches};

use super::parse_span;
use crate::record::{Flight, Trigger, parse_trigger};

/// Silence after an incident if nothing is said.
const COOLDOWN: &str = "10m";

/// The options, as clap shows them.
#[derive(Debug, Args)]
struct FlightOptions {
    /// Keep the last TIME in memory, and write it when --trigger says so
    ///
    /// Each incident becomes a file of its own, named after FILE and the time, and goes on until the trigger is no
    /// longer hit, for TIME at most.
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    ring: Option<Duration>,

    /// What an incident is: 'status>=contended', 'status>=starved' or 'status>=livelock'; with = that one alone
    #[arg(long, value_name = "RULE", value_parser = parse_trigger)]
    trigger: Option<Trigger>,

    /// How long after an incident until the next one is recorded
    #[arg(long, value_name = "TIME", default_value = COOLDOWN, value_parser = parse_span)]
    cooldown: Duration,

    /// Keep the newest N incidents, those of earlier sessions included; all if not given
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
}

/// The flight recorder, if there is one.
#[derive(Debug)]
pub(super) struct FlightArgs(pub(super) Option<Flight>);

impl Args for FlightArgs {
    fn augment_args(command: Command) -> Command {
        FlightOptions::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        FlightOptions::augment_args_for_update(command)
    }
}

impl FromArgMatches for FlightArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let options = FlightOptions::from_arg_matches(matches)?;
        let is_typed = |name| matches.value_source(name) == Some(ValueSource::CommandLine);
        let refusal = match (options.ring, options.trigger) {
            (Some(span), Some(trigger)) => {
                return Ok(Self(Some(Flight {
                    span,
                    trigger,
                    cooldown: options.cooldown,
                    nr_kept: options.keep,
                })));
            }
            (Some(_), None) => {
                "a ring is written when something happens: type --trigger 'status>=contended' with --ring"
            }
            (None, _) if ["trigger", "cooldown", "keep"].into_iter().any(is_typed) => {
                "only a flight recorder waits for incidents: type --ring 10m with --trigger, --cooldown and --keep"
            }
            (None, _) => return Ok(Self(None)),
        };
        Err(super::command().error(ErrorKind::MissingRequiredArgument, refusal))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
