//! One cache line that everybody modifies atomically, without any lock.
//!
//! In: samples clustered at, or right behind, one atomic instruction, on several CPUs; in the kernel and in user space. Out: a detection. Refuses: atomics of traced locks, and single threads.

use super::facts::{Facts, sampled};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::thresholds as at;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::AtomicHotLine,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "split the counter or flag: per-CPU or per-thread parts, summed up when read",
        "an atomic needs the cache line for itself, so that all CPUs together do one at a time",
        "a change of the program; reading the sum gets dearer",
        "perf annotate, or perf c2c where there is a PMU",
    ),
    (
        "in the kernel: upgrade, or avoid the feature (autogroup, deep cgroups, one mm for hundreds of threads)",
        "known hot lines have been split one by one",
        "a reboot, or doing without that feature",
        "uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let mut best: Option<(
        f64,
        &crate::ledger::profile::HotKey,
        &crate::ledger::profile::HotSpot,
    )> = None;
    for (key, spot) in &facts.profile.hot {
        let is_atomic = spot.facts.is_some_and(|code| code.atomic.is_some());
        let is_lock = spot
            .function
            .as_deref()
            .is_some_and(crate::spin_functions::is_spin);
        let share = facts.of_samples(spot.nr);
        if is_atomic
            && !is_lock
            && spot.cpus.len() >= 2
            && spot.threads.len() >= 2
            && best.is_none_or(|(most, _, _)| share > most)
        {
            best = Some((share, key, spot));
        }
    }
    let (share, key, spot) = best.filter(|(share, _, _)| *share >= at::HOT_INSTRUCTION_SHARE)?;
    let whose = match (key.tgid, spot.function.as_deref(), spot.comm.as_deref()) {
        (None, Some(function), _) => format!("{function} of the kernel"),
        (None, None, _) => "the kernel".to_owned(),
        (Some(tgid), _, comm) => format!("process {} ({})", tgid.0, comm.unwrap_or("?")),
    };
    let text = format!(
        "one atomic instruction at {} in {whose}, from {} CPUs",
        key.addr,
        spot.cpus.len()
    );
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![sampled(facts, &text, share, at::HOT_INSTRUCTION_SHARE)],
        summary: format!(
            "{:.1} CPUs queue for one cache line: an atomic instruction in {whose}",
            facts.cpus(share)
        ),
    })
}
