//! Durations of the command line.
//!
//! In: `5`, `5s`, `0.5s`, `500ms`, `2m`. Out: a [`Duration`]. Refuses: zero, negative and
//! non-finite values, and units it does not know.

use std::time::Duration;

/// Shortest duration that is accepted: a millisecond. Less is over before all threads have started.
const MIN_SECS: f64 = 1e-3;

/// Longest duration that is accepted: a day. Longer is a typing mistake.
const MAX_SECS: f64 = 86_400.0;

/// Reads a duration; a number without a unit is seconds.
pub(crate) fn parse_duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split_at = text
        .find(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(split_at);
    let secs_per_unit = match unit {
        "" | "s" => 1.0,
        "ms" => 1e-3,
        "m" => 60.0,
        _ => {
            return Err(format!(
                "unknown unit '{unit}': write seconds, or use ms, s or m, as in 500ms, 5s, 2m"
            ));
        }
    };
    let count: f64 = number
        .trim()
        .parse()
        .map_err(|_| format!("'{number}' is not a number: write for example 5, 5s, 500ms or 2m"))?;
    let secs = count * secs_per_unit;
    if !(MIN_SECS..=MAX_SECS).contains(&secs) {
        return Err(format!(
            "'{text}' is out of range: from 1ms to {MAX_SECS} seconds"
        ));
    }
    Ok(Duration::from_secs_f64(secs))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_unit() {
        for (text, millis) in [
            ("5", 5_000),
            ("5s", 5_000),
            ("0.5", 500),
            ("1.5s", 1_500),
            ("500ms", 500),
            ("2m", 120_000),
            (" 7 ", 7_000),
        ] {
            assert_eq!(
                parse_duration(text),
                Ok(Duration::from_millis(millis)),
                "{text}"
            );
        }
    }

    #[test]
    fn refuses_what_is_not_a_duration() {
        for text in [
            "",
            "s",
            "0",
            "0ms",
            "-1",
            "5h",
            "5 parsecs",
            "inf",
            "nan",
            "1e9",
            "1s2",
            "90000",
        ] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_error_names_the_units() {
        assert!(parse_duration("5h").is_err_and(|message| message.contains("ms, s or m")));
    }
}
