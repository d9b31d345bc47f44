//! Names of the live host: functions, data, structure members, cgroups.
//!
//! In: addresses and ids. Out: what the running kernel calls them. Refuses: user-space symbols, DWARF,
//! and any cache without a bound.

mod cgroup;
mod data_symbols;
mod error;
mod files;
mod functions;
mod handle;
mod kallsyms;
mod live;
mod mountinfo;
mod nodes;
mod objects;
mod per_cpu;
mod sockets;
mod sources;
#[cfg(test)]
mod tests;

pub use cgroup::CgroupPaths;
pub use error::SymbolsError;
pub use functions::Function;
pub use kallsyms::KernelSymbols;
pub use live::LiveNames;
pub use mountinfo::cgroup2_mount;
pub use nodes::{Nodes, NodesError};
pub use per_cpu::PerCpuVariables;
pub use sources::missing_sources;
