//! The corpus: every scenario of the lab, diagnosed in guests, and the verdicts scored.
//!
//! In: arguments. Out: a table or JSON, and what got worse than a baseline. Refuses: to count what
//! was not measured as right or wrong.

mod args;
mod baseline;
mod catalogue;
mod expected;
mod log;
mod observation;
mod place;
mod plan;
mod report;
mod run;
mod score;
mod script;
mod table;

pub(crate) use args::{Args, run};
