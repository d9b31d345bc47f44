//! Breakpoints that count how often control comes by an instruction of the kernel.
//!
//! In: sites of attempts. Out: counts by CPU. Refuses: to be waited for, and to count beyond [`NR_HITS`]; each hit is an
//! exception of about a microsecond. No code is changed: the debug registers of the CPU do it.
//!
//! Kernels without kprobes forbid it (`arch/x86/kernel/hw_breakpoint.c`, `arch_build_bp_info`, v6.1), and so does whoever
//! has taken the registers already. Then nothing is counted.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use aya_obj::generated::{perf_event_attr, perf_type_id};
use livelock_core::attempts::{AttemptSite, CpuAttempts, SiteAttempts, Suspect};
use livelock_core::ids::{CodeAddr, CpuId};

/// Hits of an instruction on one CPU after which it is let alone until the next window. With two sites, two
/// instructions each and 2 us a hit this is 0.3 % of a CPU in windows of 300 ms.
const NR_HITS: libc::c_int = 100;

/// `HW_BREAKPOINT_X` and the length that goes with it, include/uapi/linux/hw_breakpoint.h, v6.1.
const BREAKPOINT_EXECUTE: u32 = 4;
const EXECUTE_LEN_BYTES: u64 = size_of::<libc::c_long>() as u64;

/// `PERF_FORMAT_TOTAL_TIME_ENABLED`, `PERF_FLAG_FD_CLOEXEC` and `PERF_EVENT_IOC_REFRESH`,
/// include/uapi/linux/perf_event.h, v6.1.
const WITH_TIME: u64 = 1;
const CLOSE_ON_EXEC: libc::c_ulong = 8;
const REFRESH: libc::c_ulong = 0x2402;

/// How long is counted: most of a window of `diagnose`.
const COUNT_FOR: Duration = Duration::from_millis(200);

/// Windows for which a count holds if no later one has arrived: a second of those of `diagnose`.
const NR_WINDOWS_HELD: u32 = 3;

/// The instructions of one site on one CPU.
#[derive(Debug)]
struct Armed {
    site: AttemptSite,
    cpu: CpuId,
    tried: File,
    succeeded: File,
}

/// The way to the thread that counts, which ends with it. It waits for CPUs to answer, which may take long in a storm;
/// nobody waits for it.
#[derive(Debug)]
struct Counter {
    orders: SyncSender<Vec<Suspect>>,
    counted: Receiver<Vec<SiteAttempts>>,
}

/// What is counted by breakpoints.
#[derive(Debug, Default)]
pub(super) struct Breakpoints {
    counter: Option<Counter>,
    is_counting: bool,
    last: Vec<SiteAttempts>,
    nr_windows_held: u32,
}

impl Breakpoints {
    /// Counts these, unless the last order is still being served.
    pub(super) fn count(&mut self, suspects: &[Suspect]) {
        if self.is_counting || suspects.is_empty() {
            return;
        }
        if self.counter.is_none() {
            self.counter = Counter::start();
        }
        if let Some(counter) = &self.counter {
            self.is_counting = counter.orders.try_send(suspects.to_vec()).is_ok();
        }
    }

    /// What was counted last. A count holds until the next one is there, for [`NR_WINDOWS_HELD`] calls at most.
    pub(super) fn counted(&mut self) -> Vec<SiteAttempts> {
        let fresh = self
            .counter
            .as_ref()
            .and_then(|c| c.counted.try_recv().ok());
        if let Some(fresh) = fresh {
            self.is_counting = false;
            self.last = fresh;
            self.nr_windows_held = 0;
        }
        self.nr_windows_held += 1;
        if self.nr_windows_held > NR_WINDOWS_HELD {
            self.last.clear();
        }
        self.last.clone()
    }

    /// Counts nothing any more, once the thread has come round to it.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }
}

impl Counter {
    fn start() -> Option<Self> {
        let (orders, inbox) = sync_channel::<Vec<Suspect>>(1);
        let (outbox, counted) = sync_channel(1);
        let run = move || {
            let mut has_said = false;
            while let Ok(suspects) = inbox.recv() {
                if outbox.send(serve(&suspects, &mut has_said)).is_err() {
                    return;
                }
            }
        };
        let started = thread::Builder::new()
            .name("attempt-counter".to_owned())
            .spawn(run);
        match started {
            Ok(_) => Some(Self { orders, counted }),
            Err(error) => {
                log::info!("cannot count attempts: {error}");
                None
            }
        }
    }
}

