//! Optimistic spinning on mutexes.
//!
//! In: spin phases of mutexes. Out: a detection. Refuses: sleep phases, and spin phases in which the task was switched out.

use super::facts::Facts;
use super::shared::spin_on_owner;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;
use crate::event::LockKind;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::MutexSpin,
    &[
    ],
    &[
        "mutex_spin_on_owner", "mutex_optimistic_spin", "__mutex_lock*", "mutex_lock*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "give each worker a pipe, queue or directory of its own",
        "spinners burn a CPU each as long as the owner runs, and only one gets the mutex",
        "a change of the program; work is no longer balanced by the shared queue",
        "livelock diagnose",
    ),
    (
        "run fewer of them at once",
        "throughput of a mutex does not grow with its spinners",
        "none in throughput, if they only waited",
        "livelock diagnose",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    spin_on_owner(
        detector,
        facts,
        &[LockKind::Mutex, LockKind::Rtmutex],
        "a mutex",
    )
}
