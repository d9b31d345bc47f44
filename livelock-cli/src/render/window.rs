//! One closed window in the few numbers that a line can hold.
//!
//! In: filled by `run`. Out: read by the renderers.

use livelock_core::verdict::Status;
use schemars::JsonSchema;
use serde::Serialize;

/// A window. `None`: could not see.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WindowSummary {
    /// From 1.
    pub number: u64,
    /// Its close, in milliseconds since 1970.
    pub ended_unix_ms: u64,
    /// Its length.
    pub duration_ns: u64,
    /// What the windows up to this one amount to.
    pub status: Status,
    /// Busy share of all online CPUs.
    pub busy_pct: Option<f64>,
    /// Share of all online CPUs spent spinning.
    pub burn_pct: Option<f64>,
    /// `waste / busy`, 0 to 1.
    pub omega: Option<f64>,
    /// Whether it was spent without progress; a live lock is some of these in a row.
    pub no_progress: bool,
    /// User share of busy time.
    pub user_pct: Option<f64>,
    /// Name of the lock that burns most.
    pub top_lock: Option<String>,
    /// Waits completed per second.
    pub waits_per_sec: f64,
    /// Waits open at its close.
    pub nr_in_flight: u64,
    /// Age of the oldest.
    pub oldest_in_flight_ns: Option<u64>,
    /// Waits lost in it, all causes.
    pub nr_lost: u64,
    /// What the tool cost in it, in percent of the host's CPUs: programs and process.
    #[schemars(default)]
    pub self_cpu_pct: Option<f64>,
    /// The programs alone.
    #[schemars(default)]
    pub self_bpf_cpu_pct: Option<f64>,
    /// Groups of probe level 1 that were attached.
    #[schemars(default)]
    pub probe_groups: Vec<&'static str>,
}
