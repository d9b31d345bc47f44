//! Durations as people type them.
//!
//! In: `500ms`, `5s`, `2m`, `1h`. Out: a `Duration`. Refuses: a number without a unit, which half of all people
//! would mean in milliseconds.

use std::time::Duration;

/// Why a duration was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// No unit.
    #[error("it has no unit: type {number}s or {number}ms")]
    NoUnit {
        /// What was typed.
        number: String,
    },
    /// In other words.
    #[error("type {meant}")]
    Meant {
        /// The same as it would be typed.
        meant: String,
    },
    /// Not a whole number and a unit.
    #[error("type a whole number and a unit: 500ms, 5s, 2m or 1h")]
    Malformed,
    /// Beyond what a counter of nanoseconds holds.
    #[error("it is too long")]
    TooLong,
}

/// Parses a duration.
///
/// # Errors
///
/// If it is not a whole number followed by `ms`, `s`, `m` or `h`.
pub fn parse_span(text: &str) -> Result<Duration, SpanError> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err(SpanError::Malformed);
    }
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 60 * 60 * 1000,
        "" => {
            return Err(SpanError::NoUnit {
                number: number.to_owned(),
            });
        }
        _ => return Err(meant(number, unit)),
    };
    let span_ms = number
        .parse::<u64>()
        .ok()
        .and_then(|n| n.checked_mul(unit_ms));
    // Everything that is measured fits nanoseconds in 64 bits.
    span_ms
        .filter(|span_ms| span_ms.checked_mul(1_000_000).is_some())
        .map(Duration::from_millis)
        .ok_or(SpanError::TooLong)
}

/// Other words for units, in milliseconds.
const OTHER_UNITS: [(&[&str], u64); 5] = [
    (&["msec", "msecs", "millis", "milliseconds"], 1),
    (&["sec", "secs", "second", "seconds"], 1000),
    (&["min", "mins", "minute", "minutes"], 60 * 1000),
    (&["hr", "hrs", "hour", "hours"], 60 * 60 * 1000),
    (&["d", "day", "days"], 24 * 60 * 60 * 1000),
];

/// What `5sec` or `1.5s` was to be.
fn meant(number: &str, rest: &str) -> SpanError {
    let rest = rest.trim_start();
    let other = OTHER_UNITS.iter().find(|(words, _)| words.contains(&rest));
    let span_ms = match (other, number.parse::<u64>()) {
        (Some((_, unit_ms)), Ok(number)) => number.checked_mul(*unit_ms),
        (None, Ok(number)) => rest
            .strip_suffix('s')
            .and_then(|rest| rest.strip_prefix('.'))
            .filter(|tenth| tenth.len() == 1)
            .and_then(|tenth| tenth.parse::<u64>().ok())
            .and_then(|tenth| number.checked_mul(1000)?.checked_add(tenth * 100)),
        _ => None,
    };
    match span_ms.filter(|&span_ms| span_ms > 0) {
        Some(span_ms) => SpanError::Meant {
            meant: span_text(Duration::from_millis(span_ms)),
        },
        None => SpanError::Malformed,
    }
}

/// As it would be typed.
#[must_use]
pub fn span_text(span: Duration) -> String {
    let span_ms = span.as_millis();
    match span_ms {
        0 => "0s".to_owned(),
        _ if span_ms.is_multiple_of(3_600_000) => format!("{}h", span_ms / 3_600_000),
        _ if span_ms.is_multiple_of(60_000) => format!("{}m", span_ms / 60_000),
        _ if span_ms.is_multiple_of(1000) => format!("{}s", span_ms / 1000),
        _ => format!("{span_ms}ms"),
    }
}
