//! Words of the page.
//!
//! In: names that tasks, users and kernels chose; numbers. Out: text that reads as what it is. Refuses: characters that
//! nobody sees or that turn the text around; markup is the template's to escape, and it escapes all of it.

use livelock_core::verdict::{Confidence, EvidenceSource, ProgressState, Status, Verdict};

use crate::render::units::{amount, cut_end, duration, is_unseen};
use crate::render::{is_doubtful, lags};

/// Longest name; the kernel's own are shorter, and a page has an end.
const MAX_CHARS: usize = 300;

/// `text` as it can be shown: what is invisible or turns text around is written as its number.
pub(super) fn plain(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        if is_unseen(char) {
            shown.push_str(&format!("\\u{{{:x}}}", u32::from(char)));
        } else {
            shown.push(char);
        }
    }
    cut_end(&shown, MAX_CHARS)
}

/// A sentence of ours, which may carry names: the same without an end.
pub(super) fn sentence(text: &str) -> String {
    text.split_whitespace()
        .map(plain)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A word as a shell takes it.
pub(crate) fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_ascii_alphanumeric() || "-_./:,=@+%".contains(char);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

pub(super) const fn confidence(confidence: Confidence) -> &'static str {
    match confidence {
        Confidence::High => "high",
        Confidence::Medium => "medium",
        Confidence::Low => "low",
    }
}

/// What a status means, for who reads the word for the first time.
pub(super) fn meaning(verdict: &Verdict) -> &'static str {
    match verdict.status {
        Status::Livelock => "CPUs are busy, and nothing is achieved",
        Status::Contended => "busy with locks, still progressing",
        Status::Starved => "runnable work does not get CPU",
        Status::Busy if lags(verdict) => "busy, but what was declared is not done",
        Status::Busy if is_doubtful(verdict) => "busy; whether it progresses was not seen",
        Status::Busy => "busy, and progressing",
        Status::Healthy => "neither busy nor contended",
        Status::CannotTell => "too much was lost or could not be seen",
    }
}

/// The class of CSS that colours it; the words next to it say the same.
pub(super) fn tone(verdict: &Verdict) -> &'static str {
    match verdict.status {
        Status::Livelock => "bad",
        Status::Contended | Status::Starved | Status::CannotTell => "warn",
        Status::Busy if is_doubtful(verdict) || lags(verdict) => "warn",
        Status::Busy | Status::Healthy => "good",
    }
}

pub(super) const fn progress(state: ProgressState) -> &'static str {
    match state {
        ProgressState::Normal => "normal",
        ProgressState::Collapsed => "collapsed",
        ProgressState::Stalled => "stalled",
        ProgressState::Unknown => "unknown",
    }
}

pub(super) const fn source(source: EvidenceSource) -> &'static str {
    match source {
        EvidenceSource::ContentionTracepoints => "contention tracepoints",
        EvidenceSource::Sampler => "sampler",
        EvidenceSource::ProcStat => "CPU times",
        EvidenceSource::ProgressCounters => "progress counters",
        EvidenceSource::InFlight => "waits still open",
        EvidenceSource::Activity => "activity (probe level 1 or 2)",
        EvidenceSource::DeclaredProgress => "declared progress",
    }
}

/// A number with its unit.
pub(super) fn measured(value: f64, unit: &str) -> String {
    match unit {
        "" => amount(value),
        "ns" => nanoseconds(value),
        unit => format!("{} {}", amount(value), plain(unit)),
    }
}

/// A duration that is not a whole number; what is none is 0.
pub(super) fn nanoseconds(ns: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "saturates: not a number and negative durations become 0"
    )]
    duration(ns as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_hidden_in_a_name_and_nothing_turned_around() {
        assert_eq!(plain("kworker/0:1"), "kworker/0:1");
        assert_eq!(
            plain("a\u{202e}b\u{1b}[31m\n"),
            "a\\u{202e}b\\u{1b}[31m\\u{a}"
        );
        assert_eq!(plain("naïve 日本"), "naïve 日本");
        assert_eq!(plain(&"x".repeat(1000)).chars().count(), MAX_CHARS);
        assert_eq!(sentence("one\ntwo \u{200b}three"), "one two \\u{200b}three");
    }

    #[test]
    fn a_command_can_be_typed_again() {
        assert_eq!(quoted("a.llrec"), "a.llrec");
        assert_eq!(quoted("it's"), "'it'\\''s'");
        assert_eq!(quoted(""), "''");
        assert_eq!(quoted("$(reboot)"), "'$(reboot)'");
    }
}
