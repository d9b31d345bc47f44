//! Mechanisms that several classes share and fill with data.
//!
//! In: a detector's data and the facts. Out: detections. Refuses: a class by name alone; a share of busy time
//! must carry it.

use super::facts::{Facts, sampled, signal};
use super::registry::lock_belongs;
use super::{Detection, Detector, Nature};
use crate::attempts::{AttemptKind, AttemptRates};
use crate::event::LockKind;
use crate::ledger::tried::Tried;
use crate::thresholds as at;
use crate::verdict::{Evidence, EvidenceSource, LockReport};

/// CPUs wait on the class's locks, or spin in its functions where no tracepoint sees it.
pub(super) fn place(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (traced, lock) = facts.lock_share(|lock| lock_belongs(detector, lock));
    let samples = facts.samples(detector.class);
    let untraced = samples.map_or(0.0, |s| facts.of_samples(s.nr_untraced_spin));
    let (rwsem_spin, wanted_by) = facts.rwsem_spin(detector.class);
    let share = (traced + untraced + rwsem_spin).min(1.0);
    if share < at::PLACE_SHARE {
        return None;
    }
    let mut evidence = Vec::new();
    if let Some(lock) = lock.filter(|_| traced > 0.0) {
        evidence.push(class_lock(lock, traced));
    }
    let functions = top_functions(detector, facts);
    if untraced > 0.0 {
        evidence.push(sampled(facts, &functions, untraced, at::PLACE_SHARE));
    }
    let wanted = match wanted_by.as_slice() {
        [] => String::new(),
        [one] => format!("the rw-semaphore that {one} wants"),
        [one, other, ..] => format!("the rw-semaphore that {one} and {other} want"),
    };
    if rwsem_spin > 0.0 {
        let what = format!("spin for {wanted}");
        evidence.push(sampled(facts, &what, rwsem_spin, at::PLACE_SHARE));
    }
    let on = match lock {
        // Its samples are tied to it, or there are not many.
        Some(lock) if lock.sampled_spin_pct.is_some() || traced >= rwsem_spin => lock.name.clone(),
        None if rwsem_spin <= untraced => functions,
        _ => wanted,
    };
    Some(Detection {
        class: detector.class,
        nature: Nature::Place,
        share,
        evidence,
        summary: format!("{:.1} CPUs wait on {on}", facts.cpus(share)),
    })
}

/// Spin on the locks of a class, of which `lock` is the first, as a signal.
pub(super) fn class_lock(lock: &LockReport, share: f64) -> Evidence {
    signal(
        "class_lock_share",
        (100.0 * share, "%"),
        Some(100.0 * at::PLACE_SHARE),
        EvidenceSource::ContentionTracepoints,
        format!(
            "{:.0} % of busy time is spun on {} and its like",
            100.0 * share,
            lock.name
        ),
    )
}

/// Busy CPUs are in the class's functions, spinning or not.
pub(super) fn work(detector: &Detector, facts: &Facts<'_>, what: &str) -> Option<Detection> {
    let share = facts.of_samples(facts.samples(detector.class)?.nr);
    if share < at::WORK_SHARE {
        return None;
    }
    let functions = top_functions(detector, facts);
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![sampled(facts, &functions, share, at::WORK_SHARE)],
        summary: format!(
            "{:.1} CPUs are busy with {what} ({functions})",
            facts.cpus(share)
        ),
    })
}

/// The place if CPUs wait there, else the work.
pub(super) fn place_or_work(
    detector: &Detector,
    facts: &Facts<'_>,
    what: &str,
) -> Option<Detection> {
    let place = place(detector, facts);
    match work(detector, facts, what) {
        Some(work)
            if place
                .as_ref()
                .is_none_or(|place| work.share > 2.0 * place.share) =>
        {
            Some(work)
        }
        _ => place,
    }
}

