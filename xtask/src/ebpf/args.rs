//! `cargo xtask ebpf`: builds the kernel programs.
//!
//! In: arguments. Out: the objects, written or compared with those in the repository. Refuses: to
//! call an object fresh that another toolchain version built, unless asked.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;

use super::build;
use super::object::{self, Object};
use super::pin::Pin;
use super::toolchain::{Choice, Toolchain};
use crate::paths;

/// Arguments of `ebpf`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Write nothing; fail if the committed objects are not what the sources give
    #[arg(long, conflicts_with = "out")]
    check: bool,
    /// With --check: succeed if the toolchain is not the one that built the committed objects
    #[arg(long, requires = "check")]
    allow_other_toolchain: bool,
    /// Write the objects into DIR and leave the committed ones alone
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Build with this toolchain [default: the first that is complete]
    #[arg(long, value_enum, value_name = "NAME")]
    toolchain: Option<Choice>,
}

/// What a comparison showed.
pub(crate) enum Checked {
    /// Every byte is the same.
    Same,
    /// The pinned toolchain gives other bytes: the committed objects are stale.
    Stale(Vec<&'static str>),
    /// The toolchain is another one, so bytes say nothing.
    OtherToolchain {
        /// What differs, for people.
        difference: String,
        /// What this toolchain built.
        objects: Vec<Object>,
    },
}

/// Builds, and writes or compares.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let root = paths::workspace_root()?;
    let toolchain = Toolchain::find(args.toolchain)?;
    if args.check {
        return report(&check(&root, &toolchain)?, args.allow_other_toolchain);
    }
    let (objects, pin) = build::objects(&root, &toolchain)?;
    for object in &objects {
        let path = match &args.out {
            Some(dir) => dir.join(object.file_name),
            None => object::committed_path(&root, object.file_name),
        };
        let is_same = fs::read(&path).is_ok_and(|old| old == object.bytes);
        write(&path, &object.bytes)?;
        let news = if is_same { "as before" } else { "changed" };
        println!("{}: {} bytes, {news}", path.display(), object.bytes.len());
    }
    match &args.out {
        Some(dir) => pin.write(&dir.join(super::pin::FILE_NAME))?,
        None => pin.write(&super::pin::committed_path(&root))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Builds and compares with the repository.
pub(crate) fn check(root: &Path, toolchain: &Toolchain) -> anyhow::Result<Checked> {
    let pinned = Pin::read(&super::pin::committed_path(root))?;
    let (objects, pin) = build::objects(root, toolchain)?;
    if let Some(difference) = pinned.difference(&pin) {
        return Ok(Checked::OtherToolchain {
            difference,
            objects,
        });
    }
    let mut stale = Vec::new();
    for object in &objects {
        let path = object::committed_path(root, object.file_name);
        let committed = fs::read(&path)
            .with_context(|| format!("failed to read the committed {}", path.display()))?;
        if committed != object.bytes {
            stale.push(object.file_name);
        }
    }
    Ok(if stale.is_empty() {
        Checked::Same
    } else {
        Checked::Stale(stale)
    })
}

fn report(checked: &Checked, allow_other_toolchain: bool) -> anyhow::Result<ExitCode> {
    Ok(match checked {
        Checked::Same => {
            println!("the committed objects are what the sources give, byte for byte");
            ExitCode::SUCCESS
        }
        Checked::Stale(names) => {
            eprintln!(
                "xtask: stale in the repository: {}; run `cargo xtask ebpf` and commit what it writes",
                names.join(", ")
            );
            ExitCode::FAILURE
        }
        Checked::OtherToolchain { difference, .. } if allow_other_toolchain => {
            println!(
                "the sources build, but bytes cannot be compared with another toolchain: {difference}; \
                 run the live tests on what this one builds (`cargo xtask test` does)"
            );
            ExitCode::SUCCESS
        }
        Checked::OtherToolchain { difference, .. } => {
            eprintln!(
                "xtask: bytes cannot be compared with another toolchain: {difference}; install the \
                 pinned one, or build and test with `cargo xtask test`, or accept it with \
                 `cargo xtask ebpf --check --allow-other-toolchain`"
            );
            ExitCode::FAILURE
        }
    })
}

/// Replaces a file.
fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if let Some(dir) = path.parent() {
        paths::make_dir(dir)?;
    }
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}
