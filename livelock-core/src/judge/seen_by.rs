//! Who saw the waste of a span.
//!
//! In: a case. Out: the source that saw most of it, and the words for it. Refuses: to say that tracepoints saw what was only counted
//! and sampled, such as trylocks that fail, or pages that are scanned in vain.

use super::answer::Case;
use crate::ledger::time::share;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The source of most of the waste.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SeenBy {
    /// Samples, and nothing else.
    SamplesAlone,
    /// Lock waits that were traced.
    Tracepoints,
    /// Spinning that no lock event shows, of which samples and counters say the same.
    SamplesThatAgree,
    /// Samples say where, counters of the host that it was in vain.
    Counters,
    /// Samples say where, counted attempts that it was in vain.
    Attempts,
}

impl SeenBy {
    /// Of the windows that carry the level of `case`.
    pub(super) fn of(case: &Case<'_>) -> Self {
        let (_, books) = case.span.books_at(case.level);
        let waited_ns = books.spin_ns() + books.halted_ns;
        let spun = share(waited_ns, books.waste_ns()).unwrap_or(1.0);
        if case.is_sampled_only() {
            Self::SamplesAlone
        } else if spun < at::MAJORITY {
            let attempted = share(books.retry_ns, books.waste_ns()).unwrap_or(0.0);
            if attempted < at::MAJORITY {
                Self::Counters
            } else {
                Self::Attempts
            }
        } else if share(books.traced_ns(), waited_ns).is_some_and(|traced| traced < at::MAJORITY) {
            Self::SamplesThatAgree
        } else {
            Self::Tracepoints
        }
    }

    pub(super) const fn source(self) -> EvidenceSource {
        match self {
            Self::SamplesAlone | Self::SamplesThatAgree => EvidenceSource::Sampler,
            Self::Tracepoints => EvidenceSource::ContentionTracepoints,
            Self::Counters => EvidenceSource::ProgressCounters,
            Self::Attempts => EvidenceSource::Activity,
        }
    }

    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::SamplesAlone => "samples alone see",
            Self::Tracepoints => "tracepoints see",
            Self::SamplesThatAgree | Self::Counters => "samples and counters see",
            Self::Attempts => "samples and counted attempts see",
        }
    }

    pub(super) const fn what(self) -> &'static str {
        match self {
            Self::SamplesAlone | Self::SamplesThatAgree | Self::Tracepoints => "spun away",
            Self::Counters | Self::Attempts => "spent in vain",
        }
    }
}
