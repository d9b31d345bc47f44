//! What the user expects of a source.
//!
//! In: numbers that were checked where they were typed. Out: the expectation, and its text as it would be typed.
//! Refuses: parsing.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a source must reach to keep pace.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expectation {
    /// `rate>=X`: so many a second.
    Rate {
        /// X, above 0.
        min_per_sec: f64,
    },
    /// `rate/cpu>=Y`: so many a second of busy CPU time.
    RatePerCpu {
        /// Y, above 0.
        min_per_busy_sec: f64,
    },
    /// `zero>T`: some progress at least every T.
    Zero {
        /// T, above 0.
        limit_ns: u64,
    },
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rate { min_per_sec } => write!(f, "rate>={min_per_sec}"),
            Self::RatePerCpu { min_per_busy_sec } => write!(f, "rate/cpu>={min_per_busy_sec}"),
            Self::Zero { limit_ns } if limit_ns.is_multiple_of(1_000_000_000) => {
                write!(f, "zero>{}s", limit_ns / 1_000_000_000)
            }
            Self::Zero { limit_ns } => write!(f, "zero>{}ms", limit_ns / 1_000_000),
        }
    }
}
