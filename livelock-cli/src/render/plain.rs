//! `watch --plain`: one line a window.
//!
//! In: [`WindowSummary`]. Out: a line of fixed columns with a newline. Refuses: colour, and to lose a column:
//! unknown is `-`.

use livelock_core::verdict::Status;

use super::WindowSummary;
use super::units::{amount, clean, cut_end, duration};

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
        status_word(window.status),
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
fn time_of_day(unix_ms: u64) -> String {
    let seconds = unix_ms / 1000 % 86_400;
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{hour:02}:{minute:02}:{second:02}Z")
}
