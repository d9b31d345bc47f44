//! The answer.
//!
//! In: both sides. Out: a [`Comparison`]. Refuses: to call B worse because of one measure while it achieves more, and
//! to call it worse or better if one of the two could not be judged.

use super::report::{Change, Comparison, Direction, Measure, Outcome, SCHEMA, Session};
use super::series::Side;
use super::{caveats, measures, names};
use crate::thresholds::COMPARE_MIN_WASTE;
use crate::verdict::{Status, Verdict};

/// Compares `b` with `a`. The same sides give the same document.
#[must_use]
pub fn compare(a: &Side, b: &Side) -> Comparison {
    let mut changes: Vec<Change> = Measure::ALL
        .into_iter()
        .map(|measure| measures::compare(measure, a, b))
        .collect();
    if !wastes(&changes) {
        without_waste(&mut changes);
    }
    if [a, b].iter().all(|side| is_well(side.verdict.status)) {
        without_witness(&mut changes);
    }
    let (first, second) = (&a.verdict, &b.verdict);
    let outcome = outcome(first, second, &changes);
    Comparison {
        schema: SCHEMA.to_owned(),
        outcome,
        summary: summary(outcome, first, second, &changes),
        a: session(a),
        b: session(b),
        classes: names::classes(first, second),
        locks: names::locks(first, second),
        callers: names::callers(first, second),
        changes,
        caveats: caveats::caveats(a, b),
    }
}

/// Whether a considerable part of either side's busy time was in vain. Unknown is no proof of the contrary.
fn wastes(changes: &[Change]) -> bool {
    let waste = changes
        .iter()
        .filter(|change| change.measure == Measure::WastePct);
    waste
        .flat_map(|change| [change.a, change.b])
        .any(|side| side.is_none_or(|side| side.median >= 100.0 * COMPARE_MIN_WASTE))
}

/// Where next to nothing is in vain, tokens per CPU-second tell what kind of work was done, not how well.
fn without_waste(changes: &mut [Change]) {
    for change in changes {
        let is_told = matches!(change.direction, Direction::Better | Direction::Worse);
        if is_told && change.measure == Measure::TokensPerBusySec {
            change.direction = Direction::Differs;
        }
    }
}

/// Of two hosts that are well, waste alone tells no better from worse: it is a share of busy time, which may be little.
fn without_witness(changes: &mut [Change]) {
    let told = |of: &Change| {
        let is_told = matches!(of.direction, Direction::Better | Direction::Worse);
        is_told.then_some(of.direction)
    };
    let others: Vec<Direction> = changes
        .iter()
        .filter(|change| change.measure != Measure::WastePct)
        .filter_map(told)
        .collect();
    for change in changes {
        if change.measure == Measure::WastePct
            && told(change).is_some_and(|direction| !others.contains(&direction))
        {
            change.direction = Direction::Differs;
        }
    }
}

fn is_well(status: Status) -> bool {
    matches!(status, Status::Healthy | Status::Busy)
}

fn session(side: &Side) -> Session {
    let verdict = &side.verdict;
    Session {
        name: side.name.clone(),
        kind: side.kind,
        status: verdict.status,
        confidence: verdict.confidence,
        class: verdict.cause.class,
        summary: verdict.cause.summary.clone(),
        duration_ns: verdict.window.duration_ns,
        nr_windows: verdict.window.nr_windows,
        host: verdict.host.clone(),
        scope: verdict.scope.clone(),
    }
}

/// What the status says. Healthy and busy are one: both are well.
fn by_status(a: Status, b: Status) -> Direction {
    let rank = |status: Status| status.severity().max(Status::Busy.severity());
    match rank(b).cmp(&rank(a)) {
        std::cmp::Ordering::Greater => Direction::Worse,
        std::cmp::Ordering::Less => Direction::Better,
        std::cmp::Ordering::Equal => Direction::NoDifference,
    }
}

