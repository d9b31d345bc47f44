//! Trylocks and back-offs that undo each other; kernel loops that retry.
//!
//! In: counted trylocks that fail where samples lie; else sampled kernel loops with a pause or an atomic instruction, on several CPUs, outside every traced wait. Out: a detection. Refuses: loops that only work: copies, checksums, ciphers have neither.

use std::collections::BTreeSet;

use super::facts::{Facts, sampled, signal};
use super::shared::{attempts, failed};
use super::{Detection, Detector, Nature};
use crate::attempts::AttemptKind;
use crate::cause_class::CauseClass;
use crate::ledger::profile::HotSpot;
use crate::ledger::waste::retries;
use crate::probes::Probe;
use crate::syscall_report::nr_achieved;
use crate::thresholds as at;
use crate::verdict::{Evidence, EvidenceSource};

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::TrylockRetry,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "stop one of the two parties (its path is in the evidence), or give one a different priority",
        "each undoes what the other needs; alone either finishes",
        "that party's work",
        "livelock diagnose; cat /proc/<pid>/stack",
    ),
    (
        "upgrade the kernel: loops of trylocks have been removed one by one",
        "a retry without a queue is not fair, and in a guest it lasts a time slice",
        "a reboot",
        "uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let seen = counted(facts).or_else(|| looked_at(facts))?;
    let mut evidence = seen.evidence;
    if let Some(activity) = facts.seen_by(Probe::SysExit) {
        let nr_ok = nr_achieved(activity, facts.arch);
        evidence.push(signal(
            "achieved_syscalls",
            (
                facts.activity_rate(Probe::SysExit, nr_ok).unwrap_or(0.0),
                "1/s",
            ),
            None,
            EvidenceSource::ProgressCounters,
            format!("{nr_ok} system calls came to something meanwhile"),
        ));
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Place,
        share: seen.share,
        evidence,
        summary: seen.summary,
    })
}

struct Seen {
    share: f64,
    evidence: Vec<Evidence>,
    summary: String,
}

/// Trylocks were counted, and fail.
fn counted(facts: &Facts<'_>) -> Option<Seen> {
    let share = facts.profile.tried_in_vain(AttemptKind::Trylock);
    if share < at::PLACE_SHARE {
        return None;
    }
    let (functions, rates) = attempts(facts, AttemptKind::Trylock);
    let text = format!("{functions}, whose trylocks fail");
    let evidence = vec![
        sampled(facts, &text, share, at::PLACE_SHARE),
        failed(
            rates,
            at::TRYLOCKS_FAILED_SHARE,
            format!(
                "{:.0} trylocks a second in {functions} where they were counted, of which {:.0} get the lock",
                rates.tried_per_sec, rates.succeeded_per_sec
            ),
        ),
    ];
    Some(Seen {
        share,
        evidence,
        summary: format!(
            "{:.1} CPUs retry in {functions}: {:.0} trylocks a second where they were counted, of which {:.0} get the lock",
            facts.cpus(share),
            rates.tried_per_sec,
            rates.succeeded_per_sec
        ),
    })
}

/// The code looks like it.
fn looked_at(facts: &Facts<'_>) -> Option<Seen> {
    let spots: Vec<&HotSpot> = facts
        .profile
        .hot
        .iter()
        .filter(|(key, spot)| retries(key, spot))
        .map(|(_, spot)| spot)
        .collect();
    let nr: u64 = spots.iter().map(|spot| spot.nr).sum();
    let share = facts.of_samples(nr);
    let cpus: BTreeSet<_> = spots.iter().flat_map(|spot| &spot.cpus).collect();
    if share < at::WORK_SHARE || cpus.len() < 2 {
        return None;
    }
    let top = spots.iter().max_by_key(|spot| spot.nr)?;
    let function = top.function.as_deref().unwrap_or("an unnamed function");
    let text = format!("loops of {function} that retry, on {} CPUs", cpus.len());
    Some(Seen {
        share,
        evidence: vec![sampled(facts, &text, share, at::WORK_SHARE)],
        summary: format!(
            "{:.1} CPUs retry in {function}, where no lock queues them",
            facts.cpus(share)
        ),
    })
}
