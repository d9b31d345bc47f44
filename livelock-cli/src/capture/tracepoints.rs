//! Where a program of probe level 1 attaches.
//!
//! In: a program, and the events that the kernel lists at this moment. Out: names of its tracepoints. Refuses: to take a
//! file system that is not loaded for an error of the kernel; that is a reason.

use std::io;

use aya::programs::raw_trace_point::RawTracePointLink;
use aya::programs::{ProgramError, RawTracePoint};
use livelock_core::probes::Probe;
use thiserror::Error;

use crate::declared::events_of;

/// The one file system that traces restarts of its transactions; `TRACE_SYSTEM` of fs/bcachefs/trace.h.
const FILE_SYSTEM: &str = "bcachefs";

/// Why a program has nothing to attach to.
#[derive(Debug, Error)]
pub(super) enum Absent {
    /// Its module is not there.
    #[error("{FILE_SYSTEM} is not loaded")]
    NotLoaded,
    /// It is, and does not trace this.
    #[error("{FILE_SYSTEM} is loaded and has no tracepoint {0}")]
    Untraced(&'static str),
    /// The kernel does not list its events.
    #[error("the kernel's tracepoints cannot be listed: {0}")]
    Unlisted(#[source] io::Error),
}

/// Why a program is not attached.
#[derive(Debug, Error)]
pub(super) enum Unattached {
    /// Nothing is there to attach to.
    #[error(transparent)]
    Absent(#[from] Absent),
    /// The kernel refused it.
    #[error(transparent)]
    Refused(#[from] ProgramError),
}

/// The tracepoints of `probe`, one at least.
pub(super) fn of(probe: Probe) -> Result<Vec<String>, Absent> {
    if !probe.is_of_module() {
        return Ok(vec![probe.name().to_owned()]);
    }
    let events = events_of(FILE_SYSTEM).map_err(Absent::Unlisted)?;
    chosen(probe, events)
}

/// Those of `events` that `probe` attaches to.
fn chosen(probe: Probe, events: Vec<String>) -> Result<Vec<String>, Absent> {
    if events.is_empty() {
        return Err(Absent::NotLoaded);
    }
    let (name, is_first_part) = match probe {
        Probe::TransRestart => ("trans_restart_", true),
        _ => (probe.name(), false),
    };
    let is_of_it = |event: &String| {
        if is_first_part {
            event.starts_with(name)
        } else {
            event == name
        }
    };
    let mut names: Vec<String> = events.into_iter().filter(is_of_it).collect();
    names.sort_unstable();
    if names.is_empty() {
        return Err(Absent::Untraced(name));
    }
    Ok(names)
}

/// Attaches `program`, which is loaded, to each of `names`, for as long as `goes_on`. The kernel keeps the module loaded meanwhile.
pub(super) fn attach_all(
    program: &mut RawTracePoint,
    names: &[String],
    goes_on: impl Fn() -> bool,
) -> Result<Vec<RawTracePointLink>, ProgramError> {
    let mut links = Vec::with_capacity(names.len());
    for name in names.iter().take_while(|_| goes_on()) {
        let id = program.attach(name)?;
        links.push(program.take_link(id)?);
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use aya::TestRun as _;
    use aya::programs::RawTracePointRunOptions;
    use livelock_common::CpuActivity;

    use super::super::TRACEPOINT_TYPES;
    use super::super::config::{KernelOffsets, TaskFilter, WaitFilter};
    use super::super::load::{load_object, map};
    use super::super::mapping::copy;
    use super::*;

    #[test]
    fn both_programs_count_what_they_are_run_for() {
        let Ok(btf) = crate::btf::read_running() else {
            eprintln!("skipped: this kernel has no BTF");
            return;
        };
        let types = btf.skeleton(&TRACEPOINT_TYPES);
        let offsets = KernelOffsets::default();
        let loaded = load_object(&offsets, &types, TaskFilter::All, WaitFilter::default());
        let Ok((mut ebpf, _, nr_cpus)) = loaded else {
            eprintln!("skipped: nothing can be loaded here");
            return;
        };
        // Nothing is attached: the kernel runs them on this test's behalf.
        for (probe, nr_runs) in [(Probe::TransRestart, 3), (Probe::TransactionCommit, 2)] {
            let program: &mut RawTracePoint = ebpf
                .program_mut(probe.name())
                .and_then(|program| program.try_into().ok())
                .expect("a program of the object");
            program.load().expect("verified");
            for _ in 0..nr_runs {
                program
                    .test_run(RawTracePointRunOptions::new())
                    .expect("run");
            }
        }
        let nr_cpus = nr_cpus as usize;
        let activity = map::<CpuActivity>(&mut ebpf, "ACTIVITY", nr_cpus).expect("the map");
        let mut counted = (0, 0);
        for cpu in 0..nr_cpus {
            let at = activity.get(cpu).expect("a CPU");
            // SAFETY: an element of the mapping, which nobody writes any more.
            let of_cpu = unsafe { copy(at) };
            counted.0 += of_cpu.nr_trans_restarts;
            counted.1 += of_cpu.nr_trans_commits;
        }
        assert_eq!(counted, (3, 2));
    }

    fn events(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn restarts_have_many_tracepoints_and_commits_one() {
        let all = || {
            events(&[
                "transaction_commit",
                "trans_restart_upgrade",
                "trans_restart_split_race",
                "trans_traverse_all",
                "trans_blocked_journal_reclaim",
            ])
        };
        let restarts = chosen(Probe::TransRestart, all()).expect("traced");
        assert_eq!(
            restarts,
            ["trans_restart_split_race", "trans_restart_upgrade"]
        );
        let commits = chosen(Probe::TransactionCommit, all()).expect("traced");
        assert_eq!(commits, ["transaction_commit"]);
        assert_eq!(of(Probe::SysExit).expect("no module's"), ["sys_exit"]);
    }

    #[test]
    fn a_file_system_that_is_not_there_is_a_reason() {
        let why = |probe, names: &[&str]| {
            let absent = chosen(probe, events(names)).expect_err("absent");
            absent.to_string()
        };
        let not_loaded = why(Probe::TransRestart, &[]);
        assert_eq!(not_loaded, "bcachefs is not loaded");
        assert_eq!(
            why(Probe::TransactionCommit, &["trans_restart_upgrade"]),
            "bcachefs is loaded and has no tracepoint transaction_commit"
        );
        assert_eq!(
            why(Probe::TransRestart, &["transaction_commit"]),
            "bcachefs is loaded and has no tracepoint trans_restart_"
        );
    }
}
