//! What the tool costs on the slow path of a contended lock, and what its user side and its screen cost.

mod args;
pub(crate) mod build;
mod cost;
mod figure;
mod floor;
mod host;
mod peer;
mod process;
mod programs;
mod release_programs;
mod releases;
mod report;
mod round;
mod screen;
mod stack_time;
mod storm;
mod table;
mod tool;

pub(crate) use args::{Command, dispatch};
