//! The verdict document, `livelock.verdict/v1`.
//!
//! In: built by `judge`. Out: serialized by the renderers; fields are added, never renamed, within v1.
//! Refuses: high confidence without two independent signals and a stalled or collapsed progress
//! signal ([`Confidence::guarded`]).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::activity_details::{
    CrossCallReport, FunctionReport, GroupReport, PairReport, ReclaimReport, TransactionReport,
    WorkReport,
};
pub use crate::activity_report::{ActivityReport, InterruptReport};
pub use crate::books::{Accounting, SelfCost, StackSampling};
pub use crate::cause_class::CauseClass;
use crate::declared::DeclaredProgress;
use crate::filter::Filter;
pub use crate::handoff_report::{HandoffClass, HandoffPair, Handoffs};
pub use crate::holder_report::{
    ChainLink, ChainTask, Hindrance, HoldBound, HoldTimes, HolderSource, KnownBy, NotRunning,
    WaitChain, Want, WantKind,
};
use crate::host::HostFacts;
pub use crate::lock_report::{GapTimes, LockReport, LockSide, WaitTimes};
pub use crate::name_source::NameSource;
use crate::scope::Scope;
pub use crate::syscall_report::{PollReport, SyscallReport, errno_name};
pub use crate::time_ledger::{CpuTime, TimeLedger};
pub use crate::user_stack::UserStack;

/// Value of [`Verdict::schema`].
pub const SCHEMA: &str = "livelock.verdict/v1";

/// The answer to "is it a live lock?".
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Busy, and nothing is achieved.
    Livelock,
    /// Busy, a considerable part of it waiting for locks, still progressing.
    Contended,
    /// Runnable work does not get CPU.
    Starved,
    /// Busy and progressing.
    Busy,
    /// Neither busy nor contended.
    Healthy,
    /// Lost data or blind spots forbid an answer.
    CannotTell,
}

impl Status {
    /// How bad it is, 0 the least; no answer accuses nobody.
    #[must_use]
    pub const fn severity(self) -> u8 {
        match self {
            Self::Healthy | Self::CannotTell => 0,
            Self::Busy => 1,
            Self::Contended => 2,
            Self::Starved => 3,
            Self::Livelock => 4,
        }
    }
}

/// How sure.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// One signal, or data was lost.
    Low,
    /// Two signals, or one that is exact.
    Medium,
    /// Two independent signals and a stalled or collapsed progress signal.
    High,
}

/// Cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// Class.
    pub class: CauseClass,
    /// One line for a human.
    pub summary: String,
    /// Other classes that fit, the largest share first.
    #[serde(default)]
    pub also: Vec<AlsoSeen>,
}

/// A class that fits, and is not the cause.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct AlsoSeen {
    /// Class.
    pub class: CauseClass,
    /// Share of busy time that it explains.
    pub share_pct: f64,
    /// One line for a human.
    pub summary: String,
}

/// The time that the verdict speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Span {
    /// From first window's begin to last window's end.
    pub duration_ns: u64,
    /// Windows closed.
    pub nr_windows: u32,
    /// Windows that showed no progress.
    pub nr_no_progress: u32,
    /// Time from the begin of the first window to the first close at which this status held;
    /// `None` if it never was reached by windows alone.
    pub first_verdict_ns: Option<u64>,
}

/// State of the progress signal.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ProgressState {
    /// Progress keeps pace with the time spent, or with its baseline.
    Normal,
    /// Far below the baseline, or next to no user time while CPUs spin.
    Collapsed,
    /// None at all.
    Stalled,
    /// No baseline and nothing else to judge by.
    Unknown,
}

/// The progress ledger over the span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Progress {
    /// State.
    pub state: ProgressState,
    /// Why, for a human.
    pub reason: String,
    /// Tokens per busy CPU-second, `pi`; `None` if nothing could be counted or nothing was busy.
    pub tokens_per_busy_sec: Option<f64>,
    /// Its median over quiet windows, `pi0`; `None` without a baseline.
    pub baseline_tokens_per_busy_sec: Option<f64>,
    /// Tokens a second that one more busy CPU brought (Theil-Sen); `None` without a change in busy CPUs.
    #[serde(default)]
    pub throughput_slope: Option<f64>,
    /// Tokens per second of wall time by source.
    pub tokens_per_sec: BTreeMap<String, f64>,
    /// What probe level 1 counted besides, a second, while it looked: `syscalls` that achieved something, `voluntary_switches`. No part of
    /// the tokens: no quiet window has them, so that they can be held against no baseline.
    #[serde(default)]
    pub besides_per_sec: BTreeMap<String, f64>,
    /// What was declared as progress, in the order of the command line; empty if nothing was.
    #[serde(default)]
    pub declared: Vec<DeclaredProgress>,
}

