//! `dictionary`: the functions that livelock knows by name, held against real kernels.
//!
//! In: the dictionaries of locks and of spin functions, the functions of detectors, the symbols of kernels. Out: what is
//! rotten, and the tables in docs/lock-names.md. Refuses: to guess; a kernel is booted and asked once, then remembered.

mod check;
mod names;
mod symbols;
mod table;

use std::fs;
use std::process::ExitCode;

use anyhow::Context as _;

use crate::paths;
use crate::vm::kernels;

/// Kernels whose symbols decide, oldest first: the long-term ones of the matrix, and the newest.
const MATRIX: &[&str] = &["6.1", "6.12", "6.18", "7.3"];

/// Where the tables stand.
const PAGE: &str = "docs/lock-names.md";

/// Arguments of `dictionary`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kernel to hold the names against; repeatable. Fewer than all tell only what is missing [default: 6.1 6.12 6.18 7.3]
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<String>,
    /// Write the tables into docs/lock-names.md instead of comparing them
    #[arg(long, conflicts_with = "kernels")]
    write: bool,
}

/// Checks; failure if anything is rotten or the tables are not the present ones.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let is_whole = args.kernels.is_empty();
    let wanted: Vec<&str> = if is_whole {
        MATRIX.to_vec()
    } else {
        args.kernels.iter().map(String::as_str).collect()
    };
    let mut found = Vec::new();
    for name in wanted {
        found.push(symbols::of(kernels::by_name(name)?)?);
    }
    let known = names::Known::of_this_version()?;
    let outcome = check::check(&known, &found, is_whole);
    for fault in &outcome.faults {
        eprintln!("dictionary: {fault}");
    }
    println!(
        "dictionary: {}, {} rotten",
        table::counts(&outcome),
        outcome.faults.len()
    );
    let mut is_fine = outcome.faults.is_empty();
    if is_whole {
        let path = paths::workspace_root()?.join(PAGE);
        let page = fs::read_to_string(&path).with_context(|| format!("failed to read {PAGE}"))?;
        let fresh = table::in_page(&page, &outcome, &found)?;
        if args.write {
            fs::write(&path, fresh).with_context(|| format!("failed to write {PAGE}"))?;
        } else if fresh != page {
            eprintln!("dictionary: the tables in {PAGE} are not these; write them with --write");
            is_fine = false;
        }
    }
    Ok(if is_fine {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
