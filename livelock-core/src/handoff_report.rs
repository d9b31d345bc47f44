//! Hand-offs in a verdict.
//!
//! In: built by `locks`. Out: serialized with the verdict. Refuses: judgement.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::ids::CpuId;
use crate::thresholds::BOUNCE_SHARE;
use crate::topology::{Distance, NotMeasured};

/// Hand-offs from one CPU to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HandoffPair {
    /// Who had it.
    pub from: CpuId,
    /// Who got it.
    pub to: CpuId,
    /// How often.
    pub nr: u64,
}

/// Hand-offs over one distance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HandoffClass {
    /// How far; `None`: the places of the CPUs are not known.
    pub distance: Option<Distance>,
    /// How many.
    pub nr: u64,
    /// Their share of all hand-offs seen.
    pub share_pct: f64,
    /// What moving one cache line that far costs on this host; `None`: not measured.
    pub transfer_ns: Option<f64>,
}

/// Which CPU handed a lock to which, by the waits that were streamed: a sample of all hand-offs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Handoffs {
    /// Hand-offs seen.
    pub nr: u64,
    /// The matrix without its zeros, the heaviest pairs first.
    pub pairs: Vec<HandoffPair>,
    /// Hand-offs of pairs that are not listed.
    pub nr_unlisted: u64,
    /// By distance, unknown first, then the nearest.
    pub classes: Vec<HandoffClass>,
    /// Share of the wait that moving cache lines explains, estimated; `None`: costs are not known, too few hand-offs
    /// were seen, or waiters sleep.
    pub bounce_share_pct: Option<f64>,
    /// Why costs were not measured; `None` if they were.
    pub not_measured: Option<NotMeasured>,
}

impl Handoffs {
    /// Whether the time for which it is held is what waiters wait for, rather than its way between CPUs; `None`:
    /// cannot tell.
    #[must_use]
    pub fn is_hold_time(&self) -> Option<bool> {
        self.bounce_share_pct
            .map(|share_pct| share_pct < 100.0 * BOUNCE_SHARE)
    }
}
