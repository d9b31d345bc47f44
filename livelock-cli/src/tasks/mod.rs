//! Scopes of tasks: a control group, or a process with its descendants.
//!
//! In: what was typed, cgroup v2 files, `/proc`. Out: which tasks the kernel programs count, and what these tasks
//! did. Refuses: a scope that does not exist, before anything is attached; counters of the host.

mod cgroup;
mod error;
mod files;
mod process;
mod processes;
mod reader;
#[cfg(test)]
mod tests;
mod threads;
mod tree;

pub use cgroup::Cgroup;
pub use error::ScopeError;
pub use files::{
    CpuStat, MemoryStat, parse_cpu_max, parse_cpu_stat, parse_io_stat, parse_memory_stat,
    path_below,
};
pub use process::{ProcessStat, SchedStat, parse_process_stat, parse_schedstat};
pub use reader::{Found, TaskReader, find};
pub(crate) use tree::has_other_ids;
