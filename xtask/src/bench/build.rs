//! The binaries and the object that are measured.
//!
//! In: the workspace. Out: paths of release binaries, and the bytes of the floor object. Refuses: to
//! measure a binary that is not there.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use crate::paths;
use crate::tools;

/// Where the object of the clock floor is, seen from the root of the workspace.
const FLOOR_OBJECTS: &[&str] = &["xtask/bpf/floor.bpf.o", "livelock-cli/bpf/floor.bpf.o"];

/// What is measured, and with what.
pub(crate) struct Binaries {
    /// `livelock`.
    pub(crate) livelock: PathBuf,
    /// `livelock-lab`.
    pub(crate) lab: PathBuf,
    /// The object of the clock floor.
    pub(crate) floor_object: Vec<u8>,
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
        floor_object: floor_object(&root)?,
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

fn floor_object(root: &Path) -> anyhow::Result<Vec<u8>> {
    for candidate in FLOOR_OBJECTS {
        let path = root.join(candidate);
        if path.is_file() {
            return fs::read(&path).with_context(|| format!("failed to read {}", path.display()));
        }
    }
    bail!(
        "{} does not exist; build it with `cargo xtask ebpf`",
        FLOOR_OBJECTS.join(" or ")
    )
}
