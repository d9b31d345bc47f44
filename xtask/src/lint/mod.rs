//! `cargo xtask lint`: formatting, clippy on both targets, and the house's own rules.

mod clippy;
mod house;
mod task;

pub(crate) use task::{check, run};
