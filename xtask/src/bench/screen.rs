//! `cargo xtask bench screen`.
//!
//! In: nothing. Out: what `livelock-cli/benches/screen.rs` prints, and its verdict. Refuses: a debug build.

use std::process::{Command, ExitCode};

use anyhow::Context as _;

use crate::paths;
use crate::tools;

/// Builds and runs it.
pub(super) fn run() -> anyhow::Result<ExitCode> {
    let root = paths::workspace_root()?;
    let status = Command::new(tools::cargo())
        .current_dir(&root)
        .args([
            "bench",
            "--locked",
            "--package",
            "livelock-cli",
            "--bench",
            "screen",
        ])
        .status()
        .context("failed to start cargo")?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
