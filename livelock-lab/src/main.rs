//! `livelock-lab`: live locks, and busy loads that only look like one, made on purpose.
//!
//! In: a scenario, a number of threads, a duration. Out: one JSON line about the operations that
//! were achieved. Refuses: to judge what it made; that is the work of `livelock diagnose`.

mod args;
mod catalog;
mod cpus;
mod duration;
mod gate;
mod report;
mod run;
mod scenario;
mod signals;

use std::process::ExitCode;

use clap::Parser;

use crate::args::{Args, Command};

fn main() -> ExitCode {
    match dispatch(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("livelock-lab: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::FdTable(load) => scenario::fd_table(load),
        Command::FutexBucket(load) => scenario::futex_bucket(load),
        Command::Compute(load) => scenario::compute(load),
        Command::Getppid(load) => scenario::getppid(load),
        Command::PipeResize(load) => scenario::pipe_resize(load),
        Command::List { json } => report::write_stdout(&catalog::list(*json)?),
    }
}
