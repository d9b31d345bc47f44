//! Breakpoints that count how often control comes by an instruction of the kernel.
//!
//! In: sites of attempts. Out: counts by CPU. Refuses: to count for longer than [`NR_HITS`]; each hit is an exception of
//! about a microsecond. No code is changed: the debug registers of the CPU do it.
//!
//! Kernels without kprobes forbid it (`arch/x86/kernel/hw_breakpoint.c`, `arch_build_bp_info`, v6.1), and so does whoever
//! has taken the registers already. Then nothing is counted.

use std::fs::File;
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

use aya::util::online_cpus;
use aya_obj::generated::{perf_event_attr, perf_type_id};
use livelock_core::attempts::{AttemptSite, CpuAttempts, SiteAttempts};
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

/// The instructions of one site on one CPU.
#[derive(Debug)]
struct Armed {
    site: AttemptSite,
    cpu: CpuId,
    tried: File,
    succeeded: File,
}

/// Breakpoints that count at present.
#[derive(Debug, Default)]
pub(super) struct Breakpoints {
    armed: Vec<Armed>,
    /// Whether it was said why there are none.
    has_said: bool,
}

impl Breakpoints {
    /// Counts at `sites` from now on, on the CPUs that `is_wanted` takes; nothing where the kernel does not let us.
    pub(super) fn arm(&mut self, sites: &[AttemptSite], is_wanted: impl Fn(CpuId) -> bool) {
        self.armed.clear();
        if sites.is_empty() {
            return;
        }
        let cpus = online_cpus().unwrap_or_default();
        for cpu in cpus.into_iter().map(CpuId).filter(|&cpu| is_wanted(cpu)) {
            for &site in sites {
                match arm(site, cpu) {
                    Ok(armed) => self.armed.push(armed),
                    Err(error) if !self.has_said => {
                        self.has_said = true;
                        log::info!("cannot count at {:?}: {error}", site.tried_at);
                    }
                    Err(_) => {}
                }
            }
        }
    }

    /// What was counted since [`Self::arm`]. Nothing is counted any more afterwards.
    pub(super) fn take(&mut self) -> Vec<SiteAttempts> {
        let mut sites: Vec<SiteAttempts> = Vec::new();
        for armed in self.armed.drain(..) {
            let Some(seen) = read(armed.cpu, &armed) else {
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

fn read(cpu: CpuId, armed: &Armed) -> Option<CpuAttempts> {
    let (nr_tried, tried_ns) = hits(&armed.tried)?;
    let (nr_succeeded, succeeded_ns) = hits(&armed.succeeded)?;
    Some(CpuAttempts {
        cpu,
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
