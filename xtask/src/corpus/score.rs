//! How good the verdicts are.
//!
//! In: observations. Out: counts and the ratios they make. Refuses: a ratio of nothing, which is null.

use livelock_core::verdict::Status;
use serde::{Deserialize, Serialize};

use super::catalogue::Kind;
use super::class::{self, Confused};
use super::observation::{Measured, Observation, Outcome};
use super::oracle;
use super::place;

/// Events that one may have seen none of, 95 times in 100: the rule of three.
const RULE_OF_THREE: f64 = 3.0;

const NS_PER_HOUR: f64 = 3.6e12;

/// Was the status right?
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Grade {
    /// Yes.
    Right,
    /// A positive that was not given its status, or a boundary that was given less than its books demand.
    Missed,
    /// A live lock where there is none.
    FalseLiveLock,
    /// Worse than the catalogue allows.
    TooBad,
    /// A boundary called a live lock whose threads together did less than one alone: neither right nor wrong.
    Retrograde,
    /// The tool could not tell.
    CannotTell,
    /// There is no verdict.
    NotMeasured,
}

/// Judges the status of one observation.
pub(super) fn grade(observation: &Observation) -> Grade {
    let Outcome::Measured(measured) = &observation.outcome else {
        return Grade::NotMeasured;
    };
    let (status, expected) = (measured.status, observation.expected_status);
    let is_live_lock = status == Status::Livelock;
    if status == Status::CannotTell {
        return Grade::CannotTell;
    }
    if observation.is_control {
        return if is_live_lock {
            Grade::FalseLiveLock
        } else {
            Grade::Right
        };
    }
    match observation.kind {
        Kind::Positive if status == expected => Grade::Right,
        Kind::Positive if is_live_lock => Grade::FalseLiveLock,
        Kind::Positive => Grade::Missed,
        Kind::Boundary if status.severity() < least_severity(observation) => Grade::Missed,
        Kind::Boundary | Kind::LookAlike if status.severity() <= expected.severity() => {
            Grade::Right
        }
        Kind::LookAlike if is_live_lock => Grade::FalseLiveLock,
        Kind::Boundary if is_live_lock && oracle::is_harmful_boundary(observation) => {
            Grade::Retrograde
        }
        Kind::Boundary | Kind::LookAlike => Grade::TooBad,
    }
}

fn least_severity(observation: &Observation) -> u8 {
    observation.least_status.map_or(0, Status::severity)
}

/// A part of a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Share {
    pub(super) nr: u32,
    pub(super) of: u32,
    /// `nr / of`.
    pub(super) ratio: Option<f64>,
}

impl Share {
    fn count(items: impl Iterator<Item = bool>) -> Self {
        let (mut nr, mut of) = (0, 0);
        for is_counted in items {
            of += 1;
            nr += u32::from(is_counted);
        }
        Self::new(nr, of)
    }

    fn new(nr: u32, of: u32) -> Self {
        let ratio = (of > 0).then(|| f64::from(nr) / f64::from(of));
        Self { nr, of, ratio }
    }
}

