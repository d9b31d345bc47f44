//! The books of a verdict: what was counted and lost, and what that cost.
//!
//! In: filled by `judge`. Out: part of `livelock.verdict/v1`; fields are added, never renamed, within v1. Refuses: a sum
//! that hides its parts.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The books: `nr_begun = nr_completed + nr_in_flight + sum(lost)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Accounting {
    /// Waits begun.
    pub nr_begun: u64,
    /// Waits completed.
    pub nr_completed: u64,
    /// Waits open.
    pub nr_in_flight: u64,
    /// Waits lost, by cause.
    pub lost: BTreeMap<String, u64>,
    /// Details (stacks, streamed records, samples) lost, by cause; the sums above are not affected.
    pub detail_lost: BTreeMap<String, u64>,
    /// `nr_begun - nr_completed - nr_in_flight - sum(lost)`; anything but 0 is a bug or, while
    /// probes run, a wait that moved while it was read.
    pub unaccounted: i64,
}

/// How stacks were sampled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StackSampling {
    /// Stacks taken.
    pub nr_stacks: u64,
    /// Mean begins per stack; `None` without stacks.
    pub one_in: Option<f64>,
}

/// What the tool itself cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct SelfCost {
    /// Kernel programs (estimated by timing some runs) and process, in percent of the host's CPUs.
    pub cpu_pct: f64,
    /// Kernel programs alone.
    pub bpf_cpu_pct: f64,
    /// Process alone.
    pub user_cpu_pct: f64,
    /// As `cpu_pct`, without the start-up; `null` if there was nothing else.
    #[serde(default)]
    pub steady_cpu_pct: Option<f64>,
    /// CPU time of the process from its start to the end of its start-up; `null` if that was not seen.
    #[serde(default)]
    pub start_up_cpu_ns: Option<u64>,
    /// Probe level, see docs/architecture.md.
    pub level: u8,
    /// Stack sampling.
    pub stack_sampling: StackSampling,
}
