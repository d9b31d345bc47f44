//! Declared progress in the judge.
//!
//! In: sources at the begin, their readings before each window. Out: what they change of an observation, of the
//! evidence and of the words. Refuses: to accuse a host that is not busy; a service without requests stands still,
//! too.

use super::Judge;
use super::answer::Case;
use crate::declared::{
    DeclaredLedger, DeclaredProgress, DeclaredReading, DeclaredState, DeclaredTally, Moment, Source,
};
use crate::detect::{NoProgressRule, Observation};
use crate::ledger::time::TimeBooks;
use crate::thresholds as at;
use crate::verdict::{Evidence, EvidenceSource, ProgressState, Status};
use crate::window::Window;

/// What was declared, and the readings of the window that comes next.
#[derive(Clone, Debug, Default)]
pub(super) struct Declared {
    ledger: DeclaredLedger,
    next: Vec<DeclaredReading>,
}

impl Judge {
    /// From now on these sources say what counts as progress. `first` are their values at the begin, `stall_ns` is
    /// how long one without an expectation may stand still.
    pub fn expect_progress(
        &mut self,
        sources: Vec<Source>,
        first: &[DeclaredReading],
        stall_ns: u64,
    ) {
        self.declared.ledger = DeclaredLedger::new(sources, first, stall_ns);
    }

    /// Takes the readings at the close of the window that is observed next.
    pub fn declare(&mut self, readings: Vec<DeclaredReading>) {
        self.declared.next = readings;
    }

    /// Lets declared progress speak on `seen`.
    pub(super) fn judge_declared(
        &mut self,
        window: &Window,
        books: Option<&TimeBooks>,
        seen: &mut Observation,
    ) -> DeclaredTally {
        let readings = std::mem::take(&mut self.declared.next);
        if self.declared.ledger.is_empty() {
            return DeclaredTally::default();
        }
        let moment = Moment {
            length_ns: window.duration_ns(),
            busy_ns: books.map(TimeBooks::busy_ns),
            is_quiet: super::is_quiet(seen),
        };
        let declared = self.declared.ledger.observe(&readings, moment);
        apply(seen, declared.combined);
        DeclaredTally::of_window(declared)
    }
}

/// What keeps pace is not a live lock, whatever is wasted beside it. What has failed on a busy host is the failed
/// progress signal that rule (i) asks for.
fn apply(seen: &mut Observation, state: DeclaredState) {
    seen.declared = Some(state);
    let reaches = |share: Option<f64>, least: f64| share.is_some_and(|share| share >= least);
    let failed = match state {
        DeclaredState::KeepsPace => {
            seen.rule = None;
            seen.no_progress = false;
            seen.progress = ProgressState::Normal;
            return;
        }
        DeclaredState::Unknown => return,
        DeclaredState::Stalled => ProgressState::Stalled,
        DeclaredState::Collapsed => ProgressState::Collapsed,
    };
    if !reaches(seen.used, at::BUSY_FOR_STATUS) {
        return;
    }
    seen.progress = failed;
    let wastes = reaches(seen.used, at::BUSY_FOR_LIVELOCK)
        && reaches(seen.omega, at::OMEGA_WITH_BASELINE)
        && seen.is_corroborated()
        && !seen.is_below_floor
        && !seen.is_contradicted();
    if wastes {
        seen.rule = seen.rule.or(Some(NoProgressRule::DeclaredProgress));
        seen.no_progress = true;
    }
}

/// Whether the verdict is one in which failed sources speak for it.
fn is_of_failure(case: &Case<'_>, status: Status) -> bool {
    let is_pace = case.span.declared.nr_windows(DeclaredState::KeepsPace) > 0;
    status == Status::Livelock || !is_pace
}

/// The sources in the verdict.
pub(super) fn report(case: &Case<'_>, status: Status) -> Vec<DeclaredProgress> {
    case.span.declared.report(is_of_failure(case, status))
}

/// Why progress is in `state`, if declared progress says so.
pub(super) fn reason(case: &Case<'_>, status: Status, state: ProgressState) -> Option<String> {
    let says = |source: &DeclaredProgress| match state {
        ProgressState::Normal => source.state == DeclaredState::KeepsPace,
        ProgressState::Collapsed | ProgressState::Stalled => has_failed(source),
        ProgressState::Unknown => false,
    };
    let source = report(case, status).into_iter().find(says)?;
    Some(format!(
        "declared progress, {}: {}",
        source.name, source.reason
    ))
}

fn has_failed(source: &DeclaredProgress) -> bool {
    matches!(
        source.state,
        DeclaredState::Stalled | DeclaredState::Collapsed
    )
}

/// Why it is no live lock, if declared progress is the reason.
pub(super) fn keeps_pace(case: &Case<'_>) -> Option<String> {
    let nr_windows = case.span.declared.nr_windows(DeclaredState::KeepsPace);
    if case.span.nr_no_progress() > 0 || 2 * nr_windows < case.span.nr_windows {
        return None;
    }
    reason(case, Status::Contended, ProgressState::Normal)
}

/// A signal for the status: sources that failed while the host was busy.
pub(super) fn for_it(case: &Case<'_>, status: Status) -> Option<Evidence> {
    let nr_failed = case.span.declared.nr_failed();
    (status == Status::Livelock && nr_failed > 0)
        .then(|| signal(case, status, nr_failed, has_failed))
        .flatten()
}

/// A signal against it: sources that keep pace beside a contended lock, or that failed on a host that seems well.
pub(super) fn against(case: &Case<'_>, status: Status) -> Option<Evidence> {
    let declared = &case.span.declared;
    let nr_pace = declared.nr_windows(DeclaredState::KeepsPace);
    match status {
        Status::Contended | Status::Livelock if nr_pace > 0 => {
            signal(case, Status::Contended, nr_pace, |source| {
                source.state == DeclaredState::KeepsPace
            })
        }
        Status::Busy if declared.nr_failed() > 0 => {
            signal(case, status, declared.nr_failed(), has_failed)
        }
        _ => None,
    }
}

fn signal(
    case: &Case<'_>,
    status: Status,
    nr_windows: u32,
    wanted: impl Fn(&DeclaredProgress) -> bool,
) -> Option<Evidence> {
    let source = report(case, status).into_iter().find(wanted)?;
    Some(Evidence {
        signal: "declared_progress".to_owned(),
        value: source.rate_per_sec.unwrap_or(0.0),
        unit: "1/s".to_owned(),
        threshold: None,
        source: EvidenceSource::DeclaredProgress,
        text: format!(
            "{} {}: {} ({nr_windows} of {} windows)",
            source.name,
            match source.state {
                DeclaredState::KeepsPace => "keeps pace",
                DeclaredState::Collapsed => "has collapsed",
                DeclaredState::Stalled => "stands still",
                DeclaredState::Unknown => "is unknown",
            },
            source.reason,
            case.span.nr_windows
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_uses_next_to_nothing_is_not_in_a_live_lock_whatever_stalls() {
        let no_progress = |is_below_floor: bool| {
            let mut seen: Observation = serde_json::from_value(serde_json::json!({
                "begin": 0, "end": 1, "used": 1.0, "omega": 0.9, "agreed_share": 1.0, "conflict": 0.0,
                "progress": "unknown", "no_progress": false, "stuck": [], "is_below_floor": is_below_floor,
            }))
            .expect("an observation");
            apply(&mut seen, DeclaredState::Stalled);
            assert_eq!(seen.progress, ProgressState::Stalled);
            seen.no_progress
        };
        assert!(no_progress(false));
        assert!(!no_progress(true));
    }
}
