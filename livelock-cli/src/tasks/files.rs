//! Files of a cgroup v2.
//!
//! In: their text. Out: numbers. Refuses: damaged numbers; what is missing is `None`. Any text is survived.

use std::path::{Component, Path, PathBuf};

const NS_PER_US: u64 = 1000;

/// `cpu.stat`: CPU times of the group and all below it since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuStat {
    /// `user_usec`.
    pub user_ns: u64,
    /// `system_usec`.
    pub system_ns: u64,
}

/// `memory.stat`, where the memory controller is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MemoryStat {
    /// `pgfault`.
    pub nr_page_faults: Option<u64>,
    /// `pgscan`.
    pub nr_pages_scanned: Option<u64>,
    /// `pgsteal`.
    pub nr_pages_reclaimed: Option<u64>,
}

/// Parses `cpu.stat`; `None` without both times.
#[must_use]
pub fn parse_cpu_stat(text: &str) -> Option<CpuStat> {
    let ns = |key| Some(keyed(text, key)?.saturating_mul(NS_PER_US));
    Some(CpuStat {
        user_ns: ns("user_usec")?,
        system_ns: ns("system_usec")?,
    })
}

/// Parses `cpu.max`: CPU time for a second of wall time; `None` for `max`, and for damaged text.
#[must_use]
pub fn parse_cpu_max(text: &str) -> Option<u64> {
    let mut words = text.split_ascii_whitespace();
    let quota_us: u128 = words.next()?.parse().ok()?;
    let period_us: u128 = words.next()?.parse().ok()?;
    let ns_per_sec = quota_us
        .checked_mul(1_000_000_000)?
        .checked_div(period_us)?;
    u64::try_from(ns_per_sec).ok()
}

/// Parses `memory.stat`.
#[must_use]
pub fn parse_memory_stat(text: &str) -> MemoryStat {
    MemoryStat {
        nr_page_faults: keyed(text, "pgfault"),
        nr_pages_scanned: keyed(text, "pgscan"),
        nr_pages_reclaimed: keyed(text, "pgsteal"),
    }
}

/// Parses `io.stat`: requests read and written, over all devices. A group without I/O has an empty one.
#[must_use]
pub fn parse_io_stat(text: &str) -> u64 {
    text.split_ascii_whitespace()
        .filter_map(|word| word.split_once('='))
        .filter(|(key, _)| matches!(*key, "rios" | "wios"))
        .filter_map(|(_, nr)| nr.parse::<u64>().ok())
        .fold(0, u64::saturating_add)
}

/// Where a typed group is below `mount`: an absolute path below the mount point, or one as in `/proc/PID/cgroup`
/// (`0::/app`). `None` if it is not absolute or climbs.
#[must_use]
pub fn path_below(mount: &Path, typed: &str) -> Option<PathBuf> {
    let typed = Path::new(typed.strip_prefix("0::").unwrap_or(typed));
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if !typed.is_absolute() || !typed.components().all(is_plain) {
        return None;
    }
    let below = match typed.strip_prefix(mount) {
        Ok(below) => below,
        Err(_) => typed.strip_prefix("/").ok()?,
    };
    Some(mount.join(below))
}

fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once(' ')?;
        (found == key).then(|| value.trim().parse().ok())?
    })
}
