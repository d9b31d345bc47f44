//! Two sessions, compared.
//!
//! In: a verdict of each, and of recordings and live sessions what their windows measured. Out: a [`Comparison`].
//! Refuses: to call noise a difference; what changes from window to window within one session says nothing about two.

mod caveats;
mod measures;
mod names;
mod outcome;
mod ranks;
mod report;
mod series;
#[cfg(test)]
mod tests;

pub use outcome::compare;
pub use report::{
    Appeared, Caveat, CaveatId, Change, Comparison, Direction, Measure, NameChanges, Outcome,
    SCHEMA, Session, SessionKind, Spread,
};
pub use series::{Series, Side};
