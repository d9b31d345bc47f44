//! One round: one storm, the clock floor, `livelock watch` and then `livelock diagnose`.
//!
//! In: what to measure, how many threads, who attaches first. Out: [`Round`]. Refuses: a storm with too
//! few waits to say anything.

use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::Value;

use super::build::Binaries;
use super::floor::Floor;
use super::host::CpuTimes;
use super::process::{self, Raised};
use super::programs::{self, Pair, RunStats};
use super::stack_time::{StackTime, StackTimes};
use super::storm::{self, Storm};
use super::tool::{self, Watch};

/// From attach to the first reading: past the reading of symbols and the first stacks.
pub(super) const SETTLE: Duration = Duration::from_millis(1_000);

/// Between the two readings.
pub(crate) const MEASURE: Duration = Duration::from_secs(3);

/// Duration of `watch`: the two readings, and room for a busy host.
const WATCH: Duration = Duration::from_secs(6);

/// Duration of `diagnose`.
const DIAGNOSE: Duration = Duration::from_secs(5);

/// Fewest runs of a program between two readings: the odd interrupt inside a run weighs little then.
pub(super) const MIN_RUNS: u64 = 10_000;

/// Whose programs the tracepoints call first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum First {
    Floor,
    Livelock,
}

/// What a round measured. Times of a run are material, not results: only their ratios are judged.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) nr_threads: u32,
    pub(crate) attached_first: First,
    pub(crate) ratio_end: f64,
    pub(crate) ratio_begin_without_stack: f64,
    pub(crate) ratio_begin_mean: f64,
    pub(crate) floor_end_ns: f64,
    pub(crate) floor_begin_ns: f64,
    pub(crate) end_ns: f64,
    pub(crate) begin_without_stack_ns: f64,
    pub(crate) begin_mean_ns: f64,
    pub(crate) nr_begin_runs: u64,
    pub(crate) nr_end_runs: u64,
    pub(crate) nr_stacks: u64,
    /// Mean time of the part of `contention_begin` that takes a stack; null without a stack.
    pub(crate) stack_ns: Option<f64>,
    pub(crate) attach_ms: f64,
    pub(crate) header_ms: f64,
    pub(crate) resident_mb: f64,
    /// Share of one core between the two readings.
    pub(crate) core_pct: f64,
    /// CPU time of the whole session: load, verify, read symbols, observe.
    pub(crate) session_cpu_ms: f64,
    /// The same as a share of one core over the session.
    pub(crate) session_core_pct: f64,
    pub(crate) diagnose_over_ms: f64,
    /// Share of the host's CPUs used by others than the storm, the tool and this bench.
    pub(crate) others_pct: f64,
    pub(crate) steal_pct: f64,
    /// Operations of the storm, over the whole round.
    pub(crate) storm_ops_per_sec: f64,
    /// The summary record of `watch`.
    pub(crate) summary: Value,
    /// `host` of the header of `watch`.
    #[serde(skip)]
    pub(crate) facts: Value,
}

/// Everything that is read at one moment.
struct Reading {
    at: Instant,
    floor: Pair<RunStats>,
    livelock: Pair<RunStats>,
    stack: StackTime,
    host: CpuTimes,
    tool_cpu: Duration,
    known_cpu: Duration,
}

impl Reading {
    fn take(
        floor: &Floor,
        watch: &Watch,
        stacks: &StackTimes,
        storm: &Storm,
    ) -> anyhow::Result<Self> {
        // First what is compared, one right after the other.
        let of_floor = floor.stats()?;
        let of_livelock = programs::contention_stats(watch.pid()).context(
            "livelock ended in the middle of the round; is the host too busy to measure?",
        )?;
        let stack = stacks.read()?;
        let cpu_time = |pid| process::cpu_time(pid).context("failed to read a CPU clock");
        let tool_cpu = cpu_time(watch.pid())?;
        Ok(Self {
            at: Instant::now(),
            floor: of_floor,
            livelock: of_livelock,
            stack,
            host: CpuTimes::read()?,
            tool_cpu,
            known_cpu: tool_cpu + cpu_time(storm.pid())? + cpu_time(std::process::id())?,
        })
    }
}

