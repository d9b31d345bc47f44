//! What programs of probe level 1 count, and which of them are attached.
//!
//! In: the groups wanted. Out: what each CPU counted, of programs that were attached for a whole window. Refuses: to wait until they
//! are attached for longer than it is told to, and to count a window in the middle of which they came as one that they saw.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use livelock_common::{CpuActivity, OpenPair, RunnableSlot};
use livelock_core::probes::{GroupSet, ProbeGroup, ProbeSet};

use super::loader::Loader;
use super::mapping::{MappedArray, copy};
use super::watched_calls::CallPrograms;
use crate::raw::RawRecord;

/// Where programs of level 1 write. Those who attach them clear it before.
pub(super) struct ActivityMaps {
    activity: MappedArray<CpuActivity>,
    runnable: MappedArray<RunnableSlot>,
}

/// Probe level 1, seen from who reads its counters.
pub(super) struct Level1 {
    maps: Arc<ActivityMaps>,
    /// `None` when all is over, or without a thread.
    loader: Option<Loader>,
    /// As ordered last.
    groups: GroupSet,
    /// The order is not carried out yet.
    is_pending: bool,
    /// Attached for as long as the present window lasts, and wanted.
    probes: ProbeSet,
    /// What is attached since within the present window.
    fresh: Option<ProbeSet>,
}

impl Level1 {
    pub(super) fn new(maps: Arc<ActivityMaps>, loader: Option<Loader>) -> Self {
        Self {
            maps,
            loader,
            groups: GroupSet::EMPTY,
            is_pending: false,
            probes: ProbeSet::default(),
            fresh: None,
        }
    }

    pub(super) const fn groups(&self) -> GroupSet {
        self.groups
    }

    /// Orders `wanted` at the begin of a window, unless the last order is still being carried out. What is not wanted is not read
    /// from now on, whenever it leaves.
    pub(super) fn set(&mut self, wanted: GroupSet) {
        let Some(loader) = self.loader.as_ref().filter(|_| !self.is_pending) else {
            return;
        };
        if loader.set(wanted) {
            self.groups = wanted;
            self.is_pending = true;
            self.probes = self.probes.within(wanted);
        }
    }

    /// Waits until the order of this moment is carried out, `limit` at most: then the window that has just begun sees all of it.
    pub(super) fn wait(&mut self, limit: Duration) -> bool {
        let attached = self.loader.as_ref().filter(|_| self.is_pending);
        if let Some(probes) = attached.and_then(|loader| loader.attached(limit)) {
            self.is_pending = false;
            self.probes = probes;
        }
        !self.is_pending
    }

    /// A new window begins.
    pub(super) fn begin_window(&mut self) {
        if let Some(probes) = self.fresh.take() {
            self.probes = probes;
        }
    }

    /// Has `to` get the programs that record calls; nothing if they cannot be loaded.
    pub(super) fn load_calls(&self, to: SyncSender<CallPrograms>) {
        if let Some(loader) = &self.loader {
            loader.load_calls(to);
        }
    }

    /// Detaches everything and reads no counter again. On a host whose CPUs answer late each program takes a while, and the report
    /// needs none of it: nobody waits.
    pub(super) fn leave(&mut self) {
        self.loader = None;
        self.groups = GroupSet::EMPTY;
        self.probes = ProbeSet::default();
        self.fresh = None;
    }

    /// What was counted since the first attach, and who waits to run.
    pub(super) fn snapshot(&mut self, sink: &mut Vec<RawRecord>) {
        let attached = self.loader.as_ref().filter(|_| self.is_pending);
        if let Some(probes) = attached.and_then(|loader| loader.attached(Duration::ZERO)) {
            self.is_pending = false;
            self.fresh = Some(probes);
        }
        // Where those start who have come meanwhile: the next window is their first.
        let is_start = self.fresh.is_some_and(|fresh| !fresh.is_empty());
        if is_start || !self.probes.is_empty() {
            self.maps.snapshot(self.probes, sink);
        }
    }
}

impl ActivityMaps {
    pub(super) const fn new(
        activity: MappedArray<CpuActivity>,
        runnable: MappedArray<RunnableSlot>,
    ) -> Self {
        Self { activity, runnable }
    }

    /// What was counted, of which that of `probes` means something.
    fn snapshot(&self, probes: ProbeSet, sink: &mut Vec<RawRecord>) {
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
        if !probes.groups().has(ProbeGroup::Scheduler) {
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
    pub(super) fn clear(&self) {
        for cpu in 0..self.activity.len() {
            if let Some(at) = self.activity.get(cpu) {
                // SAFETY: an element of the mapping; all bytes zero is a value of it.
                unsafe { std::ptr::write_bytes(at, 0, 1) };
            }
        }
    }

    /// No half of a pair is left from the last time. Nothing of `group` is attached now, and no other group writes
    /// these members.
    pub(super) fn clear_begun(&self, group: ProbeGroup) {
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
