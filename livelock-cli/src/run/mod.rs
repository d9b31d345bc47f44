//! Sessions: the only room with tasks, signals and timers.
//!
//! In: a [`Config`]. Out: bytes on standard output or in a file, and an exit code. Refuses: to attach
//! on a host that cannot be observed, and to end without a summary.

mod diagnose;
mod doctor;
mod governor;
mod host;
mod log;
mod output;
mod pipeline;
mod prepare;
mod progress;
mod session;
mod stream;

use std::process::ExitCode;

use crate::args::{Config, Job, WatchFormat};
use crate::exit::Exit;

/// Runs what the arguments ask for.
///
/// # Errors
///
/// Whatever stops the job; reads after "failed to".
pub fn main(config: Config) -> anyhow::Result<ExitCode> {
    log::init(config.verbosity);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = match config.job {
        Job::Diagnose {
            session,
            format,
            output,
        } => runtime.block_on(diagnose::run(session, format, &output, config.color))?,
        Job::Watch {
            session,
            format: WatchFormat::Json,
        } => runtime.block_on(stream::run(
            session,
            stream::Form::Json,
            &crate::args::Output::Stdout,
        ))?,
        // The full screen comes with a later release; its windows and verdicts are these.
        Job::Watch {
            session,
            format: WatchFormat::Plain | WatchFormat::Screen,
        } => runtime.block_on(stream::run(
            session,
            stream::Form::Plain,
            &crate::args::Output::Stdout,
        ))?,
        Job::Export { session, output } => {
            runtime.block_on(stream::run(session, stream::Form::Json, &output))?
        }
        Job::Doctor { format } => doctor::run(format, config.color)?,
    };
    // A look-up thread may still be reading the symbol table; nobody waits for it.
    runtime.shutdown_background();
    Ok(Exit::into(exit))
}
