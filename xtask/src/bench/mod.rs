//! What the tool costs on the slow path of a contended lock, and what its user side costs.

mod args;
pub(crate) mod build;
mod cost;
mod figure;
mod floor;
mod host;
mod peer;
mod process;
mod programs;
mod report;
mod round;
mod stack_time;
mod storm;
mod table;
mod tool;

pub(crate) use args::{Command, dispatch};
