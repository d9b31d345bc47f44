//! Runnable tasks that do not run: a real-time or yielding task keeps their CPU.
//!
//! In: tasks that have waited to run for a second, who runs instead (probe level 1 and samples). Out: a detection. Refuses: long queues in which everybody gets a turn.

use super::facts::{Facts, signal};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::ledger::profile::{MAX_RT_PRIO, Owner};
use crate::probes::Probe;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::RtStarvation,
    &[
    ],
    &[
        "do_sched_yield", "__do_sys_sched_yield", "yield_task_fair",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "give the task that keeps the CPU a normal policy, or an owner it spins for a higher one (priority inheritance)",
        "a real-time task that spins or yields never lets a lower task run, whatever that one holds",
        "latency of that task",
        "chrt -p <pid>; cat /proc/sys/kernel/sched_rt_runtime_us",
    ),
    (
        "replace loops around sched_yield by a futex or a condition",
        "yielding asks for a turn again at once",
        "a change of the program",
        "perf trace -s -e sched_yield",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let starved = facts.starved?;
    let is_rt = |owner: &&Owner| owner.prio.is_some_and(|prio| prio < MAX_RT_PRIO);
    let owners = || facts.profile.owners.values();
    let hog = owners()
        .flat_map(|tasks| tasks.iter())
        .filter(|(pid, owner)| pid.0 != 0 && is_rt(owner))
        .max_by_key(|(_, owner)| owner.nr);
    let nr_rt = owners()
        .flat_map(|tasks| tasks.values())
        .filter(is_rt)
        .map(|o| o.nr)
        .sum();
    let share = facts.of_samples(nr_rt);
    let who = match hog {
        Some((pid, owner)) => format!(
            "real-time task {} ({}) keeps its CPU",
            pid.0,
            owner.comm.as_deref().unwrap_or("?")
        ),
        None => "nobody with a real-time priority was seen instead".to_owned(),
    };
    Some(Detection {
        class: detector.class,
        nature: Nature::Starvation,
        share: share.max(1.0 / facts.nr_cpus.max(1.0)),
        evidence: vec![signal(
            "runnable_wait",
            (starved.age_ns as f64, "ns"),
            Some(at::STARVED_NS as f64),
            if facts.seen_by(Probe::SchedSwitch).is_some() {
                EvidenceSource::Activity
            } else {
                EvidenceSource::ProcStat
            },
            format!(
                "thread {} was runnable for {:.1} s and got next to no CPU time; {who}",
                starved.pid.0,
                starved.age_ns as f64 / 1e9
            ),
        )],
        summary: format!(
            "thread {} was runnable for {:.1} s and got next to no CPU time: {who}",
            starved.pid.0,
            starved.age_ns as f64 / 1e9
        ),
    })
}
