//! Probe level 1: attached to a suspicious host, detached from a quiet one.
//!
//! In: the loaded object, and the level wanted. Out: what each CPU counted. Refuses: failing the whole for a
//! tracepoint that this kernel lacks; what it would have shown is then absent.

use aya::maps::MapData;
use aya::programs::BtfTracePoint;
use aya::programs::tp_btf::BtfTracePointLink;
use aya::{Btf, Ebpf};
use livelock_common::{CpuActivity, RunnableSlot};

use super::config::TaskFilter;
use super::mapping::{MappedArray, copy};
use crate::raw::RawRecord;

/// Programs of level 1; each is called as the tracepoint that it attaches to. Ends come before begins, so
/// that none is counted without its other half.
pub(super) const PROGRAMS: [&str; 11] = [
    "softirq_exit",
    "softirq_entry",
    "irq_handler_exit",
    "irq_handler_entry",
    "sys_exit",
    "page_fault_user",
    "page_fault_kernel",
    "reclaim_retry_zone",
    "kfree_skb",
    "sched_switch",
    "sched_wakeup",
];

/// Of these, what belongs to no task: not attached if tasks are the scope.
const OF_NO_TASK: [&str; 5] = [
    "softirq_exit",
    "softirq_entry",
    "irq_handler_exit",
    "irq_handler_entry",
    "kfree_skb",
];

/// The programs of level 1 and their maps.
pub(super) struct Level1 {
    activity: MappedArray<CpuActivity>,
    runnable: MappedArray<RunnableSlot>,
    /// Programs are loaded when first needed, and name their maps by these descriptors.
    _maps: [MapData; 3],
    tasks: TaskFilter,
    links: Vec<BtfTracePointLink>,
    is_loaded: bool,
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
            is_loaded: false,
        }
    }

    pub(super) fn is_attached(&self) -> bool {
        !self.links.is_empty()
    }

    /// Attaches what this kernel has. Programs are loaded the first time: most hosts never need them.
    pub(super) fn attach(&mut self, ebpf: &mut Ebpf, btf: &Btf) {
        if self.is_attached() {
            return;
        }
        self.clear();
        let is_wanted = |name: &&str| self.tasks == TaskFilter::All || !OF_NO_TASK.contains(name);
        for name in PROGRAMS.into_iter().filter(is_wanted) {
            let program: Option<&mut BtfTracePoint> =
                ebpf.program_mut(name).and_then(|p| p.try_into().ok());
            let Some(program) = program else { continue };
            if !self.is_loaded
                && let Err(error) = program.load(name, btf)
            {
                log::info!("no {name} at level 1: {error}");
                continue;
            }
            match program.attach().and_then(|id| program.take_link(id)) {
                Ok(link) => self.links.push(link),
                Err(error) => log::info!("no {name} at level 1: {error}"),
            }
        }
        self.is_loaded = true;
    }

    pub(super) fn detach(&mut self) {
        // In the order of attaching reversed: begins before ends.
        while self.links.pop().is_some() {}
    }

    /// What was counted since the attach, and who waits to run.
    pub(super) fn snapshot(&self, sink: &mut Vec<RawRecord>) {
        if !self.is_attached() {
            return;
        }
        for cpu in 0..self.activity.len() {
            let Some(at) = self.activity.get(cpu) else {
                continue;
            };
            // SAFETY: an element of the mapping; plain integers, each with one writer.
            let activity = unsafe { copy(at) };
            if activity.nr_runs > 0 {
                sink.push(RawRecord::Activity {
                    cpu: u32::try_from(cpu).unwrap_or(u32::MAX),
                    activity: Box::new(activity),
                });
            }
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

    /// Counters start at 0, and no half of a pair is left from the last time. Nothing is attached now.
    fn clear(&self) {
        for cpu in 0..self.activity.len() {
            if let Some(at) = self.activity.get(cpu) {
                // SAFETY: an element of the mapping; all bytes zero is a value of it.
                unsafe { std::ptr::write_bytes(at, 0, 1) };
            }
        }
        for i in 0..self.runnable.len() {
            if let Some(at) = self.runnable.get(i) {
                // SAFETY: as above.
                unsafe { std::ptr::write_bytes(at, 0, 1) };
            }
        }
    }
}