/// The figures of some observations.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Score {
    pub(super) measured: Share,
    pub(super) cannot_tell: Share,
    /// Live-lock positives that were called so, of all that were measured.
    pub(super) recall: Share,
    /// The same without those that are known not to have come about.
    #[serde(default)]
    pub(super) oracle_recall: Share,
    /// Live-lock positives that did not come about, of those of which it is known.
    #[serde(default)]
    pub(super) not_made: Share,
    /// Those of them that were called a live lock all the same.
    #[serde(default)]
    pub(super) not_made_but_called: u32,
    /// Those of these whose threads together were slower than one alone, if by less than it takes to count as made.
    #[serde(default)]
    pub(super) retrograde_but_called: u32,
    /// Live-lock positives of which it should be known and is not: a figure is missing.
    #[serde(default)]
    pub(super) made_unknown: u32,
    /// Boundaries that must be told, and were.
    #[serde(default)]
    pub(super) boundary_told: Share,
    /// Positives of another status that were given it.
    pub(super) starved_recall: Share,
    /// Verdicts "live lock" on live-lock positives, of these and those that are wrong anywhere.
    /// Boundaries that may be called a live lock are in neither.
    pub(super) precision: Share,
    pub(super) false_live_locks: Share,
    /// Boundaries that were called a live lock and may not be.
    pub(super) overstated_live_locks: u32,
    /// Boundaries that were called one, and whose threads together did less than one alone.
    #[serde(default)]
    pub(super) harmful_boundaries: u32,
    /// Verdicts worse than allowed that are not a live lock.
    pub(super) too_bad: u32,
    pub(super) boundary_right: Share,
    pub(super) look_alike_right: Share,
    /// With test-and-set spinlocks: positives that were not called a live lock.
    pub(super) control_right: Share,
    /// Observation time of look-alikes.
    pub(super) negative_hours: f64,
    pub(super) false_live_locks_per_hour: Option<f64>,
    /// Upper bound at 95 % where none was seen.
    pub(super) false_live_locks_per_hour_below: Option<f64>,
    /// Windows of look-alikes that showed no progress.
    pub(super) negative_windows_without_progress: Share,
    /// Over the positives that were right.
    pub(super) detect_median_ns: Option<u64>,
    pub(super) detect_p95_ns: Option<u64>,
    /// Where somebody is accused, and of look-alikes of business.
    pub(super) class_accuracy: Share,
    /// The same with the three classes of one lock told apart.
    #[serde(default)]
    pub(super) class_accuracy_exact: Share,
    /// Of all that were measured, whatever their status.
    #[serde(default)]
    pub(super) class_accuracy_all: Share,
    /// The same with the three classes of one lock told apart.
    #[serde(default)]
    pub(super) class_accuracy_all_exact: Share,
    /// Which class was told for which.
    #[serde(default)]
    pub(super) class_confusion: Vec<Confused>,
    /// Lock or caller, where somebody is accused.
    pub(super) place_at_1: Share,
    /// Lock and caller, where somebody is accused.
    #[serde(default)]
    pub(super) place_strict_at_1: Share,
    /// Lock and caller of all positives and boundaries that have a place, whatever their status.
    #[serde(default)]
    pub(super) place_strict_at_1_all: Share,
    /// Of modes with one path that holds: that path is the first holder of the first lock.
    #[serde(default)]
    pub(super) holder_at_1: Share,
    pub(super) own_cost_median_pct: Option<f64>,
    pub(super) own_cost_max_pct: Option<f64>,
    /// Time in the guest that a task took, without sending its results.
    #[serde(default)]
    pub(super) guest_secs_median: Option<f64>,
    /// Load of the machine below the guests: figures of guests that got no CPU say little of the tool.
    #[serde(default)]
    pub(super) machine_load_median: Option<f64>,
    #[serde(default)]
    pub(super) machine_load_max: Option<f64>,
    /// Observations whose books close.
    pub(super) books_closed: Share,
    /// Recordings whose replay on this machine gave the guest's verdict to the byte.
    #[serde(default)]
    pub(super) replays_alike: Share,
}

