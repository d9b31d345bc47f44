//! Optimistic spinning on mutexes.
//!
//! In: spin phases of mutexes. Out: a detection. Refuses: sleep phases, and spin phases in which the task was switched out.

use super::facts::{Facts, sampled};
use super::shared::top_functions;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::event::LockKind;
use crate::thresholds as at;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::MutexSpin,
    &[
    ],
    &[
        "mutex_spin_on_owner", "mutex_optimistic_spin", "__mutex_lock", "__mutex_lock_slowpath",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "give each worker a pipe, queue or directory of its own",
        "spinners burn a CPU each as long as the owner runs, and only one gets the mutex",
        "livelock diagnose",
    ),
    (
        "run fewer of them at once",
        "throughput of a mutex does not grow with its spinners",
        "livelock diagnose",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (traced, lock) = facts.kind_share(&[LockKind::Mutex, LockKind::Rtmutex]);
    let untraced = facts
        .samples(detector.class)
        .map_or(0.0, |samples| facts.of_samples(samples.nr_untraced_spin));
    let share = (traced + untraced).min(1.0);
    if share < at::PLACE_SHARE {
        return None;
    }
    let evidence = if untraced > 0.0 {
        let functions = top_functions(detector, facts);
        vec![sampled(facts, &functions, untraced, at::PLACE_SHARE)]
    } else {
        Vec::new()
    };
    let on = lock.map_or("a mutex", |lock| lock.name.as_str());
    Some(Detection {
        class: detector.class,
        nature: Nature::Mechanism,
        share,
        evidence,
        summary: format!("{:.1} CPUs spin on the owner of {on}", facts.cpus(share)),
    })
}
