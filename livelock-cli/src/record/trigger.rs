//! What a flight recorder waits for.
//!
//! In: `status>=contended`, `status=starved`. Out: whether a status is one of those. Refuses: other words, with what
//! to type instead.

use livelock_core::verdict::Status;

/// A rule over the status of the recent windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// This one, or a worse one.
    AtLeast(Status),
    /// This one.
    Exactly(Status),
}

impl Trigger {
    /// Whether `status` is what it waits for.
    #[must_use]
    pub fn is_hit_by(self, status: Status) -> bool {
        match self {
            Self::AtLeast(least) => status.severity() >= least.severity(),
            Self::Exactly(wanted) => status == wanted,
        }
    }
}

/// Why a rule was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TriggerError {
    /// Not a rule.
    #[error(
        "type status>=contended, status>=starved or status>=livelock, or status=STATUS for one alone"
    )]
    Malformed,
    /// Not a status that can be waited for.
    #[error("there is no status '{word}' to wait for: type contended, starved or livelock")]
    NoStatus {
        /// What was typed.
        word: String,
    },
}

/// Parses a rule.
///
/// # Errors
///
/// If it is none.
pub fn parse_trigger(text: &str) -> Result<Trigger, TriggerError> {
    let rule = text
        .trim()
        .strip_prefix("status")
        .ok_or(TriggerError::Malformed)?;
    let rule = rule.trim_start();
    let (make, word): (fn(Status) -> Trigger, &str) = match rule.strip_prefix(">=") {
        Some(word) => (Trigger::AtLeast, word),
        None => {
            let word = rule.strip_prefix('=').ok_or(TriggerError::Malformed)?;
            (Trigger::Exactly, word)
        }
    };
    let word = word.trim();
    let status = match word {
        "contended" => Status::Contended,
        "starved" => Status::Starved,
        "livelock" => Status::Livelock,
        "" => return Err(TriggerError::Malformed),
        _ => {
            return Err(TriggerError::NoStatus {
                word: word.to_owned(),
            });
        }
    };
    Ok(make(status))
}
