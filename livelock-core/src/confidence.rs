//! The guard on confidence.
//!
//! In: what a verdict rests on. Out: the most that may be claimed. Refuses: high confidence without
//! two independent signals and a stalled or collapsed progress signal; any but low with lost data.

use std::collections::BTreeSet;

use crate::verdict::{Confidence, EvidenceSource, ProgressState};

impl Confidence {
    /// The most that `sources` (of the evidence for) and `progress` allow, at most `wanted`.
    ///
    /// `data_lost`: events were lost in a number that could change the answer.
    #[must_use]
    pub fn guarded(
        wanted: Self,
        sources: &BTreeSet<EvidenceSource>,
        progress: ProgressState,
        data_lost: bool,
    ) -> Self {
        let progress_fails = matches!(progress, ProgressState::Collapsed | ProgressState::Stalled);
        let cap = if data_lost {
            Self::Low
        } else if sources.len() >= 2 && progress_fails {
            Self::High
        } else if sources.is_empty() {
            Self::Low
        } else {
            Self::Medium
        };
        wanted.min(cap)
    }
}
