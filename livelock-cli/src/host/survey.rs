//! The facts of this host, read once.
//!
//! In: `/proc`, `/sys`, CPUID, and what other rooms found (BTF, symbols, the sampler). Out: [`Survey`]. Refuses:
//! judgement, and to fail: what cannot be read is `None`.

use std::fs;
use std::path::Path;

use livelock_core::host::{HostFacts, SamplerSource};

use super::build_id::build_id;
use super::hypervisor::cpu_flag;
use super::kmsg::read_boot_log;
use super::{
    Capabilities, HypervisorClues, KernelVersion, Lockdown, MapLocks, SpinlockClues,
    SpinlockFinding, hypervisor_leaf, hypervisor_name, parse_cpulist, spinlocks,
};
use crate::btf::{Btf, BtfError};
use crate::names::{KernelSymbols, SymbolsError, cgroup2_mount, missing_sources};
use crate::procfs::parse_loadavg;

/// Tracepoints that a `tp_btf` program can attach to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tracepoints {
    /// `contention_begin` and `contention_end`.
    pub contention: bool,
    /// `contended_release`.
    pub contended_release: bool,
    /// Those of lockdep that tell every acquisition and release.
    pub lockdep: bool,
}

/// Whether programs can attach to the tracepoints of lockdep that tell holds. `lock_acquired` comes with `CONFIG_LOCK_STAT`, the
/// others with `CONFIG_LOCKDEP`.
pub(crate) fn has_lockdep(btf: &Btf) -> bool {
    let needed = ["lock_acquired", "lock_acquire", "lock_release"];
    needed.iter().all(|name| btf.has_tracepoint(name))
}

/// What the symbol table offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SymbolsFound {
    /// Functions, and perhaps data.
    Visible {
        /// Whether static locks have names.
        has_data: bool,
    },
    /// Why nothing.
    Missing(String),
}

/// Facts only.
#[derive(Clone, Debug, PartialEq)]
pub struct Survey {
    /// The part that goes into a verdict.
    pub facts: HostFacts,
    /// Version of the kernel.
    pub kernel: Option<KernelVersion>,
    /// Why there is no BTF; `None`: there is.
    pub btf_error: Option<String>,
    /// `None`: no BTF to look in.
    pub tracepoints: Option<Tracepoints>,
    /// Locks of BPF maps.
    pub map_locks: MapLocks,
    /// Lockdown.
    pub lockdown: Option<Lockdown>,
    /// Effective capabilities.
    pub capabilities: Option<Capabilities>,
    /// Whether this process lives in a user namespace, where capabilities do not reach the kernel.
    pub in_user_namespace: Option<bool>,
    /// `kernel.perf_event_paranoid`.
    pub perf_event_paranoid: Option<i32>,
    /// `kernel.kptr_restrict`.
    pub kptr_restrict: Option<u32>,
    /// Symbols.
    pub symbols: SymbolsFound,
    /// Sources of lock names that are missing, a phrase each.
    pub missing_names: Vec<String>,
    /// Spinlocks, with the reason.
    pub spinlocks: SpinlockFinding,
    /// Hardware PMU in sysfs.
    pub pmu: Option<String>,
    /// Whether cgroup v2 is mounted.
    pub has_cgroup2: bool,
}

