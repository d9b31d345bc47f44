//! Loading every program for `doctor`, and letting go of it again.
//!
//! In: kernel offsets. Out: per program what the kernel said. Refuses: to leave anything attached.

use aya::programs::{BtfTracePoint, Program, ProgramError, RawTracePoint};
use aya::{Btf, Ebpf};

use livelock_core::host::{HostFacts, SamplerSource};
use livelock_core::probes::{Probe, ProbeGroup};

use super::CaptureError;
use super::config::{KernelOffsets, TaskFilter, WaitFilter};
use super::load::{check_abi, load_object, perf_event};
use super::releases::{family, possible_programs};
use super::sampler::{attach_sampler, load_sampler};
use super::tracepoints::{self, Absent};

/// What the kernel said to one program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramProbe {
    /// Name.
    pub program: &'static str,
    /// Hook.
    pub hook: &'static str,
    /// Instructions that the verifier walked (`None` where the kernel does not say), or its refusal.
    pub result: Result<Option<u32>, String>,
    /// Why it has nothing to attach to, although the kernel accepts it.
    pub absent: Option<String>,
}

impl ProgramProbe {
    /// Leaves out of `facts` the sources of releases of which this one was refused.
    pub fn correct(&self, facts: &mut HostFacts) {
        if self.result.is_err() {
            let (is_lockdep, is_contended) = family(self.program);
            facts.has_lockdep &= !is_lockdep;
            facts.has_contended_release &= !is_contended;
        }
    }
}

/// Programs of perf events, with their hooks.
const PERF_EVENTS: [(&str, &str); 4] = [
    ("sampler", "perf_event, one per CPU"),
    ("lock_call", "perf_event, breakpoints of probe level 2"),
    ("trylock_call", "perf_event, breakpoints of probe level 2"),
    ("unlock_call", "perf_event, breakpoints of probe level 2"),
];

/// Loads and unloads each program.
///
/// # Errors
/// If the object as a whole does not load.
pub fn probe_programs(
    offsets: &KernelOffsets,
    types: &[u8],
) -> Result<Vec<ProgramProbe>, CaptureError> {
    let (mut ebpf, btf, _) = load_object(offsets, types, TaskFilter::All, WaitFilter::default())?;
    let mut probes = Vec::new();
    let always = [
        ("contention_begin", "tp_btf lock:contention_begin"),
        ("contention_end", "tp_btf lock:contention_end"),
        (
            "sched_process_fork",
            "tp_btf sched:sched_process_fork, for --pid",
        ),
    ];
    for (program, hook) in always.into_iter().chain(possible_programs(offsets)) {
        let tracepoint: &mut BtfTracePoint = ebpf
            .program_mut(program)
            .and_then(|p| p.try_into().ok())
            .ok_or(CaptureError::MissingProgram(program))?;
        let result = tracepoint
            .load(program, &btf)
            .map_err(|e| chain(&e))
            .map(|()| {
                tracepoint
                    .info()
                    .ok()
                    .and_then(|info| info.verified_instruction_count())
            });
        probes.push(ProgramProbe {
            program,
            hook,
            result,
            absent: None,
        });
    }
    for (program, hook) in PERF_EVENTS {
        let loaded = perf_event(&mut ebpf, program)?;
        let result = loaded.load().map_err(|e| chain(&e)).map(|()| {
            loaded
                .info()
                .ok()
                .and_then(|info| info.verified_instruction_count())
        });
        probes.push(ProgramProbe {
            program,
            hook,
            result,
            absent: None,
        });
    }

    probes.extend(level1(&mut ebpf, &btf));

    let program = "announce";
    let result = check_abi(&mut ebpf).map_err(|e| chain(&e)).map(|()| {
        let announce: Option<&RawTracePoint> =
            ebpf.program(program).and_then(|p| p.try_into().ok());
        announce
            .and_then(|a| a.info().ok())
            .and_then(|info| info.verified_instruction_count())
    });
    probes.push(ProgramProbe {
        program,
        hook: "raw_tracepoint, test run",
        result,
        absent: None,
    });
    Ok(probes)
}

/// The programs that are attached to a suspicious host only.
fn level1(ebpf: &mut Ebpf, btf: &Btf) -> Vec<ProgramProbe> {
    Probe::ALL
        .iter()
        .filter_map(|&probe| {
            let program = ebpf.program_mut(probe.name())?;
            let loaded = load_level1(probe, program, btf);
            let absent = match &loaded {
                Ok((_, Err(absent))) if !matches!(absent, Absent::Unlisted(_)) => {
                    Some(absent.to_string())
                }
                _ => None,
            };
            // Whether there is something to count could not be seen.
            let result = match loaded {
                Ok((_, Err(unlisted @ Absent::Unlisted(_)))) => {
                    Err(format!("{unlisted}; mount tracefs, or allow its mount"))
                }
                loaded => loaded.map(|(verified, _)| verified).map_err(|e| chain(&e)),
            };
            Some(ProgramProbe {
                program: probe.name(),
                hook: hook(probe),
                result,
                absent,
            })
        })
        .collect()
}

/// Hook and group, as `doctor` shows them.
const fn hook(probe: Probe) -> &'static str {
    match probe.group() {
        ProbeGroup::Syscalls => "probe level 1, syscalls",
        ProbeGroup::Interrupts => "probe level 1, interrupts",
        ProbeGroup::Scheduler => "probe level 1, scheduler",
        ProbeGroup::Faults => "probe level 1, faults",
        ProbeGroup::Reclaim => "probe level 1, reclaim",
        ProbeGroup::Packets => "probe level 1, packets",
        ProbeGroup::CrossCalls => "probe level 1, cross_calls",
        ProbeGroup::Workqueue => "probe level 1, workqueue",
        ProbeGroup::Transactions => "probe level 1, transactions",
    }
}

/// Instructions verified, and whether there is anything to attach to.
fn load_level1(
    probe: Probe,
    program: &mut Program,
    btf: &Btf,
) -> Result<(Option<u32>, Result<(), Absent>), ProgramError> {
    let mut there = Ok(());
    let info = if probe.is_raw() {
        let program: &mut RawTracePoint = program.try_into()?;
        program.load()?;
        // Only attaching tells whether the kernel has a raw tracepoint.
        match tracepoints::of(probe) {
            Ok(names) => drop(tracepoints::attach_all(program, &names, || true)?),
            Err(absent) => there = Err(absent),
        }
        program.info()
    } else {
        let program: &mut BtfTracePoint = program.try_into()?;
        program.load(probe.name(), btf)?;
        program.info()
    };
    let verified = info.ok().and_then(|info| info.verified_instruction_count());
    Ok((verified, there))
}

/// What would drive the sampler: attaches it, asks and detaches it again.
///
/// # Errors
/// If neither a PMU nor the CPU clock can be had.
pub fn probe_sampler(types: &[u8]) -> Result<SamplerSource, CaptureError> {
    let (mut ebpf, _, _) = load_object(
        &KernelOffsets::default(),
        types,
        TaskFilter::All,
        WaitFilter::default(),
    )?;
    load_sampler(&mut ebpf)?;
    let (source, _links) = attach_sampler(&mut ebpf, 1)?;
    Ok(source)
}

/// An error with its causes, in one line per cause.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        cause = inner.source();
    }
    text
}
