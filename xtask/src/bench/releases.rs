//! `cargo xtask bench releases`: what it costs to tell the releases of sleeping locks.
//!
//! In: how many rounds, how many threads. Out: a table or `livelock.bench-releases/v1`, multiples of the clock floor. Refuses: rounds in which
//! the program found no holds, which would be cheap; a target, since none was promised.
//!
//! `lock:contended_release` came with 7.2. Its program is run on `lock:contention_end` here, right behind `contention_end`, so that each
//! acquisition of a sleeping lock is followed by one run that finds the hold and writes a record, its longest way. The real one comes after
//! the hold, when what it looks up may have left the caches.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use aya::sys::{Stats, enable_stats};
use serde::Serialize;

use super::build;
use super::cost::ensure_root;
use super::figure::Spread;
use super::floor::Floor;
use super::host::Host;
use super::programs::{Pair, RunStats};
use super::release_programs::{Programs, Releases};
use super::round::{First, MEASURE, MIN_RUNS, SETTLE};
use super::storm::Storm;

/// Scenario of the lab: all threads want one mutex, seldom enough for all records to have room.
const SCENARIO: &str = "membarrier";

/// Between two emptyings of the rings. The tool does it every 25 ms and streams fewer where they fill; here all are, and have to fit.
const EMPTY_EVERY: Duration = Duration::from_millis(2);

/// Least share of releases of which the acquisition was found and the record had room.
const MIN_FOUND_SHARE: f64 = 0.9;

/// Arguments of `bench releases`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Print one JSON object instead of a table
    #[arg(long)]
    json: bool,
    /// Rounds, about 5 s each; an even number has both orders of attachment
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Threads of the storm
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=4096))]
    threads: u32,
    /// Measure with the binaries of the last release build
    #[arg(long)]
    no_build: bool,
}

/// What one round measured.
#[derive(Debug, Serialize)]
struct Round {
    attached_first: First,
    ratio_release: f64,
    ratio_end: f64,
    floor_end_ns: f64,
    release_ns: f64,
    end_ns: f64,
    nr_releases: u64,
    found_pct: f64,
}

#[derive(Debug, Serialize)]
struct Report {
    schema: &'static str,
    host: Host,
    nr_threads: u32,
    /// Of the program that tells a release.
    release: Spread,
    /// Of `contention_end`, which notes each acquisition for it.
    end: Spread,
    rounds: Vec<Round>,
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let what = build::binaries(args.no_build)?;
    ensure_root("releases")?;
    let host = Host::read()?;
    // On until dropped, so that nothing stays switched on whatever happens.
    let _stats = enable_stats(Stats::RunTime)
        .context("failed to enable BPF statistics (Linux 5.8 and CAP_SYS_ADMIN)")?;
    let mut rounds = Vec::new();
    for number in 0..args.rounds {
        let first = if number % 2 == 0 {
            First::Floor
        } else {
            First::Livelock
        };
        eprintln!("bench: round {} of {}", number + 1, args.rounds);
        let storm = Storm::start(&what.lab, SCENARIO, args.threads)?;
        rounds.push(round(first)?);
        storm.stop()?;
    }
    let spread = |ratio: fn(&Round) -> f64| {
        let values: Vec<_> = rounds
            .iter()
            .map(|round| (round.attached_first, ratio(round)))
            .collect();
        Spread::of(&values).context("there was no round")
    };
    let report = Report {
        schema: "livelock.bench-releases/v1",
        nr_threads: args.threads,
        release: spread(|round| round.ratio_release)?,
        end: spread(|round| round.ratio_end)?,
        host,
        rounds,
    };
    let text = if args.json {
        serde_json::to_string(&report).context("failed to write the report")?
    } else {
        table(&report)
    };
    println!("{text}");
    Ok(ExitCode::SUCCESS)
}

fn round(first: First) -> anyhow::Result<Round> {
    let mut floor = Floor::load()?;
    let mut programs = Programs::load()?;
    if first == First::Floor {
        floor.attach()?;
        programs.attach()?;
    } else {
        programs.attach()?;
        floor.attach()?;
    }
    empty_for(&programs, SETTLE);
    let before = read(&floor, &programs)?;
    empty_for(&programs, MEASURE);
    let after = read(&floor, &programs)?;
    let floor_end = after.0.end - before.0.end;
    let (end, release) = (
        after.1.end - before.1.end,
        after.1.release - before.1.release,
    );
    for (name, stats) in [
        ("floor_end", floor_end),
        ("contention_end", end),
        ("contended_release", release),
    ] {
        ensure!(
            stats.nr_runs >= MIN_RUNS,
            "{name} ran {} times in {MEASURE:?}, which is too few to compare ({MIN_RUNS} are needed): \
             {SCENARIO} hardly contends on this host; try --threads with another number",
            stats.nr_runs,
        );
    }
    let nr_releases = after.1.nr_releases.saturating_sub(before.1.nr_releases);
    let nr_unmatched = after.1.nr_unmatched.saturating_sub(before.1.nr_unmatched);
    let nr_dropped = after.1.nr_dropped.saturating_sub(before.1.nr_dropped);
    let found = 1.0 - (nr_unmatched + nr_dropped) as f64 / nr_releases as f64;
    ensure!(
        found >= MIN_FOUND_SHARE,
        "of {nr_releases} releases only {:.0} % found their acquisition and room: what was measured is not what it costs",
        100.0 * found
    );
    let floor_end_ns = floor_end.mean_ns();
    Ok(Round {
        attached_first: first,
        ratio_release: release.mean_ns() / floor_end_ns,
        ratio_end: end.mean_ns() / floor_end_ns,
        floor_end_ns,
        release_ns: release.mean_ns(),
        end_ns: end.mean_ns(),
        nr_releases,
        found_pct: 100.0 * found,
    })
}

/// What both have cost so far, one right after the other.
fn read(floor: &Floor, programs: &Programs) -> anyhow::Result<(Pair<RunStats>, Releases)> {
    Ok((floor.stats()?, programs.read()?))
}

/// Empties the rings for that long.
fn empty_for(programs: &Programs, span: Duration) {
    let begin = Instant::now();
    while begin.elapsed() < span {
        std::thread::sleep(EMPTY_EVERY);
        programs.empty_rings();
    }
}

fn table(report: &Report) -> String {
    let row = |name: &str, spread: &Spread| {
        format!(
            "  {name:<36}{:>8.2}{:>8.2}{:>8.2}",
            spread.median, spread.min, spread.max
        )
    };
    let head = format!("storm of {} threads, {SCENARIO}", report.nr_threads);
    [
        format!(
            "{}, {} CPUs, {}",
            report.host.kernel_release,
            report.host.nr_cpus_online,
            report.host.cpu_model.as_deref().unwrap_or("unknown CPU")
        ),
        format!("\n{head:<38}{:>8}{:>8}{:>8}", "median", "min", "max"),
        row("a release told [x floor]", &report.release),
        row("contention_end with its note [x floor]", &report.end),
    ]
    .join("\n")
}
