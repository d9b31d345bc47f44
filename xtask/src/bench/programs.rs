//! Programs that a process has loaded, and what the kernel says they cost.
//!
//! In: a process id, or a loaded object. Out: its programs on the contention tracepoints, runs and time in them. Refuses:
//! programs of other processes, whatever their names.

use std::collections::BTreeSet;
use std::fs;
use std::ops::Sub;

use anyhow::Context as _;
use aya::Ebpf;
use aya::programs::{BtfTracePoint, ProgramInfo, loaded_programs};

/// What a program is called in the kernel: 15 characters of its name.
const BEGIN: &str = "contention_begi";
const END: &str = "contention_end";

/// Something of `contention_begin` and the same of `contention_end`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pair<T> {
    pub(crate) begin: T,
    pub(crate) end: T,
}

/// `run_cnt` and `run_time_ns` of a program: counted while BPF statistics are on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RunStats {
    pub(crate) nr_runs: u64,
    pub(crate) run_time_ns: u64,
}

impl RunStats {
    /// Those of one program.
    pub(crate) fn of(info: &ProgramInfo) -> Self {
        Self {
            nr_runs: info.run_count(),
            run_time_ns: u64::try_from(info.run_time().as_nanos()).unwrap_or(u64::MAX),
        }
    }

    /// Mean time of a run, the kernel's own accounting (about 50 ns in a guest) included.
    pub(crate) fn mean_ns(self) -> f64 {
        self.run_time_ns as f64 / self.nr_runs as f64
    }
}

impl Sub for RunStats {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            nr_runs: self.nr_runs.saturating_sub(before.nr_runs),
            run_time_ns: self.run_time_ns.saturating_sub(before.run_time_ns),
        }
    }
}

impl Sub for Pair<RunStats> {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            begin: self.begin - before.begin,
            end: self.end - before.end,
        }
    }
}

/// A program of `ebpf` on a tracepoint.
pub(super) fn program_mut<'ebpf>(
    ebpf: &'ebpf mut Ebpf,
    program: &str,
) -> anyhow::Result<&'ebpf mut BtfTracePoint> {
    Ok(ebpf
        .program_mut(program)
        .with_context(|| format!("the object has no {program}"))?
        .try_into()?)
}

/// What a program of `ebpf` has cost.
pub(super) fn of_program(ebpf: &Ebpf, program: &str) -> anyhow::Result<RunStats> {
    let info = ebpf
        .program(program)
        .with_context(|| format!("the object has no {program}"))?
        .info()
        .with_context(|| format!("failed to ask the kernel about {program}"))?;
    Ok(RunStats::of(&info))
}

/// The contention programs of process `pid`; `None` while it has not loaded both.
pub(crate) fn contention_programs(pid: u32) -> Option<Pair<ProgramInfo>> {
    let ids = program_ids(pid);
    if ids.is_empty() {
        return None;
    }
    let mut begin = None;
    let mut end = None;
    // Programs of others may go away while the list is read: that is no error of ours.
    for info in loaded_programs().flatten() {
        if !ids.contains(&info.id()) {
            continue;
        }
        match info.name_as_str() {
            Some(BEGIN) => begin = Some(info),
            Some(END) => end = Some(info),
            _ => {}
        }
    }
    begin.zip(end).map(|(begin, end)| Pair { begin, end })
}

/// What the contention programs of `pid` have cost.
pub(crate) fn contention_stats(pid: u32) -> Option<Pair<RunStats>> {
    contention_programs(pid).map(|programs| Pair {
        begin: RunStats::of(&programs.begin),
        end: RunStats::of(&programs.end),
    })
}

/// Whether both programs of `pid` have run: in a storm, some microseconds after they were attached.
pub(crate) fn has_run(pid: u32) -> bool {
    contention_stats(pid).is_some_and(|stats| stats.begin.nr_runs > 0 && stats.end.nr_runs > 0)
}

/// Ids of the programs that `pid` holds descriptors of. Empty if it is gone.
fn program_ids(pid: u32) -> BTreeSet<u32> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fdinfo")) else {
        return BTreeSet::new();
    };
    descriptors
        .flatten()
        .filter_map(|entry| fs::read_to_string(entry.path()).ok())
        .filter_map(|info| program_id(&info))
        .collect()
}

/// The program that a descriptor's `fdinfo` names, be it the program's or a link's.
fn program_id(fdinfo: &str) -> Option<u32> {
    fdinfo
        .lines()
        .find_map(|line| line.strip_prefix("prog_id:"))
        .and_then(|id| id.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_and_links_name_their_program() {
        let link = "pos:\t0\nlink_type:\traw_tracepoint\nlink_id:\t141\nprog_id:\t264\n";
        assert_eq!(program_id(link), Some(264));
        assert_eq!(program_id("pos:\t0\nmap_id:\t297\n"), None);
    }

    #[test]
    fn stats_are_differences() {
        let stats = |nr_runs, run_time_ns| RunStats {
            nr_runs,
            run_time_ns,
        };
        assert_eq!(stats(30, 5_000) - stats(10, 3_000), stats(20, 2_000));
        assert_eq!(stats(20, 2_000).mean_ns(), 100.0);
    }
}
