//! Sessions: the only room with tasks, signals and timers.
//!
//! In: a [`Config`]. Out: bytes on standard output or in a file, and an exit code. Refuses: to attach
//! on a host that cannot be observed, and to end without a summary.

mod clock;
mod compare;
mod deadline;
mod desk;
mod diagnose;
mod doctor;
mod export;
mod filter;
mod governor;
mod host;
mod live;
mod log;
mod manual;
mod output;
mod overwritten;
mod pipeline;
mod prepare;
mod progress;
mod record;
mod replay;
mod report;
mod schema;
pub mod screen;
mod session;
mod stream;

use std::process::ExitCode;

use crate::args::{Config, Exported, Job, Output, WatchFormat};
use crate::exit::Exit;
use crate::manual::{completions, first_page};

/// Runs what the arguments ask for.
///
/// # Errors
///
/// Whatever stops the job; reads after "failed to".
pub fn main(config: Config) -> anyhow::Result<ExitCode> {
    log::init(config.verbosity);
    if let Some(refusal) = overwritten::refusal(&config.job) {
        eprintln!("livelock: {refusal}");
        return Ok(Exit::Usage.into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = match config.job {
        Job::Diagnose {
            source,
            format,
            output,
        } => runtime.block_on(diagnose::run(&source, format, &output, config.color))?,
        Job::Watch { source, format } => match format {
            WatchFormat::Screen { is_ascii } if screen::is_possible() => {
                runtime.block_on(screen::run(&source, is_ascii, config.color))?
            }
            WatchFormat::Screen { .. } | WatchFormat::Plain => {
                runtime.block_on(stream::run(&source, stream::Form::Plain, &Output::Stdout))?
            }
            WatchFormat::Json => {
                runtime.block_on(stream::run(&source, stream::Form::Json, &Output::Stdout))?
            }
        },
        Job::Export {
            source,
            format: Exported::Lines,
            output,
        } => runtime.block_on(stream::run(&source, stream::Form::Json, &output))?,
        Job::Export {
            source,
            format: Exported::As(format),
            output,
        } => runtime.block_on(export::run(&source, format, &output))?,
        Job::Report { source, output } => runtime.block_on(report::run(&source, &output))?,
        Job::Compare {
            a,
            b,
            format,
            output,
        } => runtime.block_on(compare::run([&a, &b], format, &output, config.color))?,
        Job::Record { source, is_quiet } => runtime.block_on(record::run(&source, is_quiet))?,
        Job::Schema => schema::run()?,
        Job::Settings { listing } => manual::print(listing.as_bytes())?,
        Job::Completions { shell } => manual::print(&completions(shell))?,
        Job::Manual { folder: None } => manual::print(&first_page()?)?,
        Job::Manual {
            folder: Some(folder),
        } => manual::write_pages(&folder)?,
        Job::Doctor { format } => doctor::run(format, config.color)?,
    };
    // A look-up thread may still be reading the symbol table; nobody waits for it.
    runtime.shutdown_background();
    Ok(Exit::into(exit))
}
