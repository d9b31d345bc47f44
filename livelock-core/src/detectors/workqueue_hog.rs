//! A work item that does not let go of its CPU.
//!
//! In: samples of what workqueue threads work on. Out: a detection. Refuses: many short items.

use super::facts::{Facts, sampled};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::thresholds as at;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::WorkqueueHog,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "find out who queues the function named here, and why it takes so long",
    "a work item keeps all others of its CPU waiting until it returns, unless it is marked as CPU-intensive",
    "dmesg | grep 'workqueue.*hogged'; cat /proc/<pid of kworker>/stack",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (function, nr) = facts.profile.work.iter().max_by_key(|(_, nr)| **nr)?;
    let share = facts.of_samples(*nr);
    let is_kworker = |comm: &Option<String>| {
        comm.as_deref()
            .is_some_and(|comm| comm.starts_with("kworker"))
    };
    // One thread that is seen on half of its CPU's samples is not many short items.
    let hog = facts.profile.owners.iter().find_map(|(cpu, owners)| {
        let nr_cpu: u64 = owners.values().map(|owner| owner.nr).sum();
        owners
            .iter()
            .find(|(_, o)| is_kworker(&o.comm) && o.nr as f64 >= at::MAJORITY * nr_cpu as f64)
            .map(|(pid, _)| (*cpu, *pid))
    });
    let (cpu, pid) = hog.filter(|_| share >= at::PLACE_SHARE)?;
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![sampled(
            facts,
            &format!("the work item {function}"),
            share,
            at::PLACE_SHARE,
        )],
        summary: format!(
            "work item {function} keeps CPU {} busy (thread {})",
            cpu.0, pid.0
        ),
    })
}
