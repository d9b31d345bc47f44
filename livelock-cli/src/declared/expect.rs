//! Expectations as people type them.
//!
//! In: `rate>=100`, `rate/cpu>=5`, `zero>5s`. Out: an [`Expectation`]. Refuses: rates that every counter reaches,
//! and durations of nothing.

use livelock_core::declared::Expectation;

use crate::args::{SpanError, parse_span};

/// Why an expectation was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ExpectError {
    /// None of the forms.
    #[error("type 'rate>=100' (a second), 'rate/cpu>=100' (a busy CPU-second) or 'zero>5s'")]
    Form,
    /// Not a number above 0.
    #[error("`{number}` is not a number above 0")]
    Number {
        /// What was typed.
        number: String,
    },
    /// Not a duration.
    #[error("`{span}` is not a duration: {source}")]
    Span {
        /// What was typed.
        span: String,
        /// Why.
        source: SpanError,
    },
    /// A duration of nothing.
    #[error("a source may stand still for more than nothing: type 'zero>5s'")]
    NoTime,
}

/// Parses an expectation.
///
/// # Errors
///
/// If it is none, or one that says nothing.
pub fn parse_expectation(text: &str) -> Result<Expectation, ExpectError> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if let Some(number) = text.strip_prefix("rate/cpu>=") {
        let min_per_busy_sec = above_zero(number)?;
        return Ok(Expectation::RatePerCpu { min_per_busy_sec });
    }
    if let Some(number) = text.strip_prefix("rate>=") {
        let min_per_sec = above_zero(number)?;
        return Ok(Expectation::Rate { min_per_sec });
    }
    let Some(span) = text.strip_prefix("zero>") else {
        return Err(ExpectError::Form);
    };
    let limit = parse_span(span).map_err(|source| ExpectError::Span {
        span: span.to_owned(),
        source,
    })?;
    if limit.is_zero() {
        return Err(ExpectError::NoTime);
    }
    let limit_ns = u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX);
    Ok(Expectation::Zero { limit_ns })
}

fn above_zero(number: &str) -> Result<f64, ExpectError> {
    let value = number.parse::<f64>().ok();
    value
        .filter(|value| value.is_finite() && *value > 0.0)
        .ok_or_else(|| ExpectError::Number {
            number: number.to_owned(),
        })
}
