//! The document `livelock.bench-cost/v1`.
//!
//! In: rounds and peers. Out: figures against their targets. Refuses: to judge a peer.

use anyhow::Context as _;
use serde::Serialize;

use super::figure::Figure;
use super::host::Host;
use super::peer::PeerResult;
use super::round::Round;

/// Name and version of the document. Fields are added, never renamed, within v1.
const SCHEMA: &str = "livelock.bench-cost/v1";

/// Targets: what the project promises. Ratios are to the clock floor of the same round.
mod target {
    pub(super) const END: f64 = 1.2;
    pub(super) const BEGIN_WITHOUT_STACK: f64 = 1.7;
    pub(super) const BEGIN_MEAN: f64 = 2.5;
    pub(super) const ATTACH_MS: f64 = 500.0;
    pub(super) const RESIDENT_MB: f64 = 100.0;
    pub(super) const CORE_PCT: f64 = 3.0;
    pub(super) const DIAGNOSE_OVER_MS: f64 = 700.0;
}

/// Multiples of the clock floor.
#[derive(Debug, Serialize)]
pub(crate) struct Ratios {
    pub(crate) end: Figure,
    pub(crate) begin_without_stack: Figure,
    pub(crate) begin_mean: Figure,
}

/// The user side.
#[derive(Debug, Serialize)]
pub(crate) struct User {
    pub(crate) attach_ms: Figure,
    pub(crate) resident_mb: Figure,
    pub(crate) core_pct: Figure,
    pub(crate) diagnose_over_ms: Figure,
}

/// Figures of all rounds with the same number of threads.
#[derive(Debug, Serialize)]
pub(crate) struct StormFigures {
    pub(crate) nr_threads: u32,
    pub(crate) nr_rounds: usize,
    pub(crate) ratios: Ratios,
    pub(crate) user: User,
}

/// The document.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    schema: &'static str,
    pub(crate) host: Host,
    /// Whether the median of every figure of every storm meets its target.
    pub(crate) meets_all_targets: bool,
    /// Over all rounds.
    pub(crate) ratios: Ratios,
    /// Over all rounds.
    pub(crate) user: User,
    pub(crate) storms: Vec<StormFigures>,
    pub(crate) peers: Vec<PeerResult>,
    pub(crate) rounds: Vec<Round>,
}

impl Report {
    /// Sums up at least one round.
    pub(crate) fn new(
        mut host: Host,
        rounds: Vec<Round>,
        peers: Vec<PeerResult>,
    ) -> anyhow::Result<Self> {
        let all: Vec<&Round> = rounds.iter().collect();
        let mut nrs_threads: Vec<u32> = rounds.iter().map(|round| round.nr_threads).collect();
        nrs_threads.sort_unstable();
        nrs_threads.dedup();
        let storms = nrs_threads
            .into_iter()
            .map(|nr_threads| storm(&rounds, nr_threads))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let meets_all_targets = storms
            .iter()
            .flat_map(StormFigures::rows)
            .all(|row| row.figure.meets_target);
        if let Some(round) = rounds.last() {
            host.facts = round.facts.clone();
        }
        Ok(Self {
            schema: SCHEMA,
            host,
            meets_all_targets,
            ratios: ratios(&all)?,
            user: user(&all)?,
            storms,
            peers,
            rounds,
        })
    }
}

fn storm(rounds: &[Round], nr_threads: u32) -> anyhow::Result<StormFigures> {
    let of_storm: Vec<&Round> = rounds
        .iter()
        .filter(|round| round.nr_threads == nr_threads)
        .collect();
    Ok(StormFigures {
        nr_threads,
        nr_rounds: of_storm.len(),
        ratios: ratios(&of_storm)?,
        user: user(&of_storm)?,
    })
}

fn figure(rounds: &[&Round], value: fn(&Round) -> f64, target: f64) -> anyhow::Result<Figure> {
    let values: Vec<_> = rounds
        .iter()
        .map(|round| (round.attached_first, value(round)))
        .collect();
    Figure::of(&values, target).context("there was no round")
}

fn ratios(rounds: &[&Round]) -> anyhow::Result<Ratios> {
    Ok(Ratios {
        end: figure(rounds, |round| round.ratio_end, target::END)?,
        begin_without_stack: figure(
            rounds,
            |round| round.ratio_begin_without_stack,
            target::BEGIN_WITHOUT_STACK,
        )?,
        begin_mean: figure(rounds, |round| round.ratio_begin_mean, target::BEGIN_MEAN)?,
    })
}

fn user(rounds: &[&Round]) -> anyhow::Result<User> {
    Ok(User {
        attach_ms: figure(rounds, |round| round.attach_ms, target::ATTACH_MS)?,
        resident_mb: figure(rounds, |round| round.resident_mb, target::RESIDENT_MB)?,
        core_pct: figure(rounds, |round| round.core_pct, target::CORE_PCT)?,
        diagnose_over_ms: figure(
            rounds,
            |round| round.diagnose_over_ms,
            target::DIAGNOSE_OVER_MS,
        )?,
    })
}

/// A figure as people read it.
pub(crate) struct Row<'figures> {
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) nr_decimals: usize,
    pub(crate) figure: &'figures Figure,
}

impl StormFigures {
    /// All figures, in the order of the table.
    pub(crate) fn rows(&self) -> [Row<'_>; 7] {
        let row = |name, unit, nr_decimals, figure| Row {
            name,
            unit,
            nr_decimals,
            figure,
        };
        let (ratios, user) = (&self.ratios, &self.user);
        [
            row("contention_end", "x floor", 2, &ratios.end),
            row(
                "contention_begin, no stack",
                "x floor",
                2,
                &ratios.begin_without_stack,
            ),
            row("contention_begin, mean", "x floor", 2, &ratios.begin_mean),
            row("spawn to attached", "ms", 0, &user.attach_ms),
            row("peak resident memory", "MB", 1, &user.resident_mb),
            row("share of one core", "%", 2, &user.core_pct),
            row("diagnose over its 5 s", "ms", 0, &user.diagnose_over_ms),
        ]
    }
}