/// Reads them.
#[must_use]
pub fn survey(
    btf: Result<&Btf, &BtfError>,
    symbols: Result<&KernelSymbols, &SymbolsError>,
    sampler: SamplerSource,
) -> Survey {
    let (btf, btf_error) = (btf.ok(), btf.err().map(with_sources));
    let release = text("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu_flag = cpu_flag(&cpuinfo);
    let leaf = (cpu_flag == Some(true)).then(hypervisor_leaf).flatten();
    let hypervisor = hypervisor_name(&HypervisorClues {
        cpu_flag,
        cpuid_signature: leaf.as_ref().map(|leaf| leaf.signature.clone()),
        sys_hypervisor: text("/sys/hypervisor/type"),
        dmi_vendor: text("/sys/class/dmi/id/sys_vendor"),
        dmi_product: text("/sys/class/dmi/id/product_name"),
        device_tree: text("/proc/device-tree/hypervisor/compatible"),
    });
    let cmdline = text("/proc/cmdline").unwrap_or_default();
    let has_word = |word| cmdline.split_ascii_whitespace().any(|found| found == word);
    let nr_possible = cpus("possible");
    let nr_online = cpus("online").or_else(online_by_sysconf).unwrap_or(1);
    let arch = arch();
    let tracepoints = btf.map(|btf| Tracepoints {
        contention: btf.has_tracepoint("contention_begin") && btf.has_tracepoint("contention_end"),
        contended_release: btf.has_tracepoint("contended_release"),
        lockdep: has_lockdep(btf),
    });
    let spinlocks = spinlocks(&SpinlockClues {
        arch: arch.clone(),
        is_rt: text("/sys/kernel/realtime").as_deref() == Some("1"),
        cpu_flag,
        boot_log: read_boot_log().ok(),
        kvm: leaf.and_then(|leaf| leaf.kvm),
        hypervisor: hypervisor.clone(),
        nr_cpus_possible: nr_possible,
        nopvspin: has_word("nopvspin"),
        has_paravirt: btf.map(|btf| btf.has_struct("pv_lock_ops")),
        has_pv_spinlocks: has_pv_spinlocks(btf, symbols.ok()),
    });
    Survey {
        facts: HostFacts {
            hostname: text("/proc/sys/kernel/hostname").unwrap_or_default(),
            kernel_release: release.clone(),
            kernel_build_id: fs::read("/sys/kernel/notes")
                .ok()
                .and_then(|notes| build_id(&notes)),
            arch,
            nr_cpus_online: nr_online,
            nr_cpus_possible: nr_possible.unwrap_or(nr_online),
            hypervisor,
            spinlocks: spinlocks.flavour,
            sampler,
            has_contended_release: tracepoints.is_some_and(|found| found.contended_release),
            has_lockdep: tracepoints.is_some_and(|found| found.lockdep),
            idle_by_clock: idle_by_clock(btf, has_word("nohz=off")),
            hardirq_by_clock: hardirq_by_clock(btf, has_word("tsc=noirqtime")),
            load_1m: text("/proc/loadavg").as_deref().and_then(parse_loadavg),
        },
        kernel: KernelVersion::parse(&release),
        btf_error,
        tracepoints,
        map_locks: btf.map_or_else(MapLocks::unknown, MapLocks::of),
        lockdown: lockdown(&cmdline),
        capabilities: text("/proc/self/status")
            .as_deref()
            .and_then(Capabilities::parse),
        in_user_namespace: text("/proc/self/uid_map").as_deref().map(is_mapped),
        perf_event_paranoid: number("/proc/sys/kernel/perf_event_paranoid"),
        kptr_restrict: number("/proc/sys/kernel/kptr_restrict"),
        missing_names: missing_sources(btf, symbols.ok()),
        symbols: match symbols {
            Ok(symbols) => SymbolsFound::Visible {
                has_data: symbols.has_data(),
            },
            Err(error) => SymbolsFound::Missing(with_sources(error)),
        },
        spinlocks,
        pmu: pmu(),
        has_cgroup2: text("/proc/self/mountinfo").is_some_and(|t| cgroup2_mount(&t).is_some()),
    }
}

fn text(path: &str) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().trim_end_matches('\0').to_owned())
}

fn number<T: std::str::FromStr>(path: &str) -> Option<T> {
    text(path)?.parse().ok()
}

fn cpus(list: &str) -> Option<u32> {
    parse_cpulist(&text(&format!("/sys/devices/system/cpu/{list}"))?)
}