/// Counts for [`COUNT_FOR`]; nothing where the kernel does not let us.
fn serve(suspects: &[Suspect], has_said: &mut bool) -> Vec<SiteAttempts> {
    let mut all = Vec::new();
    for Suspect { site, cpus } in suspects {
        for &cpu in cpus {
            match arm(*site, cpu) {
                Ok(armed) => all.push(armed),
                Err(error) if !*has_said => {
                    *has_said = true;
                    log::info!("cannot count attempts: {error}");
                }
                Err(_) => {}
            }
        }
    }
    thread::sleep(COUNT_FOR);
    let mut sites: Vec<SiteAttempts> = Vec::new();
    for armed in &all {
        let Some(seen) = read(armed) else {
            continue;
        };
        match sites.iter_mut().find(|known| known.site == armed.site) {
            Some(known) => known.cpus.push(seen),
            None => sites.push(SiteAttempts {
                site: armed.site,
                cpus: vec![seen],
            }),
        }
    }
    sites
}

/// Successes are counted first and stopped last: what is missed is a failure.
fn arm(site: AttemptSite, cpu: CpuId) -> io::Result<Armed> {
    let succeeded = count_at(site.succeeded_at, cpu)?;
    let tried = count_at(site.tried_at, cpu)?;
    Ok(Armed {
        site,
        cpu,
        tried,
        succeeded,
    })
}

fn read(armed: &Armed) -> Option<CpuAttempts> {
    let (nr_tried, tried_ns) = hits(&armed.tried)?;
    let (nr_succeeded, succeeded_ns) = hits(&armed.succeeded)?;
    Some(CpuAttempts {
        cpu: armed.cpu,
        nr_tried,
        tried_ns,
        nr_succeeded,
        succeeded_ns,
    })
}

/// Counts the hits of `addr` on `cpu` until there are [`NR_HITS`].
fn count_at(addr: CodeAddr, cpu: CpuId) -> io::Result<File> {
    // SAFETY: plain integers, for which zero is valid.
    let mut event: perf_event_attr = unsafe { std::mem::zeroed() };
    event.size = u32::try_from(size_of::<perf_event_attr>()).map_err(io::Error::other)?;
    event.type_ = perf_type_id::PERF_TYPE_BREAKPOINT as u32;
    event.bp_type = BREAKPOINT_EXECUTE;
    event.__bindgen_anon_3.bp_addr = addr.0;
    event.__bindgen_anon_4.bp_len = EXECUTE_LEN_BYTES;
    event.__bindgen_anon_1.sample_period = 1;
    event.read_format = WITH_TIME;
    event.set_disabled(1);
    event.set_exclude_user(1);
    event.set_exclude_hv(1);
    let cpu = libc::c_int::try_from(cpu.0).map_err(io::Error::other)?;
    let (every_process, no_group) = (-1, -1);
    // SAFETY: the kernel reads `event`, which outlives the call.
    let opened = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const event,
            every_process,
            cpu,
            no_group,
            CLOSE_ON_EXEC,
        )
    };
    let opened = match libc::c_int::try_from(opened) {
        // SAFETY: a descriptor that the kernel has just made for us.
        Ok(fd) if fd >= 0 => unsafe { OwnedFd::from_raw_fd(fd) },
        _ => return Err(io::Error::last_os_error()),
    };
    // SAFETY: an event of ours, and a request that takes a number.
    if unsafe { libc::ioctl(opened.as_raw_fd(), REFRESH, NR_HITS) } != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(File::from(opened))
}

/// Hits, and nanoseconds in which they were counted.
fn hits(mut event: &File) -> Option<(u64, u64)> {
    let mut words = [0; 16];
    event.read_exact(&mut words).ok()?;
    let (nr, ns) = words.split_at(8);
    Some((
        u64::from_ne_bytes(nr.try_into().ok()?),
        u64::from_ne_bytes(ns.try_into().ok()?),
    ))
}