/// Whether both suffer, of different causes. The cause of a host that is well is what it happens to do.
fn has_other_cause(a: &Verdict, b: &Verdict) -> bool {
    let suffers = |verdict: &Verdict| {
        matches!(
            verdict.status,
            Status::Livelock | Status::Contended | Status::Starved
        )
    };
    suffers(a) && suffers(b) && a.cause.class != b.cause.class
}

fn outcome(first: &Verdict, second: &Verdict, changes: &[Change]) -> Outcome {
    let (a, b) = (first.status, second.status);
    if a == Status::CannotTell || b == Status::CannotTell {
        return Outcome::CannotTell;
    }
    let says = |direction| changes.iter().any(|change| change.direction == direction);
    let is_known = changes
        .iter()
        .any(|change| change.direction != Direction::CannotTell);
    // A status has its own rules against noise, over several windows.
    match by_status(a, b) {
        Direction::Worse => Outcome::Worse,
        Direction::Better => Outcome::Better,
        _ => match (says(Direction::Worse), says(Direction::Better)) {
            (true, true) => Outcome::Mixed,
            (true, false) => Outcome::Worse,
            (false, true) => Outcome::Better,
            (false, false) if says(Direction::Differs) || has_other_cause(first, second) => {
                Outcome::Different
            }
            (false, false) if is_known => Outcome::NoDifference,
            (false, false) => Outcome::CannotTell,
        },
    }
}

/// The word for people.
pub(super) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Livelock => "a live lock",
        Status::Contended => "contended",
        Status::Starved => "starved",
        Status::Busy => "busy",
        Status::Healthy => "healthy",
        Status::CannotTell => "not to be judged",
    }
}

const fn measure_word(measure: Measure) -> &'static str {
    match measure {
        Measure::BurnPct => "spinning",
        Measure::WastePct => "waste",
        Measure::TokensPerBusySec => "progress per CPU-second",
        Measure::HandoffGapNs => "the gap between hand-offs",
        Measure::BusyPct => "busy time",
    }
}

fn summary(outcome: Outcome, first: &Verdict, second: &Verdict, changes: &[Change]) -> String {
    let (a, b) = (first.status, second.status);
    let list = |direction| {
        let words: Vec<_> = changes
            .iter()
            .filter(|change| change.direction == direction)
            .map(|change| measure_word(change.measure))
            .collect();
        words.join(", ")
    };
    let status = if by_status(a, b) == Direction::NoDifference {
        String::new()
    } else {
        format!("A is {}, B is {}", status_word(a), status_word(b))
    };
    let join = |parts: [String; 2]| {
        let parts: Vec<_> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("; ")
    };
    let measured = |word: &str, direction| {
        let list = list(direction);
        if list.is_empty() {
            String::new()
        } else {
            format!("{word}: {list}")
        }
    };
    match outcome {
        Outcome::Worse => join([status, measured("worse", Direction::Worse)]),
        Outcome::Better => join([status, measured("better", Direction::Better)]),
        Outcome::Mixed => join([
            measured("better", Direction::Better),
            measured("worse", Direction::Worse),
        ]),
        Outcome::Different if has_other_cause(first, second) => join([
            format!(
                "neither better nor worse, but another cause: {} in A, {} in B",
                names::class_word(first.cause.class),
                names::class_word(second.cause.class)
            ),
            measured("differs", Direction::Differs),
        ]),
        Outcome::Different => join([
            "neither better nor worse, but another load".to_owned(),
            measured("differs", Direction::Differs),
        ]),
        Outcome::NoDifference => "no difference that this data can show".to_owned(),
        Outcome::CannotTell if a == Status::CannotTell => "A could not be judged".to_owned(),
        Outcome::CannotTell if b == Status::CannotTell => "B could not be judged".to_owned(),
        Outcome::CannotTell => "too few windows to know their spread".to_owned(),
    }
}
