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
    &[], // remedies/rows.rs has them: of the lock, and of locks in general
)
.by(detect);

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
