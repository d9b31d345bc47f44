//! The binaries that are measured.
//!
//! In: the workspace. Out: paths of release binaries. Refuses: a binary that is not there.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::paths;
use crate::tools;

/// What is measured, and what makes the storm.
pub(crate) struct Binaries {
    /// `livelock`.
    pub(crate) livelock: PathBuf,
    /// `livelock-lab`.
    pub(crate) lab: PathBuf,
}

/// Builds the binaries as users get them; with `no_build`, takes those of the last build.
pub(crate) fn binaries(no_build: bool) -> anyhow::Result<Binaries> {
    let root = paths::workspace_root()?;
    if !no_build {
        eprintln!("bench: building livelock and livelock-lab");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        tools::run(Command::new(cargo).current_dir(&root).args([
            "build",
            "--quiet",
            "--release",
            "--package",
            "livelock-cli",
            "--package",
            "livelock-lab",
        ]))
        .context("failed to build what is to be measured")?;
    }
    let release = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| root.join("target"), |dir| root.join(dir))
        .join("release");
    Ok(Binaries {
        livelock: existing(release.join("livelock"))?,
        lab: existing(release.join("livelock-lab"))?,
    })
}

fn existing(path: PathBuf) -> anyhow::Result<PathBuf> {
    ensure!(
        path.is_file(),
        "{} does not exist; leave --no-build out",
        path.display()
    );
    Ok(path)
}
