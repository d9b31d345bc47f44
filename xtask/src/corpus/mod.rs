//! The corpus: every scenario of the lab and every mode of the ground-truth module, diagnosed in guests, and the verdicts
//! scored.
//!
//! In: arguments. Out: a table or JSON, and what got worse than a baseline. Refuses: to count what
//! was not measured as right or wrong.

mod archive;
mod args;
mod baseline;
mod catalogue;
mod class;
mod expected;
mod host_load;
mod log;
mod modes;
mod observation;
mod oracle;
mod outfit;
mod place;
mod plan;
mod replayed;
mod report;
mod run;
mod runs_table;
mod score;
mod script;
mod table;
mod truth;

pub(crate) use args::{Args, run};
