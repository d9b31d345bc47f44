//! Long holds: the lock is kept for long by design, while a list is walked or a table dumped.
//!
//! In: hand-off gaps far beyond a cache-line transfer, on a host that gets all its time. Out: a detection. Refuses: overcommitted guests, where a gap says nothing about the holder's code.

use super::facts::{Facts, signal};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::event::LockKind;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::LongHold,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "find what the holder walks (its path is under `holders`) and make it shorter: trim the list, limit the tenant that grows it",
        "the wait is as long as the hold; more CPUs only make more waiters",
        "livelock diagnose; cat /proc/sys/fs/dentry-state /proc/slabinfo",
    ),
    (
        "upgrade if the path is a known one: many long walks have been broken up in newer kernels",
        "a hold of milliseconds under a spinlock is a kernel defect once the list has grown",
        "uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (share, lock) = facts.kind_share(&[LockKind::Spinlock, LockKind::Rwlock]);
    let lock = lock.filter(|_| share >= at::PLACE_SHARE)?;
    let gap_ns = lock.handoff_gap_ns?.p50;
    if gap_ns < at::GAP_LONG_HOLD_NS || facts.is_overcommitted {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Mechanism,
        share,
        evidence: vec![signal(
            "handoff_gap_long",
            (gap_ns as f64, "ns"),
            Some(at::GAP_LONG_HOLD_NS as f64),
            EvidenceSource::ContentionTracepoints,
            format!(
                "half of the hand-offs take over {:.2} ms, and the host gets all its time: the holder holds for that long",
                gap_ns as f64 / 1e6
            ),
        )],
        summary: format!(
            "{:.1} CPUs spin on {} because it is held for long",
            facts.cpus(share),
            lock.name
        ),
    })
}