/// CPUs spin on the owner of a lock of `kinds`, traced or not.
pub(super) fn spin_on_owner(
    detector: &Detector,
    facts: &Facts<'_>,
    kinds: &[LockKind],
    what: &str,
) -> Option<Detection> {
    let (traced, lock) = facts.kind_share(kinds);
    let samples = facts.samples(detector.class);
    let untraced = samples.map_or(0.0, |s| facts.of_samples(s.nr_untraced_spin));
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
    let on = lock.map_or(what, |lock| lock.name.as_str());
    Some(Detection {
        class: detector.class,
        nature: Nature::Mechanism,
        share,
        evidence,
        summary: format!("{:.1} CPUs spin on the owner of {on}", facts.cpus(share)),
    })
}

/// CPUs spin on a lock that is handed on only every `limit_ns` or more.
pub(super) fn slow_hand_offs(
    detector: &Detector,
    facts: &Facts<'_>,
    name: &str,
    limit_ns: u64,
) -> Option<Detection> {
    let (share, lock) = facts.kind_share(&[LockKind::Spinlock, LockKind::Rwlock]);
    let lock = lock.filter(|_| share >= at::PLACE_SHARE)?;
    let gap_ns = lock.handoff_gap_ns?.p50;
    (gap_ns >= limit_ns).then(|| Detection {
        class: detector.class,
        nature: Nature::Mechanism,
        share,
        evidence: vec![signal(
            name,
            (gap_ns as f64, "ns"),
            Some(limit_ns as f64),
            EvidenceSource::ContentionTracepoints,
            format!(
                "half of the hand-offs take over {:.2} ms",
                gap_ns as f64 / 1e6
            ),
        )],
        summary: format!(
            "{:.1} CPUs {} {}",
            facts.cpus(share),
            // Waiters that stand halted do not spin.
            if facts.books.halted_ns > 0 {
                "wait for"
            } else {
                "spin on"
            },
            lock.name
        ),
    })
}

/// Names of the class's functions that were sampled most.
pub(super) fn top_functions(detector: &Detector, facts: &Facts<'_>) -> String {
    let Some(samples) = facts.samples(detector.class) else {
        return "its functions".to_owned();
    };
    let mut functions: Vec<_> = samples.functions.iter().collect();
    functions.sort_by_key(|(name, nr)| (std::cmp::Reverse(**nr), name.as_str()));
    let names: Vec<&str> = functions
        .iter()
        .take(2)
        .map(|(name, _)| name.as_str())
        .collect();
    names.join(", ")
}

/// Names of up to two functions whose attempts of `kind` fail, most sampled first, and the attempts of all of them.
pub(super) fn attempts(facts: &Facts<'_>, kind: AttemptKind) -> (String, AttemptRates) {
    let sites = facts.profile.tried.iter();
    let mut tried: Vec<&Tried> = sites
        .filter(|(site, _)| site.kind == kind)
        .map(|(_, tried)| tried)
        .collect();
    tried.sort_by_key(|tried| std::cmp::Reverse(tried.nr));
    let mut names: Vec<&str> = Vec::new();
    let mut rates = AttemptRates::default();
    for tried in tried {
        let name = tried.function.as_deref().unwrap_or("an unnamed function");
        if names.len() < 2 && !names.contains(&name) {
            names.push(name);
        }
        rates.tried_per_sec += tried.rates().tried_per_sec;
        rates.succeeded_per_sec += tried.rates().succeeded_per_sec;
    }
    (names.join(" and "), rates)
}

/// A share of attempts that fail as a signal.
pub(super) fn failed(rates: AttemptRates, threshold: f64, text: String) -> Evidence {
    signal(
        "failed_attempts",
        (100.0 * rates.failed_share().unwrap_or(0.0), "%"),
        Some(100.0 * threshold),
        EvidenceSource::Activity,
        text,
    )
}

/// Whether `name` is `pattern`, or begins with what stands before its `*`.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == pattern,
    }
}
