//! One reading of what the CPUs of a scope achieved.
//!
//! In: the CPUs. Out: events for the close of a window. Refuses: to fail; what cannot be counted is `None`, with a reason.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use livelock_core::event::{Event, ProgressCounters};
use livelock_core::ids::CpuId;

use super::events::{Counts, Events};
use crate::procfs::PacketsByCpu;

/// Counts what a scope of CPUs achieves.
#[derive(Debug)]
pub struct CpuReader {
    cpus: BTreeSet<CpuId>,
    events: Result<Events, String>,
    packets: Option<PacketsByCpu>,
}

impl CpuReader {
    /// Starts to count on `cpus`.
    #[must_use]
    pub fn begin(cpus: BTreeSet<CpuId>) -> Self {
        let events = Events::start(&cpus).map_err(|error| lacking(&error));
        Self {
            cpus,
            events,
            packets: PacketsByCpu::open().ok(),
        }
    }

    /// Why context switches and page faults of these CPUs are not known; `None`: they are.
    #[must_use]
    pub fn uncounted(&self) -> Option<&str> {
        self.events.as_ref().err().map(String::as_str)
    }

    /// Asks the CPUs for their counts of now; other things can be read meanwhile.
    pub fn ask(&mut self) {
        if let Ok(events) = &mut self.events {
            events.ask();
        }
    }

    /// What was asked for, of each CPU that told something.
    pub fn read(&mut self) -> Vec<Event> {
        let counts = self.events.as_mut().map(Events::answer).unwrap_or_default();
        let packets = self.packets.as_mut().map(PacketsByCpu::read);
        events(&self.cpus, &counts, &packets.unwrap_or_default())
    }
}

/// An event for each of `cpus` of which something is known.
pub(super) fn events(
    cpus: &BTreeSet<CpuId>,
    counts: &[Counts],
    nr_packets: &BTreeMap<CpuId, u64>,
) -> Vec<Event> {
    let mut known: BTreeMap<CpuId, ProgressCounters> = BTreeMap::new();
    for of in counts {
        let progress = known.entry(of.cpu).or_default();
        progress.nr_context_switches = Some(of.nr_context_switches);
        progress.nr_page_faults = Some(of.nr_page_faults);
    }
    for (&cpu, &nr) in nr_packets {
        known.entry(cpu).or_default().nr_packets = Some(nr);
    }
    let known = known.into_iter().filter(|(cpu, _)| cpus.contains(cpu));
    known
        .map(|(cpu, progress)| Event::CpuProgress { cpu, progress })
        .collect()
}

/// What a perf event could not be had for.
pub(super) fn lacking(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EPERM | libc::EACCES) => format!(
            "the kernel does not let this process count there ({error}; it takes CAP_PERFMON, and no lockdown)"
        ),
        Some(libc::EMFILE) => format!("too few files may be open ({error}; raise `ulimit -n`)"),
        _ => error.to_string(),
    }
}
