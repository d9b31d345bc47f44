//! Scores of known confusion matrices. In: made-up observations. Out: figures worked out by hand.
//! Refuses: nothing.

use livelock_core::verdict::{CauseClass, Confidence};

use super::super::catalogue::Oracle;
use super::*;

/// A verdict on 5 s of 10 windows.
pub(in crate::corpus) fn measured(status: Status) -> Measured {
    Measured {
        status,
        confidence: Confidence::High,
        class: CauseClass::SpinCollapse,
        summary: "spins".to_owned(),
        duration_ns: 5_000_000_000,
        nr_windows: 10,
        nr_no_progress: 0,
        first_verdict_ns: None,
        busy_pct: None,
        burn_pct: None,
        user_pct: None,
        omega: None,
        own_cost_pct: 2.0,
        level: 0,
        lock: Some("files_struct.file_lock".to_owned()),
        callers: vec!["_raw_spin_lock".to_owned(), "close_fd".to_owned()],
        holder: Some(Vec::new()),
        evidence: Some(Vec::new()),
        unaccounted: 0,
        ops_per_sec: None,
        alone_ops_per_sec: None,
        truth: None,
        guest_secs: None,
        machine_load: None,
        is_late: false,
        replays_alike: None,
    }
}

pub(in crate::corpus) fn observation(
    kind: Kind,
    expected_status: Status,
    status: Status,
) -> Observation {
    Observation {
        scenario: "fd-table".to_owned(),
        run: 1,
        class: CauseClass::SpinCollapse,
        kind,
        expected_status,
        least_status: None,
        oracle: None,
        is_control: false,
        outcome: Outcome::Measured(Box::new(measured(status))),
    }
}

fn lost(kind: Kind, expected_status: Status) -> Observation {
    Observation {
        outcome: Outcome::NotMeasured {
            reason: "the guest died".to_owned(),
        },
        ..observation(kind, expected_status, Status::Busy)
    }
}

pub(in crate::corpus) fn edit(observation: &mut Observation) -> &mut Measured {
    match &mut observation.outcome {
        Outcome::Measured(measured) => measured,
        Outcome::NotMeasured { reason } => panic!("{reason}"),
    }
}

const STATUSES: [Status; 6] = [
    Status::Healthy,
    Status::Busy,
    Status::Contended,
    Status::Starved,
    Status::Livelock,
    Status::CannotTell,
];

fn grades(kind: Kind, expected: Status) -> [Grade; 6] {
    STATUSES.map(|status| grade(&observation(kind, expected, status)))
}

#[test]
fn a_positive_must_have_its_status() {
    use Grade::{CannotTell, FalseLiveLock, Missed, Right};
    assert_eq!(
        grades(Kind::Positive, Status::Livelock),
        [Missed, Missed, Missed, Missed, Right, CannotTell]
    );
    assert_eq!(
        grades(Kind::Positive, Status::Starved),
        [Missed, Missed, Missed, Right, FalseLiveLock, CannotTell]
    );
}

#[test]
fn others_must_not_be_worse_than_allowed() {
    use Grade::{CannotTell, FalseLiveLock, Right, TooBad};
    assert_eq!(
        grades(Kind::Boundary, Status::Livelock),
        [Right, Right, Right, Right, Right, CannotTell]
    );
    assert_eq!(
        grades(Kind::Boundary, Status::Contended),
        [Right, Right, Right, TooBad, TooBad, CannotTell]
    );
    assert_eq!(
        grades(Kind::LookAlike, Status::Busy),
        [Right, Right, TooBad, TooBad, FalseLiveLock, CannotTell]
    );
}

#[test]
fn a_control_may_be_anything_but_a_live_lock() {
    let mut control = observation(Kind::Positive, Status::Livelock, Status::Contended);
    control.is_control = true;
    assert_eq!(grade(&control), Grade::Right);
    edit(&mut control).status = Status::Livelock;
    assert_eq!(grade(&control), Grade::FalseLiveLock);
    let score = score(&[control]);
    assert_eq!(score.recall.of, 0);
    assert_eq!((score.control_right.nr, score.control_right.of), (0, 1));
    assert_eq!(score.precision.ratio, Some(0.0));
}

