//! The progress part of a verdict.
//!
//! In: a span. Out: [`Progress`] with a reason. Refuses: to call progress collapsed when the windows
//! that spoke for the verdict did not.

use std::collections::BTreeMap;

use super::answer::Case;
use super::declared;
use super::level::Level;
use super::seen_by::SeenBy;
use crate::ledger::progress::{beside_locks, pi};
use crate::probes::Probe;
use crate::syscall_report::nr_achieved;
use crate::thresholds as at;
use crate::verdict::{Progress, ProgressState, Status};

pub(super) fn progress(case: &Case<'_>, status: Status) -> Progress {
    let span = case.span;
    let state = state(case, status);
    let seconds = span.wall_ns as f64 / 1e9;
    let tokens_per_sec = span
        .tokens
        .iter()
        .filter(|_| seconds > 0.0)
        .map(|(source, &nr)| ((*source).to_owned(), nr as f64 / seconds))
        .collect();
    Progress {
        state,
        reason: declared::reason(case, status, state).unwrap_or_else(|| reason(case, state)),
        tokens_per_busy_sec: pi(&span.tokens, span.books.busy_ns()),
        baseline_tokens_per_busy_sec: span.pi0,
        throughput_slope: case.throughput_slope,
        tokens_per_sec,
        besides_per_sec: besides(case).unwrap_or_default(),
        declared: declared::report(case, status),
    }
}

/// What level 1 counted that may have come to something, a second. `None`: it did not look.
fn besides(case: &Case<'_>) -> Option<BTreeMap<String, f64>> {
    let activity = case.span.activity.as_ref()?;
    let rate = |nr: u64, probe: Probe| {
        let seen = activity.sees(probe);
        let observed_ns = activity.observed_ns(probe.group()).filter(|_| seen)?;
        Some(nr as f64 * 1e9 / observed_ns as f64)
    };
    let nr_voluntary = activity
        .nr_involuntary_switches
        .map(|nr| activity.nr_switches.saturating_sub(nr));
    let switches = nr_voluntary.and_then(|nr| rate(nr, Probe::SchedSwitch));
    let calls = rate(nr_achieved(activity, &case.host.arch), Probe::SysExit);
    let both = [("syscalls", calls), ("voluntary_switches", switches)];
    let seen = both
        .into_iter()
        .filter_map(|(what, rate)| Some((what.to_owned(), rate?)));
    Some(seen.collect())
}

fn state(case: &Case<'_>, status: Status) -> ProgressState {
    let states = &case.span.states;
    let nr = |state| states.get(&state).copied().unwrap_or(0);
    let nr_failed = nr(ProgressState::Collapsed) + nr(ProgressState::Stalled);
    if status == Status::Livelock && nr_failed > 0 {
        let stalled = nr(ProgressState::Collapsed) == 0;
        return if stalled {
            ProgressState::Stalled
        } else {
            ProgressState::Collapsed
        };
    }
    // The most frequent state; of equally frequent ones the more doubtful.
    states
        .iter()
        .max_by_key(|(state, nr)| (**nr, **state))
        .map_or(ProgressState::Unknown, |(state, _)| *state)
}

fn reason(case: &Case<'_>, state: ProgressState) -> String {
    let span = case.span;
    let (_, books) = case.span.books_at(Level::Livelock);
    let user = books.user_share().map_or_else(
        || "an unknown share".to_owned(),
        |user| format!("{:.1} %", 100.0 * user),
    );
    let omega_pct = 100.0 * books.omega().unwrap_or(0.0);
    let what = SeenBy::of(case).what();
    let pace = match (pi(&span.tokens, span.books.busy_ns()), span.pi0) {
        (Some(pi), Some(pi0)) => format!("{pi:.0} tokens a busy second, baseline {pi0:.0}"),
        _ => "no baseline".to_owned(),
    };
    match state {
        ProgressState::Collapsed => {
            format!("{omega_pct:.0} % of busy time is {what} and user code gets {user}; {pace}")
        }
        ProgressState::Stalled => {
            format!("no counter moved while {omega_pct:.0} % of busy time was {what}; {pace}")
        }
        ProgressState::Normal => {
            let busy = span.books.used_share().unwrap_or(0.0);
            let omega = span.books.omega().unwrap_or(0.0);
            if busy < at::BUSY_FOR_STATUS {
                format!("{} not busy enough to lack progress", case.who())
            } else if span
                .books
                .user_share()
                .is_some_and(|user| user >= at::USER_SHARE_COMPUTE)
            {
                "user code gets most of the busy time".to_owned()
            } else if omega < at::OMEGA_CONTENDED {
                "next to nothing of the busy time is spun away".to_owned()
            } else {
                format!("tokens keep pace: {pace}")
            }
        }
        ProgressState::Unknown if case.is_work_unseen(state) => format!(
            "user code gets {user}, and the counters that are seen show {}: neither that something gets done nor that \
             nothing does",
            match pi(&beside_locks(span.tokens.clone()), span.books.busy_ns()) {
                Some(pi) => format!("{pi:.0} tokens a busy second besides hand-offs of locks"),
                None => "nothing".to_owned(),
            }
        ),
        ProgressState::Unknown => format!(
            "{pace}; {}, and neither waste nor user share is extreme",
            match &span.activity {
                Some(seen) if seen.sees(Probe::SysExit) =>
                    "system calls that succeed are no tokens, since many of them do nothing",
                _ => "system calls were not looked at",
            }
        ),
    }
}
