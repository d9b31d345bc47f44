//! `cargo xtask test`: everything that must hold before a change lands.

mod cargo_test;
mod needs;
mod score;
mod smoke;
mod swap;
mod task;
mod transactions;

pub(crate) use task::{Args, run};