/// 5 positives: 3 found, 1 missed, 1 not told; 1 lost. 4 look-alikes: 1 false, 1 too bad.
/// 2 boundaries: 1 overstated, 1 allowed live lock, which counts nowhere.
fn matrix() -> Vec<Observation> {
    let live_lock = |status| observation(Kind::Positive, Status::Livelock, status);
    let look_alike = |status| observation(Kind::LookAlike, Status::Busy, status);
    let mut all = vec![
        live_lock(Status::Livelock),
        live_lock(Status::Livelock),
        live_lock(Status::Livelock),
        live_lock(Status::Contended),
        live_lock(Status::CannotTell),
        lost(Kind::Positive, Status::Livelock),
        look_alike(Status::Livelock),
        look_alike(Status::Contended),
        look_alike(Status::Busy),
        look_alike(Status::Healthy),
        observation(Kind::Boundary, Status::Contended, Status::Livelock),
        observation(Kind::Boundary, Status::Livelock, Status::Livelock),
        observation(Kind::Positive, Status::Starved, Status::Starved),
        observation(Kind::Positive, Status::Starved, Status::Busy),
    ];
    for (observation, ms) in all.iter_mut().zip([4000, 1000, 2000]) {
        edit(observation).first_verdict_ns = Some(ms * 1_000_000);
    }
    edit(&mut all[6]).nr_no_progress = 7;
    edit(&mut all[0]).own_cost_pct = 9.0;
    edit(&mut all[1]).unaccounted = 1;
    all
}

#[test]
fn a_known_matrix_has_its_figures() {
    let score = score(&matrix());
    let pair = |share: Share| (share.nr, share.of);
    assert_eq!(pair(score.measured), (13, 14));
    assert_eq!(pair(score.cannot_tell), (1, 13));
    assert_eq!(pair(score.recall), (3, 5));
    assert_eq!(score.recall.ratio, Some(0.6));
    assert_eq!(pair(score.starved_recall), (1, 2));
    assert_eq!(pair(score.precision), (3, 5));
    assert_eq!(pair(score.false_live_locks), (1, 4));
    assert_eq!((score.overstated_live_locks, score.too_bad), (1, 1));
    assert_eq!(pair(score.boundary_right), (1, 2));
    assert_eq!(pair(score.look_alike_right), (2, 4));
    assert_eq!(pair(score.negative_windows_without_progress), (7, 40));
    assert_eq!(pair(score.books_closed), (12, 13));
    // 4 look-alikes of 5 s.
    assert!((score.negative_hours - 20.0 / 3600.0).abs() < 1e-12);
    let per_hour = score.false_live_locks_per_hour.unwrap();
    assert!((per_hour - 180.0).abs() < 1e-9, "{per_hour}");
    assert_eq!(score.false_live_locks_per_hour_below, None);
    assert_eq!(score.detect_median_ns, Some(2_000_000_000));
    assert_eq!(score.detect_p95_ns, Some(4_000_000_000));
    assert_eq!(score.own_cost_median_pct, Some(2.0));
    assert_eq!(score.own_cost_max_pct, Some(9.0));
}

/// A live-lock positive whose load did `ops` with one thread alone doing 100.
fn collapse(ops: f64, status: Status) -> Observation {
    let mut seen = observation(Kind::Positive, Status::Livelock, status);
    seen.oracle = Some(Oracle::OneThread);
    let measured = edit(&mut seen);
    measured.ops_per_sec = Some(ops);
    measured.alone_ops_per_sec = Some(100.0);
    seen
}

#[test]
fn what_did_not_collapse_is_neither_found_nor_missed() {
    let mut unknown = collapse(1.0, Status::Livelock);
    edit(&mut unknown).alone_ops_per_sec = None;
    let all = [
        collapse(10.0, Status::Livelock),
        collapse(10.0, Status::Contended),
        collapse(90.0, Status::Contended),
        collapse(90.0, Status::Livelock),
        collapse(150.0, Status::Livelock),
        observation(Kind::Positive, Status::Livelock, Status::Livelock),
        unknown,
        observation(Kind::Positive, Status::Starved, Status::Starved),
    ];
    let score = score(&all);
    let pair = |share: Share| (share.nr, share.of);
    assert_eq!(pair(score.recall), (5, 7));
    assert_eq!(pair(score.oracle_recall), (3, 4));
    assert_eq!(pair(score.not_made), (3, 5));
    assert_eq!((score.not_made_but_called, score.made_unknown), (2, 1));
    assert_eq!(score.retrograde_but_called, 1);
}

#[test]
fn a_boundary_whose_books_show_the_waste_must_be_told() {
    use Grade::{CannotTell, Missed, Right};
    let seen = STATUSES.map(|status| {
        let mut seen = observation(Kind::Boundary, Status::Livelock, status);
        seen.least_status = Some(Status::Contended);
        seen
    });
    assert_eq!(
        seen.each_ref().map(grade),
        [Missed, Missed, Right, Right, Right, CannotTell]
    );
    let told = score(&seen).boundary_told;
    assert_eq!((told.nr, told.of), (3, 6));
}

