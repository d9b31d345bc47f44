//! What a verdict says of those who hold a lock: for how long, how that is known, and what kept them.
//!
//! In: built by `locks`. Out: serialized as parts of a lock's report. Refuses: a holder without saying how it was
//! known.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::Pid;

/// How a holder was known, best first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HolderSource {
    /// Its release was traced (`lock:contended_release`; `lock:lock_release` on kernels with lockdep).
    ContendedRelease,
    /// The lock names it as its owner.
    OwnerWord,
    /// It was sampled on its CPU while it held the lock.
    SampledOnCpu,
    /// It acquired the lock last, while others waited.
    LastAcquirer,
}

/// One way in which a holder was known, and how much of what is known of it comes from there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KnownBy {
    /// How.
    pub source: HolderSource,
    /// Observations of this kind.
    pub nr: u64,
    /// Share of all observations of this holder.
    pub share_pct: f64,
}

/// What kept a holder from running.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Hindrance {
    /// It wanted to run, and another task ran.
    Preempted,
    /// It slept.
    Asleep,
    /// An interrupt ran in its place.
    Hardirq,
    /// A soft interrupt ran in its place.
    Softirq,
}

/// A holder that held the lock without running.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NotRunning {
    /// Why.
    pub why: Hindrance,
    /// Share of the observations of this holder that tell whether it ran.
    pub share_pct: f64,
    /// What ran instead; `None` if that was not seen.
    pub instead: Option<String>,
}

/// What the hold times are.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HoldBound {
    /// Measured from acquisition to release.
    Exact,
    /// Measured from acquisition to the first sign that it was released: never too short.
    Upper,
}

/// How long a lock is held by those who had to wait for it, on kernels with lockdep by all, in nanoseconds. Without
/// lockdep exact ones are of holds during all of which somebody stood in line, and of no others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HoldTimes {
    /// Median; `None` if it could not be bounded.
    pub p50: Option<u64>,
    /// 99th percentile; `None` if it could not be bounded.
    pub p99: Option<u64>,
    /// What the 99th percentile of all such holds is at least, at 95 % confidence, if these are a fair sample of them; `None` if they are
    /// upper bounds, which are of all holds.
    pub p99_at_least: Option<u64>,
    /// What it is at most, likewise; `None` also if there are too few holds to say.
    pub p99_at_most: Option<u64>,
    /// Holds that the percentiles are of; absent in documents of before it was told.
    pub nr_holds: Option<u64>,
    /// Longest; `None` if one hold could not be bounded, or was not seen.
    pub max: Option<u64>,
    /// What the times are.
    pub bound: HoldBound,
    /// Share of the acquisitions after a wait whose holds these are; `None` if they are upper bounds, which are of all, and on
    /// kernels with lockdep, where nobody had to wait.
    pub traced_pct: Option<f64>,
}

/// A task in a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChainTask {
    /// Command name; `None` if unknown.
    pub comm: Option<String>,
    /// Thread id.
    pub pid: Pid,
}

/// How a holder wants the next lock.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WantKind {
    /// It waits for it.
    Waits,
    /// It tries for it, and goes on without.
    Tries,
    /// It takes or gives it while it holds the other.
    Takes,
}

/// What a holder wants.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Want {
    /// How.
    pub kind: WantKind,
    /// How often that was seen.
    pub nr: u64,
    /// Time that it waited, as far as it was seen to.
    pub wait_ns: u64,
}

/// A lock of a chain, with who has it and wants the lock of the next link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ChainLink {
    /// Name of the lock.
    pub lock: String,
    /// Its address, `0x…`.
    pub addr: String,
    /// The task seen most often; `None` if none was.
    pub held_by: Option<ChainTask>,
    /// What it wants of the next lock, or in the last link of a cycle of the first; `None` at the end of a chain.
    pub wants: Option<Want>,
}

/// Who waits for whom through several locks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WaitChain {
    /// Whether the last holder wants the first lock.
    pub is_cycle: bool,
    /// Time waited along it.
    pub wait_ns: u64,
    /// Age of the oldest such wait that is still open.
    pub oldest_open_ns: Option<u64>,
    /// Its links, two at least.
    pub links: Vec<ChainLink>,
}
