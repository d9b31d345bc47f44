//! A page fault that does not get past itself.
//!
//! In: faults of one task at one address, over and over (probe level 1). Out: a detection. Refuses: many faults at many addresses; those are progress.

use super::facts::{Facts, signal};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::FaultLoop,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "kill the task named here, or stop handing it a buffer that maps the file it writes to",
        "the fault handler and its caller disagree whether the page can be had, and both start over",
        "cat /proc/<pid>/stack; perf trace -F all -p <pid>",
    ),
    (
        "upgrade the kernel",
        "loops of faulting in have been fixed one by one",
        "uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let activity = facts.activity?;
    let per_sec = facts.activity_rate(activity.nr_same_faults)?;
    let pid = activity.same_fault_pid?;
    let owned = facts
        .profile
        .owners
        .values()
        .filter_map(|owners| owners.get(&pid))
        .map(|owner| owner.nr)
        .sum();
    let share = facts.of_samples(owned);
    if per_sec < at::SAME_FAULTS_PER_SEC || share <= 0.0 {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Place,
        share,
        evidence: vec![signal(
            "same_faults",
            (per_sec, "1/s"),
            Some(at::SAME_FAULTS_PER_SEC),
            EvidenceSource::Activity,
            format!(
                "thread {} faults {per_sec:.0} times a second at one address",
                pid.0
            ),
        )],
        summary: format!(
            "thread {} faults at one address {per_sec:.0} times a second and does not get past it",
            pid.0
        ),
    })
}
