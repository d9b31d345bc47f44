//! Lock-holder or lock-waiter preemption: the virtual CPU whose turn it is does not run.
//!
//! In: hand-off gaps of a host time slice, with steal or lost ticks. Out: a detection. Refuses: gaps on a host that gets all its time; those are long holds.

use super::facts::{Facts, signal};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::event::LockKind;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::HolderPreemption,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "give the guest the CPUs it was promised: no overcommit, pinned or dedicated virtual CPUs",
        "a queue of waiters stands still for a whole host time slice when the next in line is not running",
        "grep -E '^cpu ' /proc/stat; livelock diagnose",
    ),
    (
        "let the hypervisor offer paravirtual spinlocks (kvm-pv-unhalt)",
        "waiters then give their CPU back instead of spinning it away",
        "dmesg | grep -i 'pv spinlocks'",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (share, lock) = facts.kind_share(&[LockKind::Spinlock, LockKind::Rwlock]);
    let lock = lock.filter(|_| share >= at::PLACE_SHARE)?;
    let gap_ns = lock.handoff_gap_ns?.p50;
    if gap_ns < at::GAP_NOT_RUNNING_NS || !facts.is_overcommitted {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Mechanism,
        share,
        evidence: vec![signal(
            "handoff_gap_time_slice",
            (gap_ns as f64, "ns"),
            Some(at::GAP_NOT_RUNNING_NS as f64),
            EvidenceSource::ContentionTracepoints,
            format!(
                "half of the hand-offs take over {:.1} ms, and the hypervisor takes CPUs away: the next in line is not running",
                gap_ns as f64 / 1e6
            ),
        )],
        summary: format!(
            "{:.1} CPUs spin on {} while the next in line is not running",
            facts.cpus(share),
            lock.name
        ),
    })
}
