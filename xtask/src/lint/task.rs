//! The checks, one after the other.
//!
//! In: the sources. Out: which checks failed. Refuses: to stop at the first, because each one that
//! fails is work that can be done at once.

use std::path::Path;
use std::process::{Command, ExitCode};

use super::{clippy, house};
use crate::paths;
use crate::tools;

/// Runs all checks.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    let failures = check(&paths::workspace_root()?);
    for failure in &failures {
        eprintln!("xtask: {failure:#}");
    }
    if failures.is_empty() {
        println!("lint: clean");
        return Ok(ExitCode::SUCCESS);
    }
    Ok(ExitCode::FAILURE)
}

/// What is wrong with the sources, one entry a check.
pub(crate) fn check(root: &Path) -> Vec<anyhow::Error> {
    [
        house::check(root),
        format(root, "."),
        format(root, "livelock-ebpf"),
        clippy::host(root),
        clippy::bpf(root),
    ]
    .into_iter()
    .filter_map(Result::err)
    .collect()
}

fn format(root: &Path, package: &str) -> anyhow::Result<()> {
    eprintln!("lint: rustfmt in {package}");
    tools::run(
        Command::new(tools::cargo())
            .current_dir(root.join(package))
            .args(["fmt", "--all", "--check"]),
    )
    .map_err(|err| {
        err.context(format!(
            "sources in {package} are not formatted; run `cargo fmt --all` there"
        ))
    })
}
