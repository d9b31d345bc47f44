//! A work item that does not let go of its CPU.
//!
//! In: samples of what workqueue threads work on. Out: a detection. Refuses: many short items.

use livelock_common::NR_OPEN_PAIRS;

use super::facts::{Facts, sampled, signal};
use super::shared::place;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::ids::Pid;
use crate::probes::{Probe, ProbeGroup};
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::WorkqueueHog,
    &[
        "worker_pool.lock",
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "find out who queues the function named here, and why it takes so long",
    "a work item keeps all others of its CPU waiting until it returns, unless it is marked as CPU-intensive",
    "nothing to look; the fix depends on what it does",
    "dmesg | grep 'workqueue.*hogged'; cat /proc/<pid of kworker>/stack",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    hog(detector, facts).or_else(|| place(detector, facts))
}

fn hog(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (function, nr) = facts.profile.work.iter().max_by_key(|(_, nr)| **nr)?;
    let share = facts.of_samples(*nr);
    let is_kworker = |comm: &Option<String>| {
        comm.as_deref()
            .is_some_and(|comm| comm.starts_with("kworker"))
    };
    // One thread that is seen on half of its CPU's samples is not many short items. A CPU with next to none tells nothing.
    let hog = facts
        .profile
        .owners
        .iter()
        .filter_map(|(cpu, owners)| {
            let nr_cpu: u64 = owners.values().map(|owner| owner.nr).sum();
            let (pid, owner) = owners.iter().max_by_key(|(_, owner)| owner.nr)?;
            let has_most = owner.nr as f64 >= at::MAJORITY * nr_cpu as f64;
            let is_hog = nr_cpu >= at::NR_MIN_SAMPLES && has_most && is_kworker(&owner.comm);
            is_hog.then_some((owner.nr, *cpu, *pid))
        })
        .max_by_key(|(nr, _, _)| *nr)
        .map(|(_, cpu, pid)| (cpu, pid));
    let (cpu, pid) = hog.filter(|_| share >= at::PLACE_SHARE)?;
    let mut evidence = vec![sampled(
        facts,
        &format!("the work item {function}"),
        share,
        at::PLACE_SHARE,
    )];
    let work = facts.report.and_then(|report| report.work.as_ref());
    let run = work.and_then(|work| work.functions.iter().find(|run| run.name == *function));
    if let Some((run, mean_ns)) = run.and_then(|run| Some((run, run.mean_ns?))) {
        evidence.push(signal(
            "work_item_run",
            (mean_ns as f64, "ns"),
            None,
            EvidenceSource::Activity,
            format!(
                "{function} ran {:.0} times a second, for {:.1} ms each",
                run.per_sec,
                mean_ns as f64 / 1e6
            ),
        ));
    }
    if let Some((age_ns, text)) = lasting(facts, pid) {
        evidence.push(signal(
            "work_item_open",
            (age_ns as f64, "ns"),
            Some(at::WORK_OPEN_NS as f64),
            EvidenceSource::Activity,
            text,
        ));
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence,
        summary: format!(
            "work item {function} keeps CPU {} busy (thread {})",
            cpu.0, pid.0
        ),
    })
}

/// For how long the item of `pid` has run without an end. One that began before the programs were attached, as an endless one does, is
/// in no books: then no end was seen for as long as they have been there.
fn lasting(facts: &Facts<'_>, pid: Pid) -> Option<(u64, String)> {
    let activity = facts.seen_by(Probe::WorkqueueExecuteEnd)?;
    let open = activity.open_work().filter(|(worker, ..)| *worker == pid);
    let begun = open.map(|(.., age_ns)| age_ns).max();
    let begun = begun.filter(|&age_ns| age_ns >= at::WORK_OPEN_NS);
    let ms = |ns: u64| ns as f64 / 1e6;
    if let Some(age_ns) = begun {
        return Some((
            age_ns,
            format!(
                "thread {} has worked on one item for {:.0} ms and was not seen to end it",
                pid.0,
                ms(age_ns)
            ),
        ));
    }
    let observed_ns = activity.observed_ns(ProbeGroup::Workqueue)?;
    // Only of a worker whose entry nobody took is it known that it was silent; without any entry, nothing is.
    let entry = |pid: &Pid| pid.0 as usize % NR_OPEN_PAIRS;
    let shares_entry = |other: &Pid| entry(other) == entry(&pid);
    let is_free = !activity.last_work.is_empty() && !activity.last_work.keys().any(shares_entry);
    let is_silent = is_free && observed_ns >= at::WORK_OPEN_NS;
    is_silent.then(|| {
        let text = format!(
            "thread {} began and ended no work item in {:.0} ms: the one it works on began before",
            pid.0,
            ms(observed_ns)
        );
        (observed_ns, text)
    })
}
