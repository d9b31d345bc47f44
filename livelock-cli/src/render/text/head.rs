//! What is wrong, where, and what to do: the first three lines.

use livelock_core::verdict::{Confidence, ProgressState, Status, Verdict};

use super::Page;
use crate::render::Tint;
use crate::render::units::{clean, duration, pct};

/// Other classes worth a line; the document has them all.
const MAX_ALSO: usize = 2;

pub(super) fn write(page: &mut Page, verdict: &Verdict) {
    let (word, tint) = match verdict.status {
        Status::Livelock => ("LIVE LOCK", Tint::Bad),
        Status::Contended => ("CONTENDED: busy with locks, still progressing", Tint::Warn),
        Status::Starved => ("STARVED: runnable work does not get CPU", Tint::Warn),
        Status::Busy if lags(verdict) => ("BUSY, but what was declared is not done", Tint::Warn),
        Status::Busy if is_doubtful(verdict) => {
            ("BUSY; whether it progresses was not seen", Tint::Warn)
        }
        Status::Busy => ("BUSY, and progressing", Tint::Good),
        Status::Healthy => ("HEALTHY", Tint::Good),
        Status::CannotTell => ("CANNOT TELL", Tint::Warn),
    };
    let confidence = match verdict.confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    };
    let word = page.style().paint(tint, word);
    page.line(&format!("{word}  ({confidence} confidence)"));
    if verdict.scope.is_of_tasks() {
        page.item("  of   ", &clean(&verdict.scope.to_string()));
    }
    page.item("  why  ", &verdict.cause.summary);
    match verdict.remedies.first() {
        Some(remedy) => page.item("  now  ", &remedy.action),
        None => page.item("  now  ", no_remedy(verdict)),
    }
    for also in verdict.cause.also.iter().take(MAX_ALSO) {
        page.item(
            "  also ",
            &format!("{} ({:.0} % of busy time)", also.summary, also.share_pct),
        );
    }
    let window = &verdict.window;
    page.line("");
    page.item(
        "  ",
        &format!(
            "busy {}, of that spinning {}, user {}; {} in {} windows, {} without progress{}",
            pct(verdict.busy_pct),
            pct(verdict.omega.map(|omega| omega * 100.0)),
            pct(verdict.user_pct),
            duration(window.duration_ns),
            window.nr_windows,
            window.nr_no_progress,
            window
                .first_verdict_ns
                .map_or_else(String::new, |ns| format!(
                    "; first seen after {}",
                    duration(ns)
                )),
        ),
    );
    page.item("  ", &host(verdict));
}

/// What to do about work that is not done on a host whose kernel locks are well.
const LAGS: &str = "look at what the declared work waits for; kernel locks do not hold it up";

/// Whether a busy host does not get done what was declared as progress.
pub(crate) fn lags(verdict: &Verdict) -> bool {
    matches!(
        verdict.progress.state,
        ProgressState::Collapsed | ProgressState::Stalled
    )
}

/// Whether nobody saw that a busy host gets something done.
pub(crate) fn is_doubtful(verdict: &Verdict) -> bool {
    verdict.status == Status::Busy && verdict.progress.state == ProgressState::Unknown
}

/// What stands in the place of a remedy.
pub(crate) fn no_remedy(verdict: &Verdict) -> &'static str {
    match verdict.status {
        Status::Busy if lags(verdict) => LAGS,
        Status::Busy if is_doubtful(verdict) => {
            "if the work does not get done, say what counts as done (--progress, see docs/progress.md), and run again"
        }
        Status::Healthy | Status::Busy => "nothing to do",
        Status::CannotTell => "run `livelock doctor`, then again for longer (--duration 30s)",
        Status::Livelock | Status::Contended | Status::Starved => "no remedy is known; see below",
    }
}

fn host(verdict: &Verdict) -> String {
    let host = &verdict.host;
    let mut parts = vec![
        clean(&host.hostname),
        match &verdict.scope.cpus {
            Some(cpus) => format!("{} of its {} CPUs", cpus.len(), host.nr_cpus_online),
            None => format!("{} CPUs", host.nr_cpus_online),
        },
        format!("Linux {} {}", clean(&host.kernel_release), host.arch),
    ];
    parts.extend(
        host.hypervisor
            .as_ref()
            .map(|name| format!("guest of {}", clean(name))),
    );
    parts.extend(host.load_1m.map(|load| format!("load {load:.1}")));
    parts.join(", ")
}
