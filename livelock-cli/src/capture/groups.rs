//! Programs of probe level 1, attached and detached by groups.
//!
//! In: the loaded object, and the groups wanted. Out: what is attached. Refuses: failing the whole for a tracepoint that this
//! kernel lacks; what it would have shown is then absent.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aya::maps::MapData;
use aya::programs::raw_trace_point::RawTracePointLink;
use aya::programs::tp_btf::BtfTracePointLink;
use aya::programs::{BtfTracePoint, ProgramError, RawTracePoint};
use aya::{Btf, Ebpf};
use livelock_core::probes::{GroupSet, Probe, ProbeGroup, ProbeSet};

use super::activity::ActivityMaps;
use super::config::TaskFilter;
use super::tracepoints::{self, Unattached};

/// What keeps a program attached.
enum Link {
    Btf { _link: BtfTracePointLink },
    Raw { _links: Vec<RawTracePointLink> },
}

/// The programs of level 1.
pub(super) struct Groups {
    maps: Arc<ActivityMaps>,
    /// Programs are loaded when first needed, and name their maps by these descriptors.
    _maps: [MapData; 4],
    tasks: TaskFilter,
    /// In the order of [`Probe::ALL`] within a group.
    links: Vec<(Probe, Link)>,
    loaded: BTreeSet<Probe>,
    /// This kernel has no such tracepoint, or refused the program.
    absent: BTreeSet<Probe>,
    /// As wanted last; a group all of whose programs are absent is in it.
    wanted: GroupSet,
}

impl Groups {
    pub(super) fn new(maps: Arc<ActivityMaps>, fds: [MapData; 4], tasks: TaskFilter) -> Self {
        Self {
            maps,
            _maps: fds,
            tasks,
            links: Vec::new(),
            loaded: BTreeSet::new(),
            absent: BTreeSet::new(),
            wanted: GroupSet::EMPTY,
        }
    }

    /// The programs that are attached.
    fn probes(&self) -> ProbeSet {
        let probes = self.links.iter();
        probes.fold(ProbeSet::default(), |set, (probe, _)| set.with(*probe))
    }

    /// Attaches what this kernel has of `wanted`, and detaches the rest. Programs are loaded the first time: most
    /// hosts never need them. Nothing more comes once `is_over`.
    pub(super) fn set(
        &mut self,
        wanted: GroupSet,
        (ebpf, btf): (&mut Ebpf, &Btf),
        is_over: &AtomicBool,
    ) -> ProbeSet {
        let before = self.wanted;
        for group in before.iter().filter(|&group| !wanted.has(group)) {
            self.detach(group);
        }
        for group in wanted.iter().filter(|&group| !before.has(group)) {
            // What belongs to no task is of no scope of tasks.
            if self.tasks == TaskFilter::All || group.is_of_tasks() {
                self.attach(group, (ebpf, btf), is_over);
            }
        }
        self.wanted = wanted;
        self.probes()
    }

    fn attach(&mut self, group: ProbeGroup, (ebpf, btf): (&mut Ebpf, &Btf), is_over: &AtomicBool) {
        self.maps.clear_begun(group);
        let of_group = Probe::ALL.iter().filter(|probe| probe.group() == group);
        for &probe in of_group {
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            if self.absent.contains(&probe) {
                continue;
            }
            let is_loaded = self.loaded.contains(&probe);
            match attach(probe, is_loaded, (ebpf, btf), is_over) {
                Ok(link) => {
                    self.loaded.insert(probe);
                    self.links.push((probe, link));
                }
                Err(error) => {
                    log::info!("no {} at level 1: {error}", probe.name());
                    // A module may come later.
                    if !probe.is_of_module() {
                        self.absent.insert(probe);
                    }
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

    /// Begins before ends, as above.
    pub(super) fn detach_all(&mut self) {
        while self.links.pop().is_some() {}
    }
}

fn attach(
    probe: Probe,
    is_loaded: bool,
    (ebpf, btf): (&mut Ebpf, &Btf),
    is_over: &AtomicBool,
) -> Result<Link, Unattached> {
    let name = probe.name();
    let program = ebpf.program_mut(name).ok_or(ProgramError::NotLoaded)?;
    if probe.is_raw() {
        let program: &mut RawTracePoint = program.try_into()?;
        let names = tracepoints::of(probe)?;
        if !is_loaded {
            program.load()?;
        }
        let goes_on = || !is_over.load(Ordering::Relaxed);
        return Ok(Link::Raw {
            _links: tracepoints::attach_all(program, &names, goes_on)?,
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
