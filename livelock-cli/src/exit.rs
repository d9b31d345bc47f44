//! Exit codes. Scripts depend on them (docs/output.md).
//!
//! In: a status, or how a session ended. Out: a code. Refuses: any code that is not listed.

use std::process::ExitCode;

use livelock_core::compare::Outcome;
use livelock_core::verdict::Status;

use crate::render::EndedBy;

/// All codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Healthy, or busy and progressing.
    Fine = 0,
    /// Error at run time.
    Failed = 1,
    /// Wrong arguments.
    Usage = 2,
    /// This host cannot be observed.
    NotObservable = 3,
    /// Lost data or blind spots forbid an answer.
    Inconclusive = 4,
    /// Contended or starved; of a comparison: worse.
    Contended = 10,
    /// Live lock.
    Livelock = 11,
    /// Ended by SIGINT, after a clean summary.
    Interrupted = 130,
    /// Ended by SIGTERM, after a clean summary.
    Terminated = 143,
}

impl Exit {
    /// Of a verdict.
    #[must_use]
    pub const fn of_status(status: Status) -> Self {
        match status {
            Status::Healthy | Status::Busy => Self::Fine,
            Status::Contended | Status::Starved => Self::Contended,
            Status::Livelock => Self::Livelock,
            Status::CannotTell => Self::Inconclusive,
        }
    }

    /// Of a comparison.
    #[must_use]
    pub const fn of_comparison(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Better | Outcome::Different | Outcome::NoDifference => Self::Fine,
            Outcome::Worse | Outcome::Mixed => Self::Contended,
            Outcome::CannotTell => Self::Inconclusive,
        }
    }

    /// Of a session: a signal outweighs the verdict, a closed pipe is success.
    #[must_use]
    pub const fn of_session(ended_by: EndedBy, status: Option<Status>) -> Self {
        match (ended_by, status) {
            (EndedBy::Interrupt, _) => Self::Interrupted,
            (EndedBy::Terminate, _) => Self::Terminated,
            (EndedBy::ClosedPipe, _) => Self::Fine,
            (EndedBy::Error, _) => Self::Failed,
            (EndedBy::Duration | EndedBy::Continued | EndedBy::Truncated, status) => match status {
                Some(status) => Self::of_status(status),
                None => Self::Inconclusive,
            },
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_those_of_the_documentation() {
        let of = |status| Exit::of_status(status) as u8;
        assert_eq!(of(Status::Healthy), 0);
        assert_eq!(of(Status::Busy), 0);
        assert_eq!(of(Status::CannotTell), 4);
        assert_eq!(of(Status::Contended), 10);
        assert_eq!(of(Status::Starved), 10);
        assert_eq!(of(Status::Livelock), 11);
        let ended = |by| Exit::of_session(by, Some(Status::Livelock)) as u8;
        assert_eq!(ended(EndedBy::Interrupt), 130);
        assert_eq!(ended(EndedBy::Terminate), 143);
        assert_eq!(ended(EndedBy::ClosedPipe), 0);
        assert_eq!(ended(EndedBy::Duration), 11);
        assert_eq!(Exit::of_session(EndedBy::Duration, None) as u8, 4);
        let compared = |outcome| Exit::of_comparison(outcome) as u8;
        assert_eq!(compared(Outcome::NoDifference), 0);
        assert_eq!(compared(Outcome::Better), 0);
        assert_eq!(compared(Outcome::Different), 0);
        assert_eq!(compared(Outcome::Worse), 10);
        assert_eq!(compared(Outcome::Mixed), 10);
        assert_eq!(compared(Outcome::CannotTell), 4);
    }
}
