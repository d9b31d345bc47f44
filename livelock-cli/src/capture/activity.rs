//! Probe level 1: groups of programs, attached to a suspicious host, detached from a quiet one.
//!
//! In: the loaded object, and the groups wanted. Out: what each CPU counted. Refuses: failing the whole for a
//! tracepoint that this kernel lacks; what it would have shown is then absent.

use std::collections::BTreeSet;
use std::thread;

use aya::maps::MapData;
use aya::programs::raw_trace_point::RawTracePointLink;
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, ProgramError, RawTracePoint};
use aya::{Btf, Ebpf};
use livelock_common::{CpuActivity, OpenPair, RunnableSlot};
use livelock_core::probes::{GroupSet, Probe, ProbeGroup, ProbeSet};

use super::config::TaskFilter;
use super::mapping::{MappedArray, copy};
use crate::raw::RawRecord;

/// What keeps a program attached.
enum Link {
    Btf { _link: BtfTracePointLink },
    Raw { _link: RawTracePointLink },
}

/// The programs of level 1 and their maps.
pub(super) struct Level1 {
    activity: MappedArray<CpuActivity>,
    runnable: MappedArray<RunnableSlot>,
    /// Programs are loaded when first needed, and name their maps by these descriptors.
    _maps: [MapData; 3],
    tasks: TaskFilter,
    /// In the order of [`Probe::ALL`] within a group.
    links: Vec<(Probe, Link)>,
    loaded: BTreeSet<Probe>,
    /// This kernel has no such tracepoint, or refused the program.
    absent: BTreeSet<Probe>,
    /// As wanted last; a group all of whose programs are absent is in it.
    groups: GroupSet,
}

impl Level1 {
    pub(super) fn new(
        activity: MappedArray<CpuActivity>,
        runnable: MappedArray<RunnableSlot>,
        maps: [MapData; 3],
        tasks: TaskFilter,
    ) -> Self {
        Self {
            activity,
            runnable,
            _maps: maps,
            tasks,
            links: Vec::new(),
            loaded: BTreeSet::new(),
            absent: BTreeSet::new(),
            groups: GroupSet::EMPTY,
        }
    }

    pub(super) fn groups(&self) -> GroupSet {
        self.groups
    }

    /// The programs that are attached.
    fn probes(&self) -> ProbeSet {
        let probes = self.links.iter();
        probes.fold(ProbeSet::default(), |set, (probe, _)| set.with(*probe))
    }

    /// Attaches what this kernel has of `wanted`, and detaches the rest. Programs are loaded the first time: most
    /// hosts never need them.
    pub(super) fn set(&mut self, wanted: GroupSet, ebpf: &mut Ebpf, btf: &Btf) {
        let before = self.groups;
        for group in before.iter().filter(|&group| !wanted.has(group)) {
            self.detach(group);
        }
        if self.links.is_empty() {
            self.clear();
        }
        for group in wanted.iter().filter(|&group| !before.has(group)) {
            // What belongs to no task is of no scope of tasks.
            if self.tasks == TaskFilter::All || group.is_of_tasks() {
                self.attach(group, ebpf, btf);
            }
        }
        self.groups = wanted;
    }

    fn attach(&mut self, group: ProbeGroup, ebpf: &mut Ebpf, btf: &Btf) {
        self.clear_begun(group);
        let of_group = Probe::ALL.iter().filter(|probe| probe.group() == group);
        for &probe in of_group {
            if self.absent.contains(&probe) {
                continue;
            }
            let is_loaded = self.loaded.contains(&probe);
            match attach(probe, is_loaded, ebpf, btf) {
                Ok(link) => {
                    self.loaded.insert(probe);
                    self.links.push((probe, link));
                }
                Err(error) => {
                    log::info!("no {} at level 1: {error}", probe.name());
                    self.absent.insert(probe);
                }
            }
        }
    }

    fn detach(&mut self, group: ProbeGroup) {
        // In the order of attaching reversed: begins before ends.
        while let Some(at) = self.links.iter().rposition(|(p, _)| p.group() == group) {
            drop(self.links.remove(at));
        }
    }