/// Runs a round.
pub(crate) fn run(what: &Binaries, nr_threads: u32, first: First) -> anyhow::Result<Round> {
    let mut floor = Floor::load()?;
    let storm = Storm::start(&what.lab, storm::SPINLOCKS, nr_threads)?;
    if first == First::Floor {
        floor.attach()?;
    }
    let watch = Watch::start(&what.livelock, WATCH)?;
    if first == First::Livelock {
        floor.attach()?;
    }
    let of_livelock = programs::contention_programs(watch.pid())
        .context("livelock ended before the round began")?;
    let stacks = StackTimes::of_program(&of_livelock.begin)?;
    let (before, after) = {
        let _raised = Raised::new();
        std::thread::sleep(SETTLE);
        let before = Reading::take(&floor, &watch, &stacks, &storm)?;
        std::thread::sleep(MEASURE);
        (before, Reading::take(&floor, &watch, &stacks, &storm)?)
    };
    let session = watch.finish()?;
    drop(floor);
    let diagnose_over = tool::diagnose_over(&what.livelock, DIAGNOSE)?;
    let storm_ops_per_sec = storm.stop()?;

    let floor = after.floor - before.floor;
    let livelock = after.livelock - before.livelock;
    for (name, stats) in [
        ("floor_begin", floor.begin),
        ("floor_end", floor.end),
        ("contention_begin", livelock.begin),
        ("contention_end", livelock.end),
    ] {
        ensure!(
            stats.nr_runs >= MIN_RUNS,
            "{name} ran {} times in {MEASURE:?}, which is too few to compare ({MIN_RUNS} are needed): \
             the storm of {nr_threads} threads hardly contends on this host; try --threads with \
             another number",
            stats.nr_runs,
        );
    }
    let nr_stacks = after.stack.nr_stacks.saturating_sub(before.stack.nr_stacks);
    let stack_ns = after.stack.stack_ns.saturating_sub(before.stack.stack_ns);
    let begin_without_stack_ns =
        livelock.begin.run_time_ns.saturating_sub(stack_ns) as f64 / livelock.begin.nr_runs as f64;
    let wall = after.at - before.at;
    let host = after.host - before.host;
    let host_wall = wall.as_secs_f64() * host.nr_cpus as f64;
    let others = host
        .busy
        .saturating_sub(after.known_cpu.saturating_sub(before.known_cpu));
    Ok(Round {
        nr_threads,
        attached_first: first,
        ratio_end: livelock.end.mean_ns() / floor.end.mean_ns(),
        ratio_begin_without_stack: begin_without_stack_ns / floor.begin.mean_ns(),
        ratio_begin_mean: livelock.begin.mean_ns() / floor.begin.mean_ns(),
        floor_end_ns: floor.end.mean_ns(),
        floor_begin_ns: floor.begin.mean_ns(),
        end_ns: livelock.end.mean_ns(),
        begin_without_stack_ns,
        begin_mean_ns: livelock.begin.mean_ns(),
        nr_begin_runs: livelock.begin.nr_runs,
        nr_end_runs: livelock.end.nr_runs,
        nr_stacks,
        stack_ns: (nr_stacks > 0).then(|| stack_ns as f64 / nr_stacks as f64),
        attach_ms: millis(session.attached_after),
        header_ms: millis(session.header_after),
        resident_mb: session.resident_bytes as f64 / 1e6,
        core_pct: pct(
            after.tool_cpu.saturating_sub(before.tool_cpu).as_secs_f64(),
            wall.as_secs_f64(),
        ),
        session_cpu_ms: millis(session.cpu_time),
        session_core_pct: pct(session.cpu_time.as_secs_f64(), session.wall.as_secs_f64()),
        diagnose_over_ms: millis(diagnose_over),
        others_pct: pct(others.as_secs_f64(), host_wall),
        steal_pct: pct(host.steal.as_secs_f64(), host_wall),
        storm_ops_per_sec,
        summary: session.summary,
        facts: session.host,
    })
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn pct(part: f64, whole: f64) -> f64 {
    part / whole * 100.0
}
