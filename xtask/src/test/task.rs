//! The steps, in the order of what is cheap and tells most.
//!
//! In: which steps to leave out. Out: a line a step, and a closing line with the numbers. Refuses: to
//! stop at the first failure (but for a machine that lacks what the tests need), and to trust an object that the sources at hand did not give.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{anyhow, bail};

use super::score::{Counts, Score};
use super::swap::Swapped;
use super::{cargo_test, needs, smoke, transactions};
use crate::ebpf::{self, Checked, Object, Toolchain};
use crate::lint;
use crate::paths;
use crate::tools;

/// Read by the live tests.
const NO_LIVE: &str = "LIVELOCK_NO_LIVE";

/// Arguments of `test`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Boot no stock kernels
    #[arg(long)]
    no_vm: bool,
    /// Attach nothing to this machine's kernel
    #[arg(long)]
    no_live: bool,
}

/// Runs everything.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = paths::workspace_root()?;
    let mut score = Score::default();
    if !score.step("what the tests need", || needs::install(!args.no_vm)) {
        // Everything after it would fail for the same reason.
        return Ok(score.close());
    }
    score.step("lint", || lint(&root));
    let mut other = None;
    score.step("the kernel programs, from source and committed", || {
        other = check_objects(&root)?;
        Ok(())
    });
    score.steps("unit, property, snapshot and live tests", || {
        tests(&root, args.no_live, &["--workspace"])
    });
    if let Some(object) = other.filter(|_| !args.no_live) {
        score.steps(
            "live tests on the object that this toolchain builds",
            || {
                let _swapped = Swapped::with(&root, &object.bytes)?;
                tests(
                    &root,
                    false,
                    &["--package", "livelock-cli", "--test", "live"],
                )
            },
        );
    }
    if !args.no_vm {
        let mut is_built = false;
        for kernel in smoke::KERNELS {
            for &(scenario, expected) in smoke::SCENARIOS {
                score.step(&format!("kernel {kernel}: {scenario}"), || {
                    smoke::run(&root, kernel, scenario, expected, is_built)?;
                    is_built = true;
                    Ok(())
                });
            }
        }
        let step = format!("kernel {}: {}", transactions::KERNEL, transactions::MODULE);
        score.step(&step, || transactions::run(&root, is_built));
    }
    Ok(score.close())
}

fn lint(root: &Path) -> anyhow::Result<()> {
    let failures = lint::check(root);
    if failures.is_empty() {
        return Ok(());
    }
    let texts: Vec<String> = failures.iter().map(|err| format!("{err:#}")).collect();
    Err(anyhow!(texts.join("\n                ")))
}

/// The object to test as well, if bytes could not be compared.
fn check_objects(root: &Path) -> anyhow::Result<Option<Object>> {
    match ebpf::check(root, &Toolchain::find(None)?)? {
        Checked::Same => Ok(None),
        Checked::Stale(names) => bail!(
            "stale: {}; run `cargo xtask ebpf` and commit what it writes",
            names.join(", ")
        ),
        Checked::OtherToolchain {
            difference,
            objects,
        } => {
            eprintln!("bytes cannot be compared: {difference}; the live tests run on both objects");
            let ours = |object: &Object| object.file_name == ebpf::LIVELOCK;
            Ok(objects.into_iter().find(ours))
        }
    }
}

fn tests(root: &Path, no_live: bool, args: &[&str]) -> anyhow::Result<Counts> {
    // The live tests start it from the folder of the binary under test.
    tools::run(Command::new(tools::cargo()).current_dir(root).args([
        "build",
        "--locked",
        "--quiet",
        "--package",
        "livelock-lab",
    ]))?;
    let env: &[(&str, &str)] = if no_live { &[(NO_LIVE, "1")] } else { &[] };
    let args: Vec<&str> = args.iter().copied().chain(["--no-fail-fast"]).collect();
    cargo_test::run(root, &args, env)
}
