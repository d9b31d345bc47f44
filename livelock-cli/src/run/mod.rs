//! Sessions.
//!
//! In: a [`Config`]. Out: an exit code. Refuses: everything, until capture is joined to it.

use std::process::ExitCode;

use crate::args::Config;

/// Runs what the arguments ask for.
///
/// # Errors
///
/// Always.
pub fn main(_config: Config) -> anyhow::Result<ExitCode> {
    anyhow::bail!("start: this build has no capture")
}