    /// Detaches everything and reads no counter again. On a host whose CPUs answer late each link takes a while, and the report
    /// needs none of it: nobody waits.
    pub(super) fn leave(&mut self) {
        self.groups = GroupSet::EMPTY;
        let mut links = std::mem::take(&mut self.links);
        let detach = move || while links.pop().is_some() {};
        // Without the thread they go when its closure does, here.
        if let Err(error) = thread::Builder::new()
            .name("detach".to_owned())
            .spawn(detach)
        {
            log::info!("cannot detach on a thread of its own: {error}");
        }
    }

    /// What was counted since the first attach, and who waits to run.
    pub(super) fn snapshot(&self, sink: &mut Vec<RawRecord>) {
        let probes = self.probes();
        if probes.is_empty() {
            return;
        }
        for cpu in 0..self.activity.len() {
            let Some(at) = self.activity.get(cpu) else {
                continue;
            };
            // SAFETY: an element of the mapping; plain integers, each with one writer.
            let activity = unsafe { copy(at) };
            sink.push(RawRecord::Activity {
                cpu: u32::try_from(cpu).unwrap_or(u32::MAX),
                probes,
                activity: Box::new(activity),
            });
        }
        if !self.groups.has(ProbeGroup::Scheduler) {
            return;
        }
        for i in 0..self.runnable.len() {
            let Some(at) = self.runnable.get(i) else {
                continue;
            };
            // SAFETY: as above.
            let slot = unsafe { copy(at) };
            if slot.since_ns != 0 {
                sink.push(RawRecord::Runnable(slot));
            }
        }
    }

    /// Counters start at 0. Nothing is attached now.
    fn clear(&self) {
        for cpu in 0..self.activity.len() {
            if let Some(at) = self.activity.get(cpu) {
                // SAFETY: an element of the mapping; all bytes zero is a value of it.
                unsafe { std::ptr::write_bytes(at, 0, 1) };
            }
        }
    }

    /// No half of a pair is left from the last time. Nothing of `group` is attached now, and no other group writes
    /// these members.
    fn clear_begun(&self, group: ProbeGroup) {
        const NONE: OpenPair = OpenPair {
            begin_ns: 0,
            pid: 0,
            pad: 0,
        };
        for cpu in 0..self.activity.len() {
            let Some(at) = self.activity.get(cpu) else {
                continue;
            };
            // SAFETY: members of an element of the mapping, which nobody else writes now.
            unsafe {
                match group {
                    ProbeGroup::Interrupts => {
                        (*at).softirq_begin_ns = 0;
                        (*at).hardirq_begin_ns = 0;
                    }
                    ProbeGroup::Scheduler => (*at).last_switch_ns = 0,
                    ProbeGroup::Faults => (*at).last_fault_pid = 0,
                    ProbeGroup::Reclaim => {
                        (*at).direct_reclaim.open.fill(NONE);
                        (*at).compaction.open.fill(NONE);
                    }
                    ProbeGroup::Workqueue => (*at).work.open.fill(NONE),
                    ProbeGroup::Syscalls | ProbeGroup::Packets | ProbeGroup::CrossCalls => {}
                }
            }
        }
        if group == ProbeGroup::Scheduler {
            for i in 0..self.runnable.len() {
                if let Some(at) = self.runnable.get(i) {
                    // SAFETY: an element of the mapping; all bytes zero is a value of it.
                    unsafe { std::ptr::write_bytes(at, 0, 1) };
                }
            }
        }
    }
}

fn attach(probe: Probe, is_loaded: bool, ebpf: &mut Ebpf, btf: &Btf) -> Result<Link, ProgramError> {
    let name = probe.name();
    let program = ebpf.program_mut(name).ok_or(ProgramError::NotLoaded)?;
    if probe.is_raw() {
        let program: &mut RawTracePoint = program.try_into()?;
        if !is_loaded {
            program.load()?;
        }
        let id = program.attach(name)?;
        return Ok(Link::Raw {
            _link: program.take_link(id)?,
        });
    }
    let program: &mut BtfTracePoint = program.try_into()?;
    if !is_loaded {
        program.load(name, btf)?;
    }
    let id = program.attach()?;
    Ok(Link::Btf {
        _link: program.take_link(id)?,
    })
}
