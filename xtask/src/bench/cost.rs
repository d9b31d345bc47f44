//! `cargo xtask bench cost`.
//!
//! In: how many rounds, which storms. Out: a table or `livelock.bench-cost/v1`; exit code 0 if all targets
//! are met, 1 if not. Refuses: to run without root, and to compare figures of different storms.

use std::process::ExitCode;

use anyhow::{Context as _, ensure};
use aya::sys::{Stats, enable_stats};

use super::build::{self, Binaries};
use super::host::Host;
use super::peer;
use super::report::Report;
use super::round::{self, First, Round};
use super::table;

/// Arguments of `bench cost`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Rounds of each storm, about 13 s each; an even number has both orders of attachment
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Threads of a storm; repeatable [default: 2 and 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=4096))]
    threads: Vec<u32>,
    /// Measure perf and bpftrace as well
    #[arg(long)]
    peers: bool,
    /// Measure the binaries of the last release build
    #[arg(long)]
    no_build: bool,
}

/// Measures, prints and judges.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let what = build::binaries(args.no_build)?;
    ensure_root("cost")?;
    let host = Host::read()?;
    // On until dropped, so that nothing stays switched on whatever happens.
    let _stats = enable_stats(Stats::RunTime)
        .context("failed to enable BPF statistics (Linux 5.8 and CAP_SYS_ADMIN)")?;
    let threads = if args.threads.is_empty() {
        vec![2, 4]
    } else {
        args.threads.clone()
    };
    let rounds = rounds(&what, args.rounds, &threads)?;
    let peers = match threads.first() {
        Some(&nr_threads) if args.peers => peer::measure(&what, nr_threads),
        _ => Vec::new(),
    };
    let report = Report::new(host, rounds, peers)?;
    let text = if args.json {
        serde_json::to_string(&report).context("failed to write the report")? + "\n"
    } else {
        table::render(&report).context("failed to write the table")?
    };
    print!("{text}");
    Ok(if report.meets_all_targets {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// All storms in turn, so that a change of the host's mood meets all of them; who attaches first
/// alternates.
fn rounds(what: &Binaries, nr_rounds: u32, threads: &[u32]) -> anyhow::Result<Vec<Round>> {
    let mut rounds = Vec::new();
    for number in 0..nr_rounds {
        let first = if number % 2 == 0 {
            First::Floor
        } else {
            First::Livelock
        };
        for &nr_threads in threads {
            eprintln!(
                "bench: round {} of {nr_rounds}, {nr_threads} threads",
                number + 1
            );
            rounds.push(round::run(what, nr_threads, first)?);
        }
    }
    Ok(rounds)
}

/// `bench` is the command to type.
pub(super) fn ensure_root(bench: &str) -> anyhow::Result<()> {
    // SAFETY: no preconditions.
    let uid = unsafe { libc::geteuid() };
    let program = std::env::current_exe()
        .map_or_else(|_| "xtask".to_owned(), |path| path.display().to_string());
    ensure!(
        uid == 0,
        "the kernel lets only root load tracing programs; the binaries are built, so type \
         `sudo {program} bench {bench} --no-build`"
    );
    Ok(())
}
