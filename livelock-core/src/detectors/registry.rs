//! All detectors, and look-ups over their data.
//!
//! In: names of functions and locks; facts. Out: classes and detections. Refuses: two classes for one function.

use super::shared::matches;
use super::{Detection, Detector, Facts, Row};
use super::{
    atomic_hot_line, cgroup_rstat, conntrack, console, fault_loop, futex_bucket, holder_preemption,
    interrupt_storm, ipi_storm, legitimate_polling, lockref, long_hold, memory_locks, mutex_spin,
    rcu, receive_livelock, reclaim_thrash, rt_starvation, rwsem_spin, seqlock_retry, slab_journal,
    slow_clock, spin_collapse, tasklist_signal, thundering_herd, timer_storm, tracer_overhead,
    transaction_restart, trylock_retry, user_spin, workqueue_hog, writeback_inode,
};
use crate::cause_class::CauseClass;
use crate::locks::{RWLOCK_QUEUE, path_function};
use crate::verdict::LockReport;

/// All, in the order of docs/verdicts/.
pub const DETECTORS: &[Detector] = &[
    spin_collapse::DETECTOR,
    holder_preemption::DETECTOR,
    long_hold::DETECTOR,
    lockref::DETECTOR,
    seqlock_retry::DETECTOR,
    rwsem_spin::DETECTOR,
    mutex_spin::DETECTOR,
    futex_bucket::DETECTOR,
    tasklist_signal::DETECTOR,
    memory_locks::DETECTOR,
    writeback_inode::DETECTOR,
    cgroup_rstat::DETECTOR,
    slab_journal::DETECTOR,
    trylock_retry::DETECTOR,
    atomic_hot_line::DETECTOR,
    fault_loop::DETECTOR,
    reclaim_thrash::DETECTOR,
    rt_starvation::DETECTOR,
    transaction_restart::DETECTOR,
    receive_livelock::DETECTOR,
    interrupt_storm::DETECTOR,
    ipi_storm::DETECTOR,
    timer_storm::DETECTOR,
    tracer_overhead::DETECTOR,
    console::DETECTOR,
    rcu::DETECTOR,
    conntrack::DETECTOR,
    thundering_herd::DETECTOR,
    workqueue_hog::DETECTOR,
    legitimate_polling::DETECTOR,
    slow_clock::DETECTOR,
    user_spin::DETECTOR,
];

/// Every class that fits, the largest share first.
#[must_use]
pub fn detect(facts: &Facts<'_>) -> Vec<Detection> {
    let mut found: Vec<Detection> = DETECTORS
        .iter()
        .filter_map(|detector| (detector.detect)(detector, facts))
        .collect();
    found.sort_by(|a, b| b.share.total_cmp(&a.share).then(a.class.cmp(&b.class)));
    found
}

/// The class that `function` is typical of.
#[must_use]
pub fn class_of_function(function: &str) -> Option<CauseClass> {
    DETECTORS
        .iter()
        .find(|detector| detector.functions.iter().any(|p| matches(p, function)))
        .map(|detector| detector.class)
}

/// The class that the lock called `name` belongs to.
#[must_use]
pub fn class_of_lock(name: &str) -> Option<CauseClass> {
    let name = name.strip_suffix(RWLOCK_QUEUE).unwrap_or(name);
    DETECTORS
        .iter()
        .find(|detector| detector.locks.iter().any(|p| matches(p, name)))
        .map(|detector| detector.class)
}

/// Whether `lock` belongs to the class: by its name, else by the function that waits for it most.
pub(super) fn lock_belongs(detector: &Detector, lock: &LockReport) -> bool {
    if let Some(class) = class_of_lock(&lock.name) {
        return class == detector.class;
    }
    let waiter = lock.waiters.first();
    waiter
        .and_then(|side| path_function(&side.stack))
        .and_then(class_of_function)
        .is_some_and(|class| class == detector.class)
}

/// Remedies of a class.
#[must_use]
pub fn remedies_of(class: CauseClass) -> &'static [Row] {
    DETECTORS
        .iter()
        .find(|detector| detector.class == class)
        .map_or(&[], |detector| detector.remedies)
}
