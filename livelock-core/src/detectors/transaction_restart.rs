//! Transactions that are restarted over and over: wound/wait mutexes, btrees.
//!
//! In: samples in back-off and restart functions; where a file system traces them, restarts and commits counted. Out: a detection.
//! Refuses: functions of transactions that commit: samples cannot tell a first try from a fifth, counts can.

use super::facts::{Facts, sampled, signal};
use super::shared::work;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::thresholds as at;
use crate::verdict::{Evidence, EvidenceSource, TransactionReport};

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::TransactionRestart,
    &[
    ],
    &[
        "__ww_mutex_wound", "__ww_mutex_die", "__ww_mutex_kill", "drm_modeset_backoff",
        "drm_exec_lock_contended", "ttm_eu_backoff_reservation", "bch2_trans_restart*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "lower the number of tasks that change the same objects at once",
    "whoever is wounded gives up all its locks and starts over; beyond some number most do",
    "less parallelism on those objects",
    "livelock diagnose; perf trace -e 'bcachefs:*restart*'",
)];

/// Whether a kernel function is of a file system that traces its transactions.
#[must_use]
pub fn is_transactional(function: &str) -> bool {
    function.trim_start_matches('_').starts_with("bch2_")
}

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let counted = facts.report.and_then(|report| report.transactions.as_ref());
    let Some(mut given_up) = work(detector, facts, "starting transactions over") else {
        return restarts(detector, facts, counted?);
    };
    given_up.evidence.extend(counted.and_then(per_commit));
    Some(given_up)
}

/// CPUs are busy in the file system, and most of its attempts were counted to be in vain.
fn restarts(
    detector: &Detector,
    facts: &Facts<'_>,
    counted: &TransactionReport,
) -> Option<Detection> {
    let share = facts.of_samples(facts.profile.nr_transactions);
    let per_sec = counted.restarts_per_sec?;
    let commits_per_sec = counted.commits_per_sec?;
    // Without a commit the ratio has no value, and is beyond any: readers do not commit, nor does who never gets there. Neither starts
    // over as often as this for long if all is well.
    let ratio = counted.restarts_per_commit.unwrap_or(f64::INFINITY);
    let is_often = per_sec >= at::RESTARTS_PER_SEC_AND_CPU * facts.cpus(share);
    if share < at::WORK_SHARE || !is_often || ratio < at::RESTARTS_PER_COMMIT {
        return None;
    }
    let mut evidence = vec![sampled(facts, "bcachefs", share, at::WORK_SHARE)];
    evidence.extend(per_commit(counted));
    evidence.push(signal(
        "transaction_restarts",
        (per_sec, "1/s"),
        Some(at::RESTARTS_PER_SEC_AND_CPU * facts.cpus(share)),
        EvidenceSource::Activity,
        format!("transactions started over {per_sec:.0} times a second"),
    ));
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence,
        summary: format!(
            "{:.1} CPUs are busy in bcachefs, whose transactions start over {per_sec:.0} times a second and commit \
             {commits_per_sec:.0} times",
            facts.cpus(share)
        ),
    })
}

/// The ratio as a signal; `None` where it has no value.
fn per_commit(counted: &TransactionReport) -> Option<Evidence> {
    let ratio = counted.restarts_per_commit?;
    Some(signal(
        "restarts_per_commit",
        (ratio, "restarts"),
        Some(at::RESTARTS_PER_COMMIT),
        EvidenceSource::Activity,
        format!("bcachefs transactions started over {ratio:.1} times for each that committed"),
    ))
}