#[test]
fn a_boundary_that_is_slower_than_one_thread_may_be_called_a_live_lock() {
    let boundary = |ops, status| {
        let mut seen = collapse(ops, status);
        (seen.kind, seen.expected_status) = (Kind::Boundary, Status::Contended);
        seen
    };
    let mut unknown = boundary(10.0, Status::Livelock);
    edit(&mut unknown).alone_ops_per_sec = None;
    let all = [
        boundary(10.0, Status::Livelock),
        boundary(10.0, Status::Contended),
        boundary(90.0, Status::Livelock),
        boundary(110.0, Status::Livelock),
        boundary(110.0, Status::Busy),
        unknown,
    ];
    use Grade::{Retrograde, Right, TooBad};
    assert_eq!(
        all.each_ref().map(grade),
        [Retrograde, Right, Retrograde, TooBad, Right, TooBad]
    );
    let score = score(&all);
    assert_eq!(
        (score.harmful_boundaries, score.overstated_live_locks),
        (2, 2)
    );
    assert_eq!((score.boundary_right.nr, score.boundary_right.of), (2, 4));
    // What is no positive is neither made nor missed.
    assert_eq!(
        (score.not_made.of, score.made_unknown, score.recall.of),
        (0, 0, 0)
    );
}

#[test]
fn nothing_has_no_ratio() {
    let score = score(&[lost(Kind::LookAlike, Status::Busy)]);
    assert_eq!(score.recall.ratio, None);
    assert_eq!(score.precision.ratio, None);
    assert_eq!(score.false_live_locks_per_hour, None);
    assert_eq!(score.false_live_locks_per_hour_below, None);
    assert_eq!(score.detect_median_ns, None);
    assert_eq!((score.measured.nr, score.measured.of), (0, 1));
}

#[test]
fn no_false_live_lock_is_a_bound_and_no_promise() {
    let quiet = vec![observation(Kind::LookAlike, Status::Busy, Status::Busy); 720];
    let score = score(&quiet);
    assert_eq!(score.false_live_locks_per_hour, Some(0.0));
    let below = score.false_live_locks_per_hour_below.unwrap();
    assert!((below - 3.0).abs() < 1e-9, "{below}");
}

/// A named holder, found but for its class; a busy hallway that names nothing; a collapse that names another lock and holds
/// for long; a control and a lost one, which count nowhere.
#[test]
fn strict_figures_are_of_all_that_was_measured() {
    let mode = |name: &str, kind, status, class| {
        let mut seen = observation(kind, Status::Livelock, status);
        seen.scenario = name.to_owned();
        seen.class = class;
        seen
    };
    let mut held = mode(
        "truth:named-holder",
        Kind::Positive,
        Status::Livelock,
        CauseClass::LongHold,
    );
    let measured = edit(&mut held);
    measured.class = CauseClass::FutexBucket;
    measured.lock = Some("truth_named_lock".to_owned());
    measured.callers = vec!["truth_waiter_path".to_owned()];
    measured.holder = Some(vec!["truth_holder_path".to_owned()]);
    let mut reads = mode(
        "truth:seqcount",
        Kind::Boundary,
        Status::Busy,
        CauseClass::SeqlockRetry,
    );
    edit(&mut reads).class = CauseClass::KernelWork;
    let mut elsewhere = observation(Kind::Positive, Status::Livelock, Status::Livelock);
    elsewhere.class = CauseClass::LongHold;
    edit(&mut elsewhere).lock = Some("rq.__lock".to_owned());
    let mut control = elsewhere.clone();
    control.is_control = true;
    let lost = lost(Kind::Positive, Status::Livelock);
    let score = score(&[held, reads, elsewhere, control, lost]);
    let pair = |share: Share| (share.nr, share.of);
    assert_eq!(pair(score.class_accuracy), (1, 2));
    assert_eq!(pair(score.class_accuracy_exact), (0, 2));
    assert_eq!(pair(score.class_accuracy_all), (1, 3));
    assert_eq!(pair(score.class_accuracy_all_exact), (0, 3));
    assert_eq!(score.class_confusion.len(), 3);
    assert_eq!(pair(score.place_at_1), (2, 2));
    assert_eq!(pair(score.place_strict_at_1), (1, 2));
    assert_eq!(pair(score.place_strict_at_1_all), (1, 3));
    assert_eq!(pair(score.holder_at_1), (1, 1));
}

#[test]
fn percentiles_are_values_that_were_seen() {
    assert_eq!(percentile::<u64>(&[], 50), None);
    assert_eq!(percentile(&[7], 95), Some(7));
    assert_eq!(percentile(&[1, 2, 3, 4], 50), Some(2));
    let hundred: Vec<u32> = (1..=100).collect();
    assert_eq!(percentile(&hundred, 95), Some(95));
}
