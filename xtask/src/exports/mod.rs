//! `cargo xtask exports`: what `livelock export` writes, read by the programs that it is for.
//!
//! In: recordings. Out: their exports under `target/exports`, and whether Perfetto's definitions, the reference parser of
//! OpenMetrics, DuckDB and pyarrow read them. Refuses: to fail for want of Python or its packages; it says so and skips.

mod python;

use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context as _, bail};

use self::python::{Found, Python};
use crate::{paths, tools};

/// Recordings: one with spinlocks, one with mutexes, one in which nobody waits.
const RECORDINGS: [&str; 3] = ["7.3-6-fd-table-1", "6.18-2-mutex-contended", "6.18-2-idle"];

/// Ending of the file, and the options that write it.
const EXPORTS: [(&str, &[&str]); 9] = [
    ("jsonl", &["--format", "jsonl"]),
    ("windows.csv", &["--format", "csv"]),
    ("locks.csv", &["--format", "csv", "--table", "locks"]),
    ("windows.parquet", &["--format", "parquet"]),
    (
        "locks.parquet",
        &["--format", "parquet", "--table", "locks"],
    ),
    ("prom", &["--format", "openmetrics"]),
    ("perfetto-trace", &["--format", "perfetto"]),
    ("folded", &["--format", "folded"]),
    ("svg", &["--format", "svg"]),
];

/// Reads what was written; exits with 1 and says why if something is wrong.
const CHECK: &str = include_str!("check.py");

/// Runs it alone.
pub(crate) fn run() -> anyhow::Result<ExitCode> {
    check(&paths::workspace_root()?)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes and checks all exports.
pub(crate) fn check(root: &Path) -> anyhow::Result<()> {
    let folder = root.join("target/exports");
    paths::make_dir(&folder)?;
    let python = match Python::find(&folder)? {
        Found::Yes(python) => python,
        Found::No { reason } => {
            eprintln!("exports: skipped: {reason}");
            return Ok(());
        }
    };
    tools::run(Command::new(tools::cargo()).current_dir(root).args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "livelock-cli",
        "--features",
        "parquet",
    ]))?;
    for recording in RECORDINGS {
        for (ending, options) in EXPORTS {
            export(root, &folder, recording, ending, options)?;
        }
    }
    let script = folder.join("check.py");
    std::fs::write(&script, CHECK)
        .with_context(|| format!("failed to write {}", script.display()))?;
    tools::run(
        Command::new(&python.program)
            .arg(&script)
            .arg(&folder)
            .args(RECORDINGS),
    )
}

fn export(
    root: &Path,
    folder: &Path,
    recording: &str,
    ending: &str,
    options: &[&str],
) -> anyhow::Result<()> {
    let file = folder.join(format!("{recording}.{ending}"));
    let input = root
        .join("livelock-core/tests/scenarios")
        .join(format!("{recording}.llrec"));
    let status = Command::new(root.join("target/debug/livelock"))
        .arg("replay")
        .arg(input)
        .arg("export")
        .args(options)
        .arg("--output")
        .arg(&file)
        .stdin(Stdio::null())
        .status()
        .context("failed to start livelock")?;
    // The code is the status of what was recorded.
    match status.code() {
        Some(0 | 4 | 10 | 11) => Ok(()),
        _ => bail!("livelock export {} ended with {status}", options.join(" ")),
    }
}
