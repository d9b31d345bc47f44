//! `livelock-lab`: live locks, and busy loads that only look like one, made on purpose.
//!
//! In: a scenario, a number of threads, a duration. Out: one JSON line about the operations that
//! were achieved. Refuses: to judge what it made; that is the work of `livelock diagnose`.

mod args;
mod catalog;
mod child;
mod cpus;
mod duration;
mod gate;
mod needs;
mod plan;
mod report;
mod run;
mod scenario;
mod scratch;
mod setting;
mod signals;
mod sys;

use std::process::ExitCode;

use crate::args::Request;
use crate::needs::Missing;

/// Exit code where the machine lacks what the scenario needs, as in `livelock`: the message says
/// what and what to do.
const EXIT_MISSING: u8 = 3;

fn main() -> ExitCode {
    match dispatch(&args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => ExitCode::from(complain(&err)),
    }
}

fn dispatch(request: &Request) -> anyhow::Result<()> {
    match request {
        Request::Run(scenario, load) => run::run(scenario, load),
        Request::List { json } => report::write_stdout(&catalog::list(*json)?),
    }
}

/// Prints the error and chooses the exit code.
fn complain(err: &anyhow::Error) -> u8 {
    eprintln!("livelock-lab: {err:#}");
    if err.chain().any(|cause| cause.is::<Missing>()) {
        EXIT_MISSING
    } else {
        1
    }
}