fn online_by_sysconf() -> Option<u32> {
    // SAFETY: takes no pointer.
    let nr_cpus = unsafe { libc::sysconf(libc::_SC_NPROCESSORS_ONLN) };
    u32::try_from(nr_cpus).ok().filter(|&nr_cpus| nr_cpus > 0)
}

/// `/proc/sys/kernel/arch` exists since 6.1; before, what we were built for is what runs us.
fn arch() -> String {
    text("/proc/sys/kernel/arch").unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// A kernel without the lockdown module has no such file, and no lockdown; neither has one whose
/// securityfs is not mounted, where only the command line can tell.
fn lockdown(cmdline: &str) -> Option<Lockdown> {
    let securityfs = Path::new("/sys/kernel/security");
    match fs::read_to_string(securityfs.join("lockdown")) {
        Ok(text) => Lockdown::parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let is_mounted = fs::read_dir(securityfs).is_ok_and(|mut dir| dir.next().is_some());
            let has_securityfs =
                text("/proc/filesystems").is_some_and(|t| t.contains("securityfs"));
            let asked = Lockdown::of_command_line(cmdline);
            asked.or_else(|| (is_mounted || !has_securityfs).then_some(Lockdown::Off))
        }
        Err(_) => None,
    }
}

/// Whether ids are mapped, i.e. this is not the initial user namespace.
pub(super) fn is_mapped(uid_map: &str) -> bool {
    !uid_map
        .split_ascii_whitespace()
        .eq(["0", "0", "4294967295"])
}

fn has_pv_spinlocks(btf: Option<&Btf>, symbols: Option<&KernelSymbols>) -> Option<bool> {
    const SLOWPATH: &str = "__pv_queued_spin_lock_slowpath";
    match (symbols, btf) {
        (Some(symbols), _) => Some(symbols.has_pv_spinlocks()),
        // Assembly and `noinstr` functions may be missing from BTF, so only a hit counts.
        (None, Some(btf)) => btf.has_func(SLOWPATH).then_some(true),
        (None, None) => None,
    }
}

/// `/proc/stat` takes idle time from the clock where the tick stops on idle (`get_idle_time`,
/// fs/proc/stat.c): that needs `CONFIG_NO_HZ_COMMON`, told by a function it adds.
fn idle_by_clock(btf: Option<&Btf>, is_nohz_off: bool) -> Option<bool> {
    if is_nohz_off {
        return Some(false);
    }
    btf.map(|btf| btf.has_func("tick_nohz_idle_stop_tick"))
}

/// Hard interrupts have a time of their own in `/proc/stat` with `CONFIG_IRQ_TIME_ACCOUNTING`, told by a member it adds
/// (kernel/sched/sched.h, 5.19 to 7.3).
fn hardirq_by_clock(btf: Option<&Btf>, is_switched_off: bool) -> Option<bool> {
    if is_switched_off {
        return Some(false);
    }
    let is_built = btf?.member_offset("rq", "prev_irq_time").is_some();
    // Unsteady time stamp counters switch it off (arch/x86/kernel/tsc.c), and what else the clock may be does not tell.
    let clock = text("/sys/devices/system/clocksource/clocksource0/current_clocksource");
    let is_steady = !cfg!(target_arch = "x86_64") || clock.as_deref() == Some("tsc");
    match (is_built, is_steady) {
        (false, _) => Some(false),
        (true, true) => Some(true),
        (true, false) => None,
    }
}

/// Name of the CPU's PMU in sysfs; hybrid CPUs have one a core type.
fn pmu() -> Option<String> {
    let devices = fs::read_dir("/sys/bus/event_source/devices").ok()?;
    let mut names: Vec<String> = devices
        .flatten()
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name == "cpu" || name.starts_with("cpu_") || name.starts_with("armv"))
        .collect();
    names.sort();
    names.into_iter().next()
}

fn with_sources(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
