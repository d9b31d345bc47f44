//! `cargo xtask test`: everything that must hold before a change lands.

mod cargo_test;
mod needs;
mod score;
mod smoke;
mod swap;
mod task;

pub(crate) use task::{Args, run};
