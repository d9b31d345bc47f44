//! `cargo test`, counted.
//!
//! In: arguments. Out: its output as it comes, and the numbers in it. Refuses: to read success from
//! the numbers alone; tests that do not compile have none.

use std::io::{BufRead as _, BufReader, Read};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use anyhow::{Context as _, bail};

use super::score::Counts;
use crate::tools;

/// What the live tests write when they cannot run.
const SKIPPED: &str = "live: skipped ";

/// Runs `cargo test` with these arguments and variables.
pub(super) fn run(root: &Path, args: &[&str], env: &[(&str, &str)]) -> anyhow::Result<Counts> {
    let mut child = Command::new(tools::cargo())
        .current_dir(root)
        .args(["test", "--locked"])
        .args(args)
        .envs(env.iter().copied())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("failed to start cargo")?;
    let stderr = child.stderr.take();
    let errors = thread::spawn(move || stderr.map_or(0, count_skipped));
    let mut counts = Counts::default();
    if let Some(stdout) = child.stdout.take() {
        for line in BufReader::new(stdout).lines() {
            let line = line.context("failed to read what cargo test prints")?;
            println!("{line}");
            add_result(&mut counts, &line);
        }
    }
    counts.nr_skipped = errors.join().unwrap_or(0);
    // A skipped test is one that passed without looking.
    counts.nr_passed = counts.nr_passed.saturating_sub(counts.nr_skipped);
    let status = child.wait().context("failed to wait for cargo test")?;
    if !status.success() && counts.nr_failed == 0 {
        bail!("cargo test ended with {status}; its messages are above");
    }
    Ok(counts)
}

fn count_skipped(stderr: impl Read) -> u64 {
    let mut nr_skipped = 0;
    for line in BufReader::new(stderr).lines().map_while(Result::ok) {
        eprintln!("{line}");
        nr_skipped += u64::from(line.contains(SKIPPED));
    }
    nr_skipped
}

/// Adds a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn add_result(counts: &mut Counts, line: &str) {
    let Some(result) = line.strip_prefix("test result: ") else {
        return;
    };
    let number_of = |what: &str| {
        result
            .split([';', '.'])
            .find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok())
            .unwrap_or(0)
    };
    counts.nr_passed += number_of("passed");
    counts.nr_failed += number_of("failed");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_add_up() {
        let mut counts = Counts::default();
        for line in [
            "running 3 tests",
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.10s",
            "test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.23s",
        ] {
            add_result(&mut counts, line);
        }
        assert_eq!((counts.nr_passed, counts.nr_failed), (15, 2));
    }

    #[test]
    fn skips_are_counted() {
        let text = "warning: x\nlive: skipped diagnose: no BTF\n";
        assert_eq!(count_skipped(text.as_bytes()), 1);
    }
}
