//! JSON Lines, `livelock.stream/v1`.
//!
//! In: what a session is and does. Out: one line a record: a header, windows and verdicts, a summary. Refuses:
//! to end silently; a stream without a summary was cut off.

use std::collections::BTreeMap;

use livelock_core::filter::Filter;
use livelock_core::host::HostFacts;
use livelock_core::ids::CpuId;
pub use livelock_core::recording::EndedBy;
use livelock_core::scope::Scope;
use livelock_core::verdict::{
    Accounting, BlindSpot, CpuTime, SelfCost, Status, TimeLedger, Verdict,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::{RenderError, WindowSummary};

/// Value of `schema` in the header.
pub const STREAM_SCHEMA: &str = "livelock.stream/v1";

/// What the session is.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StreamHeader {
    /// `livelock.stream/v1`.
    #[schemars(extend("const" = STREAM_SCHEMA))]
    pub schema: &'static str,
    /// Version of this program.
    pub version: &'static str,
    /// Begin, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// Length of a window.
    pub window_ns: u64,
    /// Host.
    pub host: HostFacts,
    /// What part of it is judged.
    pub scope: Scope,
    /// What of the locks is listed.
    #[serde(default)]
    pub filter: Filter,
    /// What it cannot show.
    pub blind_spots: Vec<BlindSpot>,
}

impl StreamHeader {
    /// A header of this version.
    #[must_use]
    pub fn new(
        began_unix_ms: u64,
        window_ns: u64,
        host: HostFacts,
        (scope, filter): (Scope, Filter),
        blind_spots: Vec<BlindSpot>,
    ) -> Self {
        Self {
            schema: STREAM_SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            began_unix_ms,
            window_ns,
            host,
            scope,
            filter,
            blind_spots,
        }
    }
}

/// How the session went.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StreamSummary {
    /// Why it ended.
    pub ended_by: EndedBy,
    /// Windows closed.
    pub nr_windows: u64,
    /// The last status; `None` if no window closed.
    pub status: Option<Status>,
    /// Waits lost, all causes.
    pub nr_lost: u64,
    /// Details lost, all causes.
    pub nr_detail_lost: u64,
    /// The books.
    pub accounting: Accounting,
    /// Own cost; `None` if no window closed.
    pub self_cost: Option<SelfCost>,
}

impl StreamSummary {
    /// With the sums of what the books say was lost.
    #[must_use]
    pub fn new(
        ended_by: EndedBy,
        nr_windows: u64,
        status: Option<Status>,
        accounting: Accounting,
        self_cost: Option<SelfCost>,
    ) -> Self {
        Self {
            ended_by,
            nr_windows,
            status,
            nr_lost: accounting.lost.values().sum(),
            nr_detail_lost: accounting.detail_lost.values().sum(),
            accounting,
            self_cost,
        }
    }
}

/// A window, and each CPU in it. `None`: could not see.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "WindowSummary")]
pub(super) struct WindowRecord<'record> {
    #[serde(flatten)]
    summary: &'record WindowSummary,
    /// The time of each CPU whose times are known, by number; empty of a scope of tasks.
    #[schemars(default)]
    cpus: Vec<CpuTime>,
}

/// One line.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "record", rename_all = "snake_case")]
pub(super) enum Record<'record> {
    /// The first.
    Header(&'record StreamHeader),
    /// At each close.
    Window(WindowRecord<'record>),
    /// When the status changes, and before the summary.
    Verdict(&'record Verdict),
    /// The last; a stream without it was cut off.
    Summary(&'record StreamSummary),
}

fn line(record: &Record<'_>) -> Result<String, RenderError> {
    let mut text = serde_json::to_string(record)?;
    text.push('\n');
    Ok(text)
}

/// The first record.
///
/// # Errors
///
/// If the serializer refuses.
pub fn header_line(header: &StreamHeader) -> Result<String, RenderError> {
    line(&Record::Header(header))
}

/// A window, and what each CPU did in it.
///
/// # Errors
///
/// If the serializer refuses.
pub fn window_line(
    summary: &WindowSummary,
    cpus: &BTreeMap<CpuId, TimeLedger>,
) -> Result<String, RenderError> {
    let cpus = cpus.iter().map(|(&cpu, time)| CpuTime::of(cpu, time));
    line(&Record::Window(WindowRecord {
        summary,
        cpus: cpus.collect(),
    }))
}

/// A verdict.
///
/// # Errors
///
/// If the serializer refuses.
pub fn verdict_line(verdict: &Verdict) -> Result<String, RenderError> {
    line(&Record::Verdict(verdict))
}

/// The last record.
///
/// # Errors
///
/// If the serializer refuses.
pub fn summary_line(summary: &StreamSummary) -> Result<String, RenderError> {
    line(&Record::Summary(summary))
}
