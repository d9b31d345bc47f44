//! One reading of all counters.
//!
//! In: open files. Out: events for the close of a window. Refuses: to fail for anything but `/proc/stat`;
//! what this host does not show is `None`.

use std::path::{Path, PathBuf};

use livelock_core::activity::HostCounters as Counters;
use livelock_core::event::{Event, OwnProcess, ProgressCounters};
use livelock_core::ids::Tgid;

use super::file::ProcFile;
use super::host;
use super::{
    ProcfsError, VmCounters, parse_diskstats, parse_net_dev, parse_nr_threads, parse_stat,
    parse_vmstat,
};

/// What adds the counters of one file.
type Parse = fn(&str, &mut Counters);

/// The files, kept open: a reading costs one `pread` or two each.
#[derive(Debug)]
pub struct HostCounters {
    stat: ProcFile,
    vmstat: Option<ProcFile>,
    diskstats: Option<ProcFile>,
    net_dev: Option<ProcFile>,
    loadavg: Option<ProcFile>,
    more: [(Option<ProcFile>, Parse); 4],
    user_hz: u64,
}

impl HostCounters {
    /// Opens the files of `/proc`.
    ///
    /// # Errors
    ///
    /// If `/proc/stat` cannot be opened.
    pub fn open() -> Result<Self, ProcfsError> {
        Self::open_below(Path::new("/proc"))
    }

    /// Opens the files of a directory that looks like `/proc`.
    ///
    /// # Errors
    ///
    /// If `stat` cannot be opened.
    pub fn open_below(root: &Path) -> Result<Self, ProcfsError> {
        let path: PathBuf = root.join("stat");
        let optional = |name: &str| ProcFile::open(&root.join(name)).ok();
        Ok(Self {
            stat: ProcFile::open(&path).map_err(|source| ProcfsError::Read { path, source })?,
            vmstat: optional("vmstat"),
            diskstats: optional("diskstats"),
            net_dev: optional("net/dev"),
            loadavg: optional("loadavg"),
            more: [
                (optional("net/softnet_stat"), host::softnet),
                (optional("net/snmp"), host::snmp),
                (optional("softirqs"), host::softirqs),
                (optional("interrupts"), host::interrupts),
            ],
            user_hz: user_hz(),
        })
    }

    /// Reads them all: `CpuTimes` of each CPU, `Progress`, and `OwnProcess` if it can be had.
    ///
    /// # Errors
    ///
    /// If `/proc/stat` cannot be read or shows no CPU.
    pub fn read(&mut self) -> Result<Vec<Event>, ProcfsError> {
        let path = self.stat.path().to_owned();
        let stat = match self.stat.read() {
            Ok(text) => parse_stat(text, self.user_hz),
            Err(source) => return Err(ProcfsError::Read { path, source }),
        };
        if stat.cpus.is_empty() {
            return Err(ProcfsError::NoCpus { path });
        }
        let mut more = Counters::default();
        let vm = text(&mut self.vmstat).map_or_else(VmCounters::default, |text| {
            host::vmstat(text, &mut more);
            parse_vmstat(text)
        });
        for (file, parse) in &mut self.more {
            if let Some(text) = text(file) {
                parse(text, &mut more);
            }
        }
        let progress = ProgressCounters {
            nr_context_switches: stat.nr_context_switches,
            nr_forks: stat.nr_forks,
            nr_exits: nr_exits(stat.nr_forks, text(&mut self.loadavg)),
            nr_page_faults: vm.nr_page_faults,
            nr_block_completions: text(&mut self.diskstats).and_then(parse_diskstats),
            nr_packets: text(&mut self.net_dev).and_then(parse_net_dev),
            nr_pages_scanned: vm.nr_pages_scanned,
            nr_pages_reclaimed: vm.nr_pages_reclaimed,
        };
        let times = stat.cpus.into_iter();
        let mut events: Vec<Event> = times
            .map(|(cpu, times)| Event::CpuTimes { cpu, times })
            .collect();
        events.push(Event::Progress(progress));
        events.push(Event::Host(more));
        events.extend(own_process().map(Event::OwnProcess));
        Ok(events)
    }
}

/// Threads created that are not there any more. The file is read right after that of `nr_forks`; what begins and ends in between is
/// counted in the next window.
fn nr_exits(nr_forks: Option<u64>, loadavg: Option<&str>) -> Option<u64> {
    nr_forks?.checked_sub(parse_nr_threads(loadavg?)?)
}

fn text(file: &mut Option<ProcFile>) -> Option<&str> {
    file.as_mut()?.read().ok()
}

/// Ticks of `/proc` a second.
pub(crate) fn user_hz() -> u64 {
    // SAFETY: takes no pointer.
    let hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    // 100 on every architecture that is left.
    u64::try_from(hz).ok().filter(|&hz| hz > 0).unwrap_or(100)
}

/// CPU time of all threads of this process.
fn own_process() -> Option<OwnProcess> {
    // SAFETY: plain integers, for which zero is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: `usage` outlives the call, which writes one `rusage`.
    let status = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    let ns = |time: libc::timeval| {
        let seconds = u64::try_from(time.tv_sec).ok()?;
        let microseconds = u64::try_from(time.tv_usec).ok()?;
        Some(
            seconds
                .saturating_mul(1_000_000_000)
                .saturating_add(microseconds * 1000),
        )
    };
    if status != 0 {
        return None;
    }
    Some(OwnProcess {
        tgid: Tgid(std::process::id()),
        user_ns: ns(usage.ru_utime)?,
        system_ns: ns(usage.ru_stime)?,
    })
}
