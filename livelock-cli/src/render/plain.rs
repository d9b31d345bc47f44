//! `watch --plain`: one line a window.
//!
//! In: [`WindowSummary`]. Out: a line of fixed columns with a newline. Refuses: colour, and to lose a column:
//! unknown is `-`.

use livelock_core::filter::Filter;
use livelock_core::host::HostFacts;
use livelock_core::scope::Scope;
use livelock_core::verdict::{Status, Verdict};

use super::filter::filter_text;
use super::units::{amount, clean, count, cut_end, duration};
use super::{StreamSummary, WindowSummary};

/// First window that can be judged: a rule needs three.
pub(crate) const FIRST_JUDGED: u64 = 3;

/// Printed once, above the lines.
pub const PLAIN_HEADER: &str =
    "time(utc)  status       busy%  burn%  omega  user%  waits/s  open  oldest  lost  lock\n";

/// The line of a window.
#[must_use]
pub fn plain_line(window: &WindowSummary) -> String {
    let pct = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |v| format!("{v:.1}"));
    let omega = window
        .omega
        .map_or_else(|| "-".to_owned(), |omega| format!("{omega:.2}"));
    let oldest = window
        .oldest_in_flight_ns
        .map_or_else(|| "-".to_owned(), duration);
    let lock = window.top_lock.as_deref().unwrap_or("-");
    format!(
        "{}  {:<11}  {:>5}  {:>5}  {:>5}  {:>5}  {:>7}  {:>4}  {:>6}  {:>4}  {}\n",
        time_of_day(window.ended_unix_ms),
        // The first windows cannot be judged, and need not look like a fault.
        match window.status {
            Status::CannotTell if window.number < FIRST_JUDGED => "collecting",
            status => status_word(status),
        },
        pct(window.busy_pct),
        pct(window.burn_pct),
        omega,
        pct(window.user_pct),
        amount(window.waits_per_sec),
        window.nr_in_flight,
        oldest,
        window.nr_lost,
        cut_end(&clean(lock), 40),
    )
}

/// What is printed once, above the lines: the host, what part of it is judged, and the columns.
#[must_use]
pub fn plain_header(host: &HostFacts, scope: &Scope, filter: &Filter) -> String {
    let part = if *scope == Scope::default() {
        String::new()
    } else {
        format!("; of it {}", clean(&scope.to_string()))
    };
    let listed =
        filter_text(filter).map_or_else(String::new, |text| format!("; lists {}", clean(&text)));
    format!(
        "# {}, Linux {}, {} CPUs{part}{listed}\n{PLAIN_HEADER}",
        clean(&host.hostname),
        clean(&host.kernel_release),
        host.nr_cpus_online,
    )
}

/// The line of a status that has changed.
#[must_use]
pub fn plain_status(verdict: &Verdict) -> String {
    let confidence = match verdict.confidence {
        livelock_core::verdict::Confidence::Low => "low",
        livelock_core::verdict::Confidence::Medium => "medium",
        livelock_core::verdict::Confidence::High => "high",
    };
    format!(
        "# {} (confidence {confidence}): {}\n",
        status_word(verdict.status),
        clean(&verdict.cause.summary),
    )
}

/// The last line: how it ended, and the books.
#[must_use]
pub fn plain_summary(summary: &StreamSummary) -> String {
    let how = match summary.ended_by {
        super::EndedBy::Duration => "the time is over",
        super::EndedBy::Interrupt => "interrupted",
        super::EndedBy::Terminate => "terminated",
        super::EndedBy::ClosedPipe => "the reader is gone",
        super::EndedBy::Error => "an error",
        super::EndedBy::Continued => "this piece of the recording is over",
        super::EndedBy::Truncated => "the recording was cut off",
    };
    plain_end(how, summary)
}

/// The same in other words.
pub(crate) fn plain_end(how: &str, summary: &StreamSummary) -> String {
    let books = &summary.accounting;
    let lost = match summary.nr_lost {
        0 => "none lost".to_owned(),
        nr => format!("{} lost", count(nr)),
    };
    format!(
        "# {how} after {} windows; waits: {} begun = {} completed + {} in flight, {lost}, {} unaccounted\n",
        summary.nr_windows,
        count(books.nr_begun),
        count(books.nr_completed),
        books.nr_in_flight,
        books.unaccounted,
    )
}

/// The word that stands for a status in JSON, lines and prose.
pub(crate) const fn status_word(status: Status) -> &'static str {
    match status {
        Status::Livelock => "livelock",
        Status::Contended => "contended",
        Status::Starved => "starved",
        Status::Busy => "busy",
        Status::Healthy => "healthy",
        Status::CannotTell => "cannot_tell",
    }
}

/// `19:53:09Z`. UTC, because logs of many hosts are laid side by side.
pub(crate) fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000 % 86_400;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}Z")
}