/// What carries an evidence.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EvidenceSource {
    /// `lock:contention_begin` / `contention_end`.
    ContentionTracepoints,
    /// Instruction-pointer samples.
    Sampler,
    /// `/proc/stat`, or the CPU times of the scope's tasks.
    ProcStat,
    /// Cheap host counters.
    ProgressCounters,
    /// Waits still open.
    InFlight,
    /// Programs of probe level 1, and breakpoints that count.
    Activity,
    /// What the user declared as progress.
    DeclaredProgress,
}

/// One signal and what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Signal name, e.g. `omega`, `user_share`.
    pub signal: String,
    /// Its value.
    pub value: f64,
    /// Unit of value and threshold, e.g. `%`, `ns`, `1/s`.
    pub unit: String,
    /// What it is compared with; `None` if it has no threshold of its own.
    pub threshold: Option<f64>,
    /// Where it was read.
    pub source: EvidenceSource,
    /// One line for a human.
    pub text: String,
}

/// A candidate that the data exclude.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RuledOut {
    /// Candidate.
    pub candidate: String,
    /// Why.
    pub reason: String,
}

/// What this host cannot show.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct BlindSpot {
    /// Stable id, e.g. `test-and-set-spinlocks`.
    pub id: String,
    /// What is missed.
    pub what: String,
    /// What covers it, or what the user can do.
    pub mitigation: String,
}

/// What an expert would do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Remedy {
    /// What to change.
    pub action: String,
    /// Why it helps, with this host's numbers where they are known.
    pub reason: String,
    /// What it costs; `None` in documents of older versions.
    #[serde(default)]
    pub cost: Option<String>,
    /// Command that confirms it.
    pub confirm: String,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// `livelock.verdict/v1`.
    #[schemars(extend("const" = SCHEMA))]
    pub schema: String,
    /// Status.
    pub status: Status,
    /// Confidence.
    pub confidence: Confidence,
    /// Cause.
    pub cause: Cause,
    /// Time it speaks of.
    pub window: Span,
    /// Host.
    pub host: HostFacts,
    /// The part of it that was judged; all shares are of its CPUs.
    #[serde(default)]
    pub scope: Scope,
    /// What of the locks is listed; all other fields are of all of them.
    #[serde(default)]
    pub filter: Filter,
    /// Busy share of all online CPUs, without waiters that stood halted.
    pub busy_pct: Option<f64>,
    /// Share of all online CPUs burned in vain: spinning, traced and untraced, and the rest of the waste; without waiters that
    /// stood halted.
    pub burn_pct: Option<f64>,
    /// User share of busy time, waiters that stood halted included.
    pub user_pct: Option<f64>,
    /// `waste / busy`, 0 to 1; waiters that stood halted count in both.
    pub omega: Option<f64>,
    /// Time ledger.
    pub time: TimeLedger,
    /// The time of each CPU, the mean of the windows in which a share was seen, by number; empty of a scope of tasks.
    #[serde(default)]
    pub cpus: Vec<CpuTime>,
    /// Progress ledger.
    pub progress: Progress,
    /// What probe level 1 saw; `None`: it was not attached, and none of this could be seen.
    pub activity: Option<ActivityReport>,
    /// Locks by burn, largest first.
    pub locks: Vec<LockReport>,
    /// Who waits for whom through several locks: waits that do not end first, then cycles.
    #[serde(default)]
    pub chains: Vec<WaitChain>,
    /// Share of the spin time on all locks that is on locks whose kind has a name; `None` if no lock burned anything.
    #[serde(default)]
    pub named_burn_pct: Option<f64>,
    /// For.
    pub evidence: Vec<Evidence>,
    /// Against.
    pub against: Vec<Evidence>,
    /// Excluded.
    pub ruled_out: Vec<RuledOut>,
    /// Not visible here.
    pub blind_spots: Vec<BlindSpot>,
    /// What to do.
    pub remedies: Vec<Remedy>,
    /// Books.
    pub accounting: Accounting,
    /// Own cost.
    pub self_cost: SelfCost,
}
