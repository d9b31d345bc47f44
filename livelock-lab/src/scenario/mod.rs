//! The scenarios, one file per part of the kernel or kind of program.
//!
//! In: nothing. Out: [`GROUPS`], the tables of all files. Refuses: to know what a scenario does.

mod cgroups;
mod clocks;
mod connections;
mod console;
mod events;
mod faults;
mod file_locks;
mod files;
mod futex;
mod healthy;
mod inodes;
mod ipc;
mod memory;
mod netfilter;
mod network;
mod paths;
mod polling;
mod realtime;
mod services;
mod tasks;
mod tracing;
mod uring;
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
    cgroups::SCENARIOS,
    network::SCENARIOS,
    connections::SCENARIOS,
    clocks::SCENARIOS,
    realtime::SCENARIOS,
    tracing::SCENARIOS,
    console::SCENARIOS,
    user_locks::SCENARIOS,
    polling::SCENARIOS,
    services::SCENARIOS,
    healthy::SCENARIOS,
];
