//! The document `livelock.compare/v1`.
//!
//! In: built by [`super::compare`]. Out: serialized by the renderers; fields are added, never renamed, within v1.
//! Refuses: a difference without the numbers that make it one.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::host::HostFacts;
use crate::scope::Scope;
use crate::verdict::{CauseClass, Confidence, Status};

/// Value of [`Comparison::schema`].
pub const SCHEMA: &str = "livelock.compare/v1";

/// What B is, compared with A.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Less is wasted, or more achieved.
    Better,
    /// More is wasted, or less achieved.
    Worse,
    /// Some of it is better, some worse.
    Mixed,
    /// It differs, and that is neither good nor bad by itself.
    Different,
    /// No difference that this data can show.
    NoDifference,
    /// One of the two cannot be judged, or too little was observed.
    CannotTell,
}

/// What one measure says.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// B is better.
    Better,
    /// B is worse.
    Worse,
    /// It differs, and that is neither good nor bad by itself.
    Differs,
    /// No difference that this data can show.
    NoDifference,
    /// Not seen on both sides, or in too few windows.
    CannotTell,
}

/// What is compared.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Spinning, in percent of all CPU time.
    BurnPct,
    /// Waste, in percent of busy time.
    WastePct,
    /// Progress: tokens per busy CPU-second.
    TokensPerBusySec,
    /// Median time between two acquisitions of a lock, in nanoseconds: the one that burned most in windows of both sides.
    HandoffGapNs,
    /// Busy time, in percent of all CPU time.
    BusyPct,
}

/// Where a side is from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum SessionKind {
    /// This host, now.
    Live,
    /// A recording.
    Recording,
    /// A verdict document, which has no windows.
    Verdict,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Session {
    /// What was typed.
    pub name: String,
    /// What it is.
    pub kind: SessionKind,
    /// Status.
    pub status: Status,
    /// Confidence.
    pub confidence: Confidence,
    /// Class of the cause.
    pub class: CauseClass,
    /// Cause in one line.
    pub summary: String,
    /// Length.
    pub duration_ns: u64,
    /// Windows.
    pub nr_windows: u32,
    /// Host.
    pub host: HostFacts,
    /// The part of it that was judged.
    pub scope: Scope,
}

/// A measure over the windows of one side.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Spread {
    /// Median; of a verdict document its value.
    pub median: f64,
    /// First and third quartile; `None` of a verdict document.
    pub quartiles: Option<(f64, f64)>,
    /// Windows in which it could be seen.
    pub nr_windows: usize,
}

/// One measure, compared.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Which.
    pub measure: Measure,
    /// What it says.
    pub direction: Direction,
    /// The first side; `None`: could not see.
    pub a: Option<Spread>,
    /// The second.
    pub b: Option<Spread>,
    /// Chance of a difference as large between two parts of the same windows (exact two-sided rank test); `None`:
    /// nothing is known of the spread.
    pub p_value: Option<f64>,
    /// Cliff's delta, -1 to 1: above 0 windows of B lie higher.
    pub effect: Option<f64>,
}

/// A name that only one side has.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Appeared {
    /// Name of a class, a lock or a function.
    pub name: String,
    /// What it stands for there, in percent: of busy time (classes), of all CPUs (locks and callers); `None`: it is the
    /// cause, whatever its share.
    pub share_pct: Option<f64>,
}

/// What has appeared and vanished from A to B.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct NameChanges {
    /// Only in B.
    pub appeared: Vec<Appeared>,
    /// Only in A.
    pub vanished: Vec<Appeared>,
}

/// What makes the comparison less than one of like with like.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CaveatId {
    /// Two kernels.
    OtherKernel,
    /// Two architectures.
    OtherArchitecture,
    /// Another number of CPUs.
    OtherCpus,
    /// Another hypervisor, or none.
    OtherHypervisor,
    /// Other spinlocks, of which more or less is seen.
    OtherSpinlocks,
    /// Another part of the host.
    OtherScope,
    /// Other locks are listed.
    OtherFilter,
    /// Windows of another length.
    OtherWindows,
    /// A side has no windows, only their sum.
    NoWindows,
    /// A side has too few windows.
    FewWindows,
    /// A side lost events.
    LostEvents,
}

/// A caveat, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caveat {
    /// Which.
    pub id: CaveatId,
    /// In words.
    pub text: String,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Comparison {
    /// `livelock.compare/v1`.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// The answer.
    pub outcome: Outcome,
    /// The answer in one line.
    pub summary: String,
    /// The first side.
    pub a: Session,
    /// The second.
    pub b: Session,
    /// Each measure.
    pub changes: Vec<Change>,
    /// Classes of causes.
    pub classes: NameChanges,
    /// Locks.
    pub locks: NameChanges,
    /// Functions that wait for locks.
    pub callers: NameChanges,
    /// What to know before trusting it.
    pub caveats: Vec<Caveat>,
}
