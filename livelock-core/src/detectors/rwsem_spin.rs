//! Optimistic spinning on rw-semaphores: writers spin as long as the owner runs.
//!
//! In: spin on rw-semaphores, samples in their spin loops, which no tracepoint sees when they succeed. Out: a detection. Refuses: sleepers; they burn nothing.

use super::facts::{Facts, sampled};
use super::shared::top_functions;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::event::LockKind;
use crate::thresholds as at;

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
        "livelock diagnose",
    ),
    (
        "keep real-time tasks off paths with rw-semaphores",
        "a real-time spinner can keep the owner from running",
        "ps -eLo cls,rtprio,comm | grep -E 'FF|RR'",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (traced, lock) = facts.kind_share(&[LockKind::Rwsem, LockKind::PercpuRwsem]);
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
    let on = lock.map_or("an rw-semaphore", |lock| lock.name.as_str());
    Some(Detection {
        class: detector.class,
        nature: Nature::Mechanism,
        share,
        evidence,
        summary: format!("{:.1} CPUs spin on the owner of {on}", facts.cpus(share)),
    })
}
