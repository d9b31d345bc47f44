//! Sources of lock names that this kernel lacks.
//!
//! In: the kernel's BTF and symbols. Out: what is missing, and why, a phrase each. Refuses: to count what needs no source
//! of its own; who waits for a lock is always known.

use super::nodes::addresses;
use super::{KernelSymbols, NodesError, objects};
use crate::btf::{Btf, PER_CPU_SECTION};

/// Structures that the waiting task leads to, each with the members on the way.
const STRUCTURES: &[(&str, &[(&str, &str)])] = &[
    ("files_struct", &[("task_struct", "files")]),
    ("mm_struct", &[("task_struct", "mm")]),
    ("sighand_struct", &[("task_struct", "sighand")]),
    ("signal_struct", &[("task_struct", "signal")]),
    ("fs_struct", &[("task_struct", "fs")]),
    (
        "tty_struct",
        &[("task_struct", "signal"), ("signal_struct", "tty")],
    ),
    (
        "io_ring_ctx",
        &[("task_struct", "io_uring"), ("io_uring_task", "last")],
    ),
    (
        "ipc_namespace",
        &[("task_struct", "nsproxy"), ("nsproxy", "ipc_ns")],
    ),
    ("net", &[("task_struct", "nsproxy"), ("nsproxy", "net_ns")]),
];

/// The way from a task to the run queue of its CPU.
const RUNQUEUE: &[(&str, &str)] = &[
    ("task_struct", "se.cfs_rq"),
    ("cfs_rq", "rq"),
    ("rq", "cpu"),
];

/// What is missing, e.g. `memory nodes (no symbol of data)`.
#[must_use]
pub fn missing_sources(btf: Option<&Btf>, symbols: Option<&KernelSymbols>) -> Vec<String> {
    let Some(btf) = btf else {
        return vec!["everything but functions (no BTF)".to_owned()];
    };
    let mut missing = Vec::new();
    for (structure, way) in STRUCTURES {
        if !btf.has_struct(structure) {
            missing.push(format!("{structure} (not in BTF)"));
        } else if let Some(member) = gap(btf, way) {
            missing.push(format!("{structure} (BTF has no {member})"));
        }
    }
    if btf.variables(PER_CPU_SECTION).is_none() {
        missing.push("per-CPU variables (BTF does not describe them)".to_owned());
    } else if let Some(member) = gap(btf, RUNQUEUE) {
        missing.push(format!("per-CPU variables (BTF has no {member})"));
    }
    if let Err(error) = addresses(symbols) {
        let why = match error {
            NodesError::NoSymbol => "the kernel shows no symbols of data",
            NodesError::NoMemory => "/proc/kcore cannot be read",
            NodesError::NoType => "not in BTF",
        };
        missing.push(format!("memory nodes and zones ({why})"));
    }
    if !objects::is_readable() {
        missing.push(
            "owners of the locks of files, file systems, sockets and eventfds (/proc/kcore cannot be read)"
                .to_owned(),
        );
    }
    missing
}

/// The first member on `way` that this kernel lacks.
fn gap(btf: &Btf, way: &[(&str, &str)]) -> Option<String> {
    way.iter()
        .find(|(structure, member)| btf.member_offset(structure, member).is_none())
        .map(|(structure, member)| format!("{structure}.{member}"))
}
