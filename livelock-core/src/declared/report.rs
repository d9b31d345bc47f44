//! What a verdict says of a source.
//!
//! In: filled by the ledger. Out: part of `livelock.verdict/v1`; fields are added, never renamed, within v1.
//! Refuses: a rate where nothing could be read.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// State of a source, the more doubtful the later.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeclaredState {
    /// Work gets done at the pace that was expected, or at that of quiet windows.
    KeepsPace,
    /// Some, but far less than expected.
    Collapsed,
    /// None for longer than the source may stand still.
    Stalled,
    /// It could not be read, or there is nothing to compare it with.
    Unknown,
}

/// A source in a verdict.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeclaredProgress {
    /// Short name, for people.
    pub name: String,
    /// What was typed.
    pub spec: String,
    /// State.
    pub state: DeclaredState,
    /// Progress per second of the time that could be seen; `None` if none of it could.
    pub rate_per_sec: Option<f64>,
    /// What was expected, as typed; `None`: nothing was stated.
    pub expectation: Option<String>,
    /// Why, in one line.
    pub reason: String,
}

/// What several sources say together: if one keeps pace, work gets done; else a failure of one is a failure; the
/// rest is unknown.
#[must_use]
pub fn combined(states: impl IntoIterator<Item = DeclaredState>) -> DeclaredState {
    let rank = |state: &DeclaredState| match state {
        DeclaredState::KeepsPace => 0,
        // One that moves a little is less than a stall of all.
        DeclaredState::Collapsed => 1,
        DeclaredState::Stalled => 2,
        DeclaredState::Unknown => 3,
    };
    states
        .into_iter()
        .min_by_key(rank)
        .unwrap_or(DeclaredState::Unknown)
}
