//! Static programs for the guest.
//!
//! In: packages of this workspace. Out: their static binaries, built under `target/vm/build` so that
//! the usual cache stays. Refuses: to hand out the binary of an earlier build when this one failed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::paths;
use crate::tools;

/// glibc links statically on the GNU target; musl's std is not needed.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The programs that a guest can have: package and binary.
const PROGRAMS: &[(&str, &str)] = &[
    ("livelock-lab", "livelock-lab"),
    ("livelock-cli", "livelock"),
];

/// How the programs are compiled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Profile {
    /// As users get them.
    #[default]
    Release,
    /// In half the time, for tests that look at no cost.
    Smoke,
}

impl Profile {
    /// Its name in `Cargo.toml`, and of the folder that Cargo puts its programs into.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Smoke => "smoke",
        }
    }
}

/// Builds all programs, or with `no_build` takes those of the last build. One that cannot be had is
/// left out with a warning: a guest without `livelock` can still run everything else.
pub(crate) fn programs(profile: Profile, no_build: bool) -> anyhow::Result<Vec<PathBuf>> {
    let mut programs = Vec::new();
    for (package, binary) in PROGRAMS {
        match program(package, binary, profile, no_build) {
            Ok(path) => programs.push(path),
            Err(err) => eprintln!("vm: warning: the guest has no {binary}: {err:#}"),
        }
    }
    Ok(programs)
}

fn program(
    package: &str,
    binary: &str,
    profile: Profile,
    no_build: bool,
) -> anyhow::Result<PathBuf> {
    let target_dir = paths::vm_dir("build")?;
    if !no_build {
        eprintln!("vm: building a static {binary}");
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        tools::run(
            Command::new(cargo)
                .current_dir(paths::workspace_root()?)
                .env("RUSTFLAGS", "-C target-feature=+crt-static")
                .env_remove("CARGO_ENCODED_RUSTFLAGS")
                .args([
                    "build",
                    "--quiet",
                    "--profile",
                    profile.name(),
                    "--target",
                    TARGET,
                    "--package",
                    package,
                ])
                .arg("--target-dir")
                .arg(&target_dir),
        )
        .with_context(|| format!("failed to build {package}"))?;
    }
    let path = target_dir.join(TARGET).join(profile.name()).join(binary);
    ensure!(
        path.is_file(),
        "{} does not exist; package {package} has no such binary yet",
        path.display()
    );
    Ok(path)
}
