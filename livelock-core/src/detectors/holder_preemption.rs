//! Lock-holder or lock-waiter preemption: the virtual CPU whose turn it is does not run.
//!
//! In: hand-off gaps of a host time slice, with steal or lost ticks. Out: a detection. Refuses: gaps on a host that gets all its time; those are long holds.

use super::facts::Facts;
use super::shared::slow_hand_offs;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;
use crate::thresholds as at;

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
        "fewer guests fit on the host",
        "grep -E '^cpu ' /proc/stat; livelock diagnose",
    ),
    (
        "let the hypervisor offer paravirtual spinlocks (kvm-pv-unhalt)",
        "waiters then give their CPU back instead of spinning it away",
        "a restart of the guest; wake-ups of waiters cost an exit each",
        "dmesg | grep -i 'pv spinlocks'",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let found = slow_hand_offs(
        detector,
        facts,
        "handoff_gap_time_slice",
        at::GAP_NOT_RUNNING_NS,
    )?;
    facts.is_overcommitted.then(|| Detection {
        summary: format!("{} while the next in line is not running", found.summary),
        ..found
    })
}
