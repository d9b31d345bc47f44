//! Transactions of a file system that start over, counted, each beside what looks like it.

use livelock_core::activity::Activity;
use livelock_core::probes::{GroupSet, Probe, ProbeGroup, ProbeSet};
use livelock_core::verdict::{CauseClass, EvidenceSource, Status, Verdict};

use super::bench::{Place, Second, judge};
use super::expect;

const TRAVERSES: &[&str] = &["bch2_btree_path_traverse_one", "__bch2_trans_commit"];

/// Of 95 samples as many in the file system, and what was counted on the one CPU that counts.
fn second(nr_samples: u32, nr_restarts: u64, nr_commits: u64) -> Second {
    let group = GroupSet::EMPTY.with(ProbeGroup::Transactions);
    Second {
        places: vec![
            Place::kernel(nr_samples, TRAVERSES),
            Place::kernel(95 - nr_samples, &["aes_encrypt"]),
        ],
        activity: Some(Activity {
            probes: ProbeSet::of(group),
            nr_trans_restarts: nr_restarts,
            nr_trans_commits: nr_commits,
            ..Activity::default()
        }),
        ..Second::default()
    }
}

fn restarts_per_commit(verdict: &Verdict) -> Option<(f64, Option<f64>, EvidenceSource)> {
    let mut evidence = verdict.evidence.iter();
    let found = evidence.find(|evidence| evidence.signal == "restarts_per_commit")?;
    Some((found.value, found.threshold, found.source))
}

#[test]
fn restarts_that_hardly_ever_commit_are_told_by_their_count() {
    let storm = judge(&second(90, 80_000, 4_000));
    expect(&storm, Status::Busy, CauseClass::TransactionRestart);
    assert_eq!(
        restarts_per_commit(&storm),
        Some((20.0, Some(10.0), EvidenceSource::Activity))
    );
    let summary = &storm.cause.summary;
    assert!(
        summary.contains("start over 80000 times a second and commit 4000 times"),
        "{summary}"
    );
    let seen = storm
        .activity
        .as_ref()
        .and_then(|a| a.transactions.as_ref());
    let seen = seen.expect("attached");
    assert_eq!(seen.restarts_per_commit, Some(20.0));
    let endless = judge(&second(90, 80_000, 0));
    expect(&endless, Status::Busy, CauseClass::TransactionRestart);
    assert_eq!(restarts_per_commit(&endless), None, "it has no value");
}

#[test]
fn transactions_that_commit_are_work_however_many_start_over_meanwhile() {
    let kept_pace = judge(&second(90, 80_000, 40_000));
    expect(&kept_pace, Status::Busy, CauseClass::KernelWork);
    // Files are read: next to nothing is committed, and next to nothing starts over.
    let read = judge(&second(90, 2_000, 10));
    expect(&read, Status::Busy, CauseClass::KernelWork);
    // What starts over is not what the CPUs are busy with.
    let beside = judge(&second(20, 80_000, 4_000));
    expect(&beside, Status::Busy, CauseClass::KernelWork);
}

#[test]
fn what_was_not_counted_accuses_nobody() {
    let unseen = Second {
        activity: None,
        ..second(90, 0, 0)
    };
    expect(&judge(&unseen), Status::Busy, CauseClass::KernelWork);
    let mut restarts_alone = second(90, 80_000, 0);
    if let Some(activity) = &mut restarts_alone.activity {
        activity.probes = ProbeSet::default().with(Probe::TransRestart);
    }
    expect(
        &judge(&restarts_alone),
        Status::Busy,
        CauseClass::KernelWork,
    );
}