/// Scores observations; those that were not measured count nowhere else.
pub(super) fn score(observations: &[Observation]) -> Score {
    let measured: Vec<(&Observation, &Measured, Grade)> = observations
        .iter()
        .filter_map(|observation| match &observation.outcome {
            Outcome::Measured(measured) => Some((observation, &**measured, grade(observation))),
            Outcome::NotMeasured { .. } => None,
        })
        .collect();
    let of_kind = |kind| {
        measured
            .iter()
            .filter(move |(observation, ..)| observation.kind == kind && !observation.is_control)
    };
    let right = |&(_, _, grade): &(_, _, Grade)| grade == Grade::Right;
    let is_expected_live_lock =
        |observation: &Observation| observation.expected_status == Status::Livelock;
    let live_locks = || of_kind(Kind::Positive).filter(|item| is_expected_live_lock(item.0));
    let starved = || of_kind(Kind::Positive).filter(|item| !is_expected_live_lock(item.0));

    let recall = Share::count(live_locks().map(right));
    let overstated_live_locks = count(of_kind(Kind::Boundary), |(_, measured, grade)| {
        *grade == Grade::TooBad && measured.status == Status::Livelock
    });
    let false_live_locks =
        Share::count(of_kind(Kind::LookAlike).map(|(_, _, grade)| *grade == Grade::FalseLiveLock));
    let nr_wrong = overstated_live_locks
        + count(measured.iter(), |(_, _, grade)| {
            *grade == Grade::FalseLiveLock
        });
    let negative_ns: u64 = of_kind(Kind::LookAlike)
        .map(|(_, measured, _)| measured.duration_ns)
        .sum();
    let negative_hours = negative_ns as f64 / NS_PER_HOUR;
    let has_negatives = negative_ns > 0;
    let mut detect_ns: Vec<u64> = of_kind(Kind::Positive)
        .filter(|item| right(item))
        .filter_map(|(_, measured, _)| measured.first_verdict_ns)
        .collect();
    detect_ns.sort_unstable();
    let sorted = |of: fn(&Measured) -> Option<f64>| {
        let mut values: Vec<f64> = measured.iter().filter_map(|item| of(item.1)).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    };
    let costs = sorted(|measured| Some(measured.own_cost_pct));
    let loads = sorted(|measured| measured.machine_load);

    Score {
        measured: Share::new(measured.len() as u32, observations.len() as u32),
        cannot_tell: Share::count(
            measured
                .iter()
                .map(|(_, _, grade)| *grade == Grade::CannotTell),
        ),
        recall,
        oracle_recall: Share::count(
            live_locks()
                .filter(|item| !oracle::is_not_made(item.0))
                .map(right),
        ),
        not_made: Share::count(
            live_locks().filter_map(|item| oracle::is_made(item.0).map(|is_made| !is_made)),
        ),
        not_made_but_called: count(live_locks(), |item| {
            oracle::is_not_made(item.0) && right(item)
        }),
        retrograde_but_called: count(live_locks(), |item| {
            oracle::is_not_made(item.0)
                && right(item)
                && oracle::is_retrograde(item.0) == Some(true)
        }),
        made_unknown: count(live_locks(), |item| {
            item.0.oracle.is_some() && oracle::is_made(item.0).is_none()
        }),
        boundary_told: Share::count(
            of_kind(Kind::Boundary)
                .filter(|item| item.0.least_status.is_some())
                .map(|item| item.2 != Grade::Missed && item.2 != Grade::CannotTell),
        ),
        starved_recall: Share::count(starved().map(right)),
        precision: Share::new(recall.nr, recall.nr + nr_wrong),
        false_live_locks,
        overstated_live_locks,
        harmful_boundaries: count(of_kind(Kind::Boundary), |item| item.2 == Grade::Retrograde),
        too_bad: count(measured.iter(), |(_, measured, grade)| {
            *grade == Grade::TooBad && measured.status != Status::Livelock
        }),
        boundary_right: Share::count(
            of_kind(Kind::Boundary)
                .filter(|item| item.2 != Grade::Retrograde)
                .map(right),
        ),
        look_alike_right: Share::count(of_kind(Kind::LookAlike).map(right)),
        control_right: Share::count(
            measured
                .iter()
                .filter(|(observation, ..)| observation.is_control)
                .map(right),
        ),
        negative_hours,
        false_live_locks_per_hour: has_negatives
            .then(|| f64::from(false_live_locks.nr) / negative_hours),
        false_live_locks_per_hour_below: (has_negatives && false_live_locks.nr == 0)
            .then(|| RULE_OF_THREE / negative_hours),
        negative_windows_without_progress: Share::new(
            of_kind(Kind::LookAlike)
                .map(|item| item.1.nr_no_progress)
                .sum(),
            of_kind(Kind::LookAlike).map(|item| item.1.nr_windows).sum(),
        ),
        detect_median_ns: percentile(&detect_ns, 50),
        detect_p95_ns: percentile(&detect_ns, 95),
        class_accuracy: share_of(observations, class::is_right),
        class_accuracy_exact: share_of(observations, class::is_exact),
        class_accuracy_all: share_of(observations, class::is_right_of_all),
        class_accuracy_all_exact: share_of(observations, class::is_exact_of_all),
        class_confusion: class::confusion(observations),
        place_at_1: share_of(observations, place::is_right),
        place_strict_at_1: share_of(observations, place::is_strictly_right),
        place_strict_at_1_all: share_of(observations, place::is_strictly_right_of_all),
        holder_at_1: share_of(observations, place::is_holder_right),
        own_cost_median_pct: percentile(&costs, 50),
        own_cost_max_pct: costs.last().copied(),
        guest_secs_median: percentile(&sorted(|measured| measured.guest_secs), 50),
        machine_load_median: percentile(&loads, 50),
        machine_load_max: loads.last().copied(),
        books_closed: Share::count(
            measured
                .iter()
                .map(|(_, measured, _)| measured.unaccounted == 0),
        ),
        replays_alike: Share::count(
            measured
                .iter()
                .filter_map(|(_, measured, _)| measured.replays_alike),
        ),
    }
}

fn share_of(observations: &[Observation], judge: fn(&Observation) -> Option<bool>) -> Share {
    Share::count(observations.iter().filter_map(judge))
}

fn count<T>(items: impl Iterator<Item = T>, is_counted: impl Fn(&T) -> bool) -> u32 {
    Share::count(items.map(|item| is_counted(&item))).nr
}

/// The smallest value that at least `percent` of the sorted values do not exceed.
fn percentile<T: Copy>(sorted: &[T], percent: usize) -> Option<T> {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied()
}

#[cfg(test)]
#[path = "score_tests.rs"]
pub(super) mod tests;
