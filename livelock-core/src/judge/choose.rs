//! Which of the classes that fit is the cause.
//!
//! In: a case, its status, its detections. Out: one class, with its detection if it has one. Refuses: a class
//! that explains less than half of what is to be explained.

use super::answer::Case;
use crate::attempts::AttemptKind;
use crate::cause_class::CauseClass;
use crate::detectors::{Detection, Nature, one_line_share};
use crate::ledger::time::{TimeBooks, share};
use crate::thresholds as at;
use crate::verdict::{LockReport, Status};

/// The cause.
pub(super) fn class<'d>(
    case: &Case<'_>,
    status: Status,
    locks: &[LockReport],
    detections: &'d [Detection],
) -> (CauseClass, Option<&'d Detection>) {
    let found = match status {
        Status::Livelock | Status::Contended if case.is_stuck() => None,
        Status::Livelock | Status::Contended => of_waste(case, status, detections),
        Status::Starved => best(detections, |d| d.nature == Nature::Starvation),
        Status::Busy => of_business(case, detections),
        Status::Healthy | Status::CannotTell => None,
    };
    if let Some(found) = found {
        return (found.class, Some(found));
    }
    let class = match status {
        Status::Livelock | Status::Contended if case.is_stuck() => CauseClass::StuckSpin,
        Status::Livelock | Status::Contended if case.is_sampled_only() => CauseClass::UntracedSpin,
        Status::Livelock | Status::Contended if retries(case) => retried(case),
        Status::Livelock => CauseClass::SpinCollapse,
        Status::Contended => CauseClass::LockContention,
        Status::Starved => CauseClass::RtStarvation,
        Status::Busy => busy_class(case, &case.span.books),
        Status::Healthy if sleeps(case) && !locks.is_empty() => CauseClass::SleepingLock,
        Status::Healthy | Status::CannotTell => CauseClass::None,
    };
    (class, None)
}

/// Whether most of the waste is that of loops which retry, whoever they are.
fn retries(case: &Case<'_>) -> bool {
    let (_, books) = case.span.books_at(case.level);
    share(books.retry_ns, books.waste_ns()).is_some_and(|share| share >= at::MAJORITY)
}

/// What they retry, as far as it was counted.
fn retried(case: &Case<'_>) -> CauseClass {
    let in_vain = |kind| case.span.profile.tried_in_vain(kind);
    if in_vain(AttemptKind::SeqRead) > in_vain(AttemptKind::Trylock) {
        CauseClass::SeqlockRetry
    } else {
        CauseClass::TrylockRetry
    }
}

/// The best by nature, then by share.
fn best(detections: &[Detection], wanted: impl Fn(&Detection) -> bool) -> Option<&Detection> {
    detections
        .iter()
        .filter(|detection| wanted(detection))
        .min_by(|a, b| {
            let by_share = b.share.total_cmp(&a.share);
            a.nature.cmp(&b.nature).then(by_share)
        })
}

/// Where, or else how, at least half of the waste comes about.
fn of_waste<'d>(
    case: &Case<'_>,
    status: Status,
    detections: &'d [Detection],
) -> Option<&'d Detection> {
    let (_, books) = case.span.books_at(case.level);
    let omega = books.omega().unwrap_or(0.0);
    best(detections, |detection| {
        let explains = detection.share >= at::MAJORITY * omega;
        let tells = matches!(detection.nature, Nature::Place | Nature::Mechanism);
        // A collapse that still progresses is contention.
        let is_collapse = detection.class == CauseClass::SpinCollapse;
        explains && tells && (status == Status::Livelock || !is_collapse)
    })
}

/// What busy CPUs do. What computes is not explained by what little else it does.
fn of_business<'d>(case: &Case<'_>, detections: &'d [Detection]) -> Option<&'d Detection> {
    let computes = share(case.span.books.user_ns, case.span.books.busy_ns())
        .is_some_and(|user| user >= at::MAJORITY);
    let found = detections.iter().filter(|detection| {
        let is_of_user = matches!(
            detection.class,
            CauseClass::UserSpin | CauseClass::AtomicHotLine
        );
        let is_business = detection.nature != Nature::Mechanism;
        is_business && detection.share >= at::WORK_SHARE && (is_of_user || !computes)
    });
    // A loop around one atomic instruction has all samples of that instruction, and mostly a few more.
    let is_line = |detection: &Detection| detection.class == CauseClass::AtomicHotLine;
    let most = found.max_by(|a, b| {
        let by_share = a.share.total_cmp(&b.share);
        by_share.then(is_line(b).cmp(&is_line(a)))
    })?;
    let line = detections.iter().find(|detection| is_line(detection));
    Some(
        // The line that is told is the hottest of the host, which may be another's.
        line.filter(|line| {
            one_line_share(&case.span.profile, most.class).is_some_and(|share| share >= line.share)
        })
        .unwrap_or(most),
    )
}

fn busy_class(case: &Case<'_>, books: &TimeBooks) -> CauseClass {
    let of_busy = |ns: u64| share(ns, books.busy_ns()).unwrap_or(0.0);
    if of_busy(books.untraced_spin_ns) >= at::OMEGA_DEGRADED {
        CauseClass::UntracedSpin
    } else if of_busy(books.user_ns) >= at::MAJORITY {
        CauseClass::UserCompute
    } else if of_busy(books.kernel_ns) >= at::MAJORITY {
        CauseClass::KernelWork
    } else if case.is_overcommitted() {
        CauseClass::HostOvercommit
    } else if books.user_ns >= books.kernel_ns {
        CauseClass::UserCompute
    } else {
        CauseClass::KernelWork
    }
}

/// Whether tasks sleep for locks, at all times.
pub(super) fn sleeps(case: &Case<'_>) -> bool {
    share(case.span.locks.sleep_ns(), case.span.wall_ns)
        .is_some_and(|mean| mean >= at::MEAN_SLEEPERS)
}
