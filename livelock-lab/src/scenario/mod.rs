//! The scenarios, one file per part of the kernel or kind of program.
//!
//! In: nothing. Out: [`GROUPS`], the tables of all files. Refuses: to know what a scenario does.

mod events;
mod faults;
mod file_locks;
mod files;
mod futex;
mod healthy;
mod inodes;
mod ipc;
mod memory;
mod paths;
mod tasks;
mod user_locks;

use crate::catalog::Scenario;

/// All scenarios, in the order in which they are listed.
pub(crate) const GROUPS: &[&[Scenario]] = &[
    files::SCENARIOS,
    futex::SCENARIOS,
    file_locks::SCENARIOS,
    paths::SCENARIOS,
    inodes::SCENARIOS,
    tasks::SCENARIOS,
    memory::SCENARIOS,
    events::SCENARIOS,
    ipc::SCENARIOS,
    faults::SCENARIOS,
    user_locks::SCENARIOS,
    healthy::SCENARIOS,
];
