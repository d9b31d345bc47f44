//! Spin collapse: CPUs queue for one spinlock or rwlock, and each hand-off moves a cache line.
//!
//! In: spin on spinlocks and rwlocks. Out: a detection. Refuses: locks whose hand-offs take a time slice; that is somebody who does not run.

use super::facts::Facts;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::event::LockKind;
use crate::thresholds as at;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::SpinCollapse,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "shard the data behind the lock, or give fewer threads access to it",
        "a saturated lock lets one holder work at a time; every further waiter only burns",
        "a change of the program",
        "livelock diagnose",
    ),
    (
        "cap the number of threads that use it at the number where throughput stops growing",
        "beyond that point each thread makes the others slower",
        "none in throughput beyond that number; bursts queue up before the lock instead",
        "livelock diagnose",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (share, lock) = facts.kind_share(&[LockKind::Spinlock, LockKind::Rwlock]);
    let lock = lock.filter(|_| share >= at::PLACE_SHARE)?;
    let gap_ns = lock.handoff_gap_ns.map(|gap| gap.p50);
    if gap_ns.is_some_and(|gap_ns| gap_ns >= at::GAP_NOT_RUNNING_NS) {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Mechanism,
        share,
        evidence: Vec::new(),
        summary: format!("{:.1} CPUs spin on {}", facts.cpus(share), lock.name),
    })
}
