//! What programs of probe level 1 count, and which of them are attached.
//!
//! In: the groups wanted. Out: what each CPU counted, and of which programs it is told. Refuses: to wait until they are attached for
//! longer than it is told to, and to tell of a window in the middle of which they came.
//!
//! Counters only grow. They are copied at each close from the first order on, until all have left: what is counted between two copies is
//! then known, whenever a program came or left in between.

use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use livelock_common::{CpuActivity, OpenPair, RunnableSlot};
use livelock_core::probes::{GroupSet, ProbeGroup, ProbeSet};

use super::loader::{Gone, Loader};
use super::mapping::{MappedArray, copy};
use super::watched_calls::CallPrograms;
use crate::raw::RawRecord;

/// Where programs of level 1 write. Sums are cleared before an order where the last close had no copy of them, halves of pairs
/// before a group is attached.
pub(super) struct ActivityMaps {
    activity: MappedArray<CpuActivity>,
    runnable: MappedArray<RunnableSlot>,
}

/// Probe level 1, seen from who reads its counters.
pub(super) struct Level1 {
    maps: Arc<ActivityMaps>,
    /// `None` when all is over, or without the thread.
    loader: Option<Loader>,
    /// As ordered last.
    groups: GroupSet,
    /// The order is not carried out yet.
    is_pending: bool,
    /// Whether the last close had a copy of the counters.
    is_copied: bool,
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
            is_copied: false,
            probes: ProbeSet::default(),
            fresh: None,
        }
    }

    pub(super) const fn groups(&self) -> GroupSet {
        self.groups
    }

    /// Orders `wanted` at the begin of a window, unless the last order is still being carried out. What is not wanted is not told of
    /// from now on, whenever it leaves.
    pub(super) fn set(&mut self, wanted: GroupSet) {
        if self.is_pending {
            return;
        }
        let Some(loader) = &self.loader else {
            // Nothing comes of it, which was said.
            self.groups = wanted;
            return;
        };
        if !self.is_copied {
            // Nothing is attached: nobody writes.
            self.maps.clear();
        }
        if loader.set(wanted) {
            self.groups = wanted;
            self.is_pending = true;
            self.is_copied = true;
            self.probes = self.probes.within(wanted);
        }
    }

    /// Waits until the order of this moment is carried out, `limit` at most: then the window that has just begun tells of all of it.
    pub(super) fn wait(&mut self, limit: Duration) -> bool {
        if let Some(probes) = self.carried_out(limit) {
            self.probes = probes;
        }
        !self.is_pending
    }

    /// What is attached, once if the order was carried out within `limit`.
    fn carried_out(&mut self, limit: Duration) -> Option<ProbeSet> {
        let loader = self.loader.as_ref().filter(|_| self.is_pending)?;
        match loader.attached(limit) {
            Ok(probes) => {
                self.is_pending = probes.is_none();
                probes
            }
            Err(Gone) => {
                log::warn!("only level 0 is there: the thread that loads more is gone");
                self.leave();
                None
            }
        }
    }

    /// A new window begins, and the counters were copied for the one before.
    pub(super) fn begin_window(&mut self) {
        if let Some(probes) = self.fresh.take() {
            self.probes = probes;
        }
        self.is_copied &= self.is_pending || !self.probes.is_empty();
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
        self.is_pending = false;
        self.is_copied = false;
        self.probes = ProbeSet::default();
        self.fresh = None;
    }

    /// What was counted since the first attach, and who waits to run.
    pub(super) fn snapshot(&mut self, sink: &mut Vec<RawRecord>) {
        if let Some(probes) = self.carried_out(Duration::ZERO) {
            self.fresh = Some(probes);
        }
        if self.is_copied {
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

    /// Counters start at 0. Nothing is attached now, and who attaches has no order.
    fn clear(&self) {
        for cpu in 0..self.activity.len() {
            if let Some(at) = self.activity.get(cpu) {
                // SAFETY: an element of the mapping; all bytes zero is a value of it.
                unsafe { std::ptr::write_bytes(at, 0, 1) };
            }
        }
    }

    /// No half of a pair is left from the last time. Nothing of `group` is attached now, no other group writes these members, and
    /// of copies that are made meanwhile nobody reads them.
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
            // SAFETY: members of an element of the mapping, which nobody else writes now. Who copies it has a value or another.
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
                    ProbeGroup::Syscalls
                    | ProbeGroup::Packets
                    | ProbeGroup::CrossCalls
                    | ProbeGroup::Transactions => {}
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

#[cfg(test)]
mod tests {
    use std::os::fd::{FromRawFd as _, OwnedFd};

    use super::*;

    const SCHEDULER: GroupSet = GroupSet::EMPTY.with(ProbeGroup::Scheduler);
    const BOTH: GroupSet = SCHEDULER.with(ProbeGroup::Faults);

    /// An array of `len` elements, all zero, that no kernel program writes.
    fn array<T: Copy>(len: usize) -> MappedArray<T> {
        // SAFETY: the name outlives the call; the descriptor is new and ours.
        let fd = unsafe { OwnedFd::from_raw_fd(libc::memfd_create(c"array".as_ptr(), 0)) };
        let file = std::fs::File::from(fd);
        let nr_bytes = len * size_of::<T>() + 65_536;
        file.set_len(nr_bytes as u64).expect("memory");
        MappedArray::new(&file, len).expect("a mapping")
    }

    fn maps() -> Arc<ActivityMaps> {
        Arc::new(ActivityMaps::new(array(2), array(8)))
    }

    /// Groups that a copy tells of, and switches of the first CPU; `None` without a copy.
    fn copied(level1: &mut Level1) -> Option<(GroupSet, u64)> {
        let mut sink = Vec::new();
        level1.snapshot(&mut sink);
        let mut cpus = sink.iter().filter_map(|record| match record {
            RawRecord::Activity {
                cpu: 0,
                probes,
                activity,
            } => Some((probes.groups(), activity.nr_switches)),
            _ => None,
        });
        cpus.next()
    }

    fn switch(maps: &ActivityMaps, nr: u64) {
        // SAFETY: an element of a mapping that nobody else has.
        unsafe { (*maps.activity.get(0).expect("a CPU")).nr_switches += nr };
    }

    #[test]
    fn a_group_that_comes_late_is_told_of_from_the_next_window_on() {
        let maps = maps();
        let (loader, tell, mut ordered) = Loader::stand_in();
        let mut level1 = Level1::new(Arc::clone(&maps), Some(loader));
        assert_eq!(copied(&mut level1), None);
        // What is left from the last time is cleared.
        switch(&maps, 7);
        level1.set(SCHEDULER);
        assert_eq!(ordered(), Some(SCHEDULER));
        assert!(!level1.wait(Duration::ZERO));
        // Another order has to wait, and is not taken for done.
        level1.set(BOTH);
        assert_eq!((ordered(), level1.groups()), (None, SCHEDULER));
        switch(&maps, 5);
        assert_eq!(copied(&mut level1), Some((GroupSet::EMPTY, 5)));
        level1.begin_window();
        tell.send(ProbeSet::of(SCHEDULER)).expect("sent");
        switch(&maps, 5);
        // The close is copied twice, as where the first took too long.
        for _ in 0..2 {
            assert_eq!(copied(&mut level1), Some((GroupSet::EMPTY, 10)));
        }
        level1.begin_window();
        assert_eq!(copied(&mut level1), Some((SCHEDULER, 10)));
        // Another may come now, and that one goes on meanwhile.
        level1.set(BOTH);
        assert_eq!((ordered(), level1.groups()), (Some(BOTH), BOTH));
        assert_eq!(copied(&mut level1), Some((SCHEDULER, 10)));
    }

    #[test]
    fn one_that_comes_at_once_is_told_of_at_once() {
        let (loader, tell, mut ordered) = Loader::stand_in();
        let mut level1 = Level1::new(maps(), Some(loader));
        level1.set(BOTH);
        tell.send(ProbeSet::of(BOTH)).expect("sent");
        assert!(level1.wait(Duration::from_secs(30)));
        assert_eq!(copied(&mut level1), Some((BOTH, 0)));
        // What is to leave is told of no more, and copied until it has left.
        level1.begin_window();
        level1.set(SCHEDULER);
        assert_eq!(ordered(), Some(BOTH));
        assert_eq!(copied(&mut level1), Some((SCHEDULER, 0)));
        level1.begin_window();
        tell.send(ProbeSet::of(SCHEDULER)).expect("sent");
        assert!(level1.wait(Duration::from_secs(30)));
        level1.set(GroupSet::EMPTY);
        for _ in 0..2 {
            assert_eq!(copied(&mut level1), Some((GroupSet::EMPTY, 0)));
            level1.begin_window();
        }
        tell.send(ProbeSet::default()).expect("sent");
        assert_eq!(copied(&mut level1), Some((GroupSet::EMPTY, 0)));
        level1.begin_window();
        assert_eq!(copied(&mut level1), None);
    }

    #[test]
    fn a_thread_that_is_gone_has_nothing_attached() {
        let (loader, tell, _ordered) = Loader::stand_in();
        let mut level1 = Level1::new(maps(), Some(loader));
        level1.set(BOTH);
        drop(tell);
        assert!(level1.wait(Duration::from_secs(30)));
        assert_eq!(
            (copied(&mut level1), level1.groups()),
            (None, GroupSet::EMPTY)
        );
        // Who asks again gets what can be had: nothing, without a word each time.
        level1.set(BOTH);
        assert_eq!(level1.groups(), BOTH);
        assert!(level1.wait(Duration::ZERO));
        assert_eq!(copied(&mut level1), None);
    }
}
