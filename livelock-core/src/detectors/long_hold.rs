//! Long holds: the lock is kept for long by design, while a list is walked or a table dumped.
//!
//! In: hand-off gaps far beyond a cache-line transfer, on a host that gets all its time. Out: a detection. Refuses: overcommitted guests, where a gap says nothing about the holder's code.

use super::facts::Facts;
use super::shared::slow_hand_offs;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;
use crate::thresholds as at;

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
        "depends on what it walks; limits hit the tenant that grew it",
        "livelock diagnose; cat /proc/sys/fs/dentry-state /proc/slabinfo",
    ),
    (
        "upgrade if the path is a known one: many long walks have been broken up in newer kernels",
        "a hold of milliseconds under a spinlock is a kernel defect once the list has grown",
        "a reboot",
        "uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let found = slow_hand_offs(detector, facts, "handoff_gap_long", at::GAP_LONG_HOLD_NS)?;
    (!facts.is_overcommitted).then(|| Detection {
        summary: format!("{} because it is held for long", found.summary),
        ..found
    })
}
