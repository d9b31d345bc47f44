//! Optimistic spinning on rw-semaphores: writers spin as long as the owner runs.
//!
//! In: spin on rw-semaphores, samples in their spin loops, which no tracepoint sees when they succeed. Out: a detection. Refuses: sleepers; they burn nothing.

use super::facts::Facts;
use super::shared::spin_on_owner;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;
use crate::event::LockKind;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::RwsemSpin,
    &[
    ],
    &[
        "rwsem_spin_on_owner", "rwsem_optimistic_spin", "rwsem_down_write_slowpath",
        "rwsem_down_read_slowpath", "rwsem_try_write_lock*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "split the file, directory or address space that the writers share (processes instead of threads)",
        "one rw-semaphore guards an inode or an address space; its writers go one by one and burn while they wait",
        "a change of the program",
        "livelock diagnose",
    ),
    (
        "keep real-time tasks off paths with rw-semaphores",
        "a real-time spinner can keep the owner from running",
        "a change of the real-time program",
        "ps -eLo cls,rtprio,comm | grep -E 'FF|RR'",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    spin_on_owner(
        detector,
        facts,
        &[LockKind::Rwsem, LockKind::PercpuRwsem],
        "an rw-semaphore",
    )
}
