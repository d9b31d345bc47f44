//! Other tools in the same storm, beside the same floor.
//!
//! In: their commands. Out: their cost as multiples of the floor, or why there is none. Refuses: to fail
//! because a peer is missing.

use std::io::Read as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::Serialize;

use super::build::Binaries;
use super::floor::Floor;
use super::process::{Process, Raised};
use super::programs;
use super::round::MEASURE;
use super::storm::{self, Storm};

/// Longest time until a peer's programs run.
const ATTACH_LIMIT: Duration = Duration::from_secs(20);

/// From attach to the first reading.
const SETTLE: Duration = Duration::from_millis(500);

/// Name and command line. They end when they are told to, or after a minute.
const PEERS: &[(&str, &[&str])] = &[
    (
        "perf lock contention -abl",
        &["perf", "lock", "contention", "-abl", "sleep", "60"],
    ),
    (
        "perf lock contention -ab",
        &["perf", "lock", "contention", "-ab", "sleep", "60"],
    ),
    (
        "bpftrace hash + kstack",
        &[
            "bpftrace",
            "-e",
            "tracepoint:lock:contention_begin { @ns[tid] = nsecs; @stack[tid] = kstack; } \
             tracepoint:lock:contention_end /@ns[tid]/ { \
             @wait[@stack[tid]] = sum(nsecs - @ns[tid]); delete(@ns[tid]); delete(@stack[tid]); } \
             interval:s:60 { exit(); }",
        ],
    ),
];

/// What became of one peer.
#[derive(Debug, Serialize)]
pub(crate) struct PeerResult {
    pub(crate) name: &'static str,
    #[serde(flatten)]
    pub(crate) outcome: Outcome,
}

/// Measured, or why not.
#[derive(Debug, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Outcome {
    Measured { ratio_begin: f64, ratio_end: f64 },
    Unavailable { reason: String },
}

/// Measures all peers, one after the other.
pub(crate) fn measure(what: &Binaries, nr_threads: u32) -> Vec<PeerResult> {
    PEERS
        .iter()
        .map(|&(name, command)| {
            eprintln!("bench: {name}");
            PeerResult {
                name,
                outcome: measure_one(what, nr_threads, command).unwrap_or_else(|err| {
                    Outcome::Unavailable {
                        reason: format!("{err:#}"),
                    }
                }),
            }
        })
        .collect()
}

fn measure_one(what: &Binaries, nr_threads: u32, command: &[&str]) -> anyhow::Result<Outcome> {
    let (program, args) = command.split_first().context("an empty command")?;
    let mut floor = Floor::load()?;
    let storm = Storm::start(&what.lab, storm::SPINLOCKS, nr_threads)?;
    let mut peer = Process::start(
        Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped()),
    )?;
    let _raised = Raised::new();
    floor.attach()?;
    let started = Instant::now();
    while !programs::has_run(peer.pid()) {
        if peer.ended()?.is_some() {
            return Ok(Outcome::Unavailable {
                reason: complaint(&mut peer),
            });
        }
        if started.elapsed() > ATTACH_LIMIT {
            return Ok(Outcome::Unavailable {
                reason: format!("it ran no contention program within {ATTACH_LIMIT:?}"),
            });
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    std::thread::sleep(SETTLE);
    let read = |pid| {
        let of_peer = programs::contention_stats(pid).context("it ended while it was measured")?;
        anyhow::Ok((floor.stats()?, of_peer))
    };
    let before = read(peer.pid())?;
    std::thread::sleep(MEASURE);
    let after = read(peer.pid())?;
    storm.stop()?;
    let of_floor = after.0 - before.0;
    let of_peer = after.1 - before.1;
    Ok(Outcome::Measured {
        ratio_begin: of_peer.begin.mean_ns() / of_floor.begin.mean_ns(),
        ratio_end: of_peer.end.mean_ns() / of_floor.end.mean_ns(),
    })
}

/// First line of what a peer that has ended said.
fn complaint(peer: &mut Process) -> String {
    let mut text = String::new();
    if let Some(stderr) = peer.child().stderr.as_mut() {
        // What cannot be read is not said.
        let _ = stderr.read_to_string(&mut text);
    }
    text.lines()
        .map(str::trim)
        .find(|line| !line.is_empty())
        .unwrap_or("it ended without a word")
        .to_owned()
}
