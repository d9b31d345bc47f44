//! The scenarios, one file per part of the kernel or kind of program.
//!
//! In: nothing. Out: [`GROUPS`], the tables of all files. Refuses: to know what a scenario does.

mod files;
mod futex;
mod healthy;

use crate::catalog::Scenario;

/// All scenarios, in the order in which they are listed.
pub(crate) const GROUPS: &[&[Scenario]] = &[
    files::SCENARIOS,
    futex::SCENARIOS,
    healthy::SCENARIOS,
];
