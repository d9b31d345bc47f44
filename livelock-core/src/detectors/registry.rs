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
use crate::event::LockKind;
use crate::lock_dictionary;
use crate::locks::{RWLOCK_QUEUE, path_function, path_functions};
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
    detector_of_function(function).map(|detector| detector.class)
}

fn detector_of_function(function: &str) -> Option<&'static Detector> {
    DETECTORS
        .iter()
        .find(|detector| detector.functions.iter().any(|p| matches(p, function)))
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

/// Whether `lock` belongs to the class: by its name, else by the path that waits for it most.
pub(super) fn lock_belongs(detector: &Detector, lock: &LockReport) -> bool {
    let stack = lock.waiters.first().map_or(&[][..], |side| &side.stack);
    let by_path = || class_of_function(path_function(stack)?);
    let class = class_of_lock(&lock.name).or_else(by_path);
    class.map(|class| place_further_out(class, stack).unwrap_or(class)) == Some(detector.class)
}

/// What tells more than `class`, of functions further out in `stack`. Waking and being woken are everybody's: any place
/// does. Locks of the memory manager that reclaim waits for are reclaim's.
fn place_further_out(class: CauseClass, stack: &[String]) -> Option<CauseClass> {
    let mut detectors = path_functions(stack).filter_map(detector_of_function);
    let found = match class {
        CauseClass::ThunderingHerd => detectors.find(|detector| detector.is_place),
        CauseClass::MemoryLocks => detectors.find(|d| d.class == CauseClass::ReclaimThrash),
        _ => None,
    };
    found.map(|detector| detector.class)
}

/// The class of the rw-semaphore that `function` wants.
pub(super) fn class_of_rwsem_wanted_by(function: &str) -> Option<CauseClass> {
    let lock = lock_dictionary::name_of(function, LockKind::Rwsem);
    lock.and_then(|name| class_of_lock(&name))
        .or_else(|| class_of_function(function))
}

/// Remedies of a class.
#[must_use]
pub fn remedies_of(class: CauseClass) -> &'static [Row] {
    of(class).map_or(&[], |detector| detector.remedies)
}

/// Whether a class is that of certain locks, whose holders may lose their CPU.
#[must_use]
pub fn has_locks(class: CauseClass) -> bool {
    of(class).is_some_and(|detector| !detector.locks.is_empty())
}

fn of(class: CauseClass) -> Option<&'static Detector> {
    DETECTORS.iter().find(|detector| detector.class == class)
}
