//! `/proc/vmstat`, `/proc/diskstats`, `/proc/net/dev`, `/proc/loadavg`.
//!
//! In: text. Out: sums. Refuses: to report 0 for what the text does not contain.

use super::stat::number;

/// Counters of the memory manager.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VmCounters {
    /// `pgfault`.
    pub nr_page_faults: Option<u64>,
    /// Pages scanned by reclaim.
    pub nr_pages_scanned: Option<u64>,
    /// Pages reclaimed.
    pub nr_pages_reclaimed: Option<u64>,
}

/// Who reclaims. `pgscan_anon` and `pgscan_file` are the same pages by kind, `pgscan_direct_throttle`
/// are no pages at all.
const RECLAIMERS: &[&str] = &["kswapd", "direct", "khugepaged", "proactive"];

/// Block devices that stand on others, or on memory: their completions are no progress of their own.
const STACKED_DISKS: &[&str] = &["loop", "ram", "zram", "dm-", "md"];

/// Parses `/proc/vmstat`.
#[must_use]
pub fn parse_vmstat(text: &str) -> VmCounters {
    let mut counters = VmCounters::default();
    for line in text.lines() {
        let Some((name, value)) = line.split_once(' ') else {
            continue;
        };
        let value = number(Some(value.trim_end()));
        if name == "pgfault" {
            counters.nr_page_faults = value;
        } else if let Some(who) = name.strip_prefix("pgscan_") {
            add(&mut counters.nr_pages_scanned, who, value);
        } else if let Some(who) = name.strip_prefix("pgsteal_") {
            add(&mut counters.nr_pages_reclaimed, who, value);
        }
    }
    counters
}

fn add(sum: &mut Option<u64>, who: &str, value: Option<u64>) {
    if let Some(value) = value.filter(|_| RECLAIMERS.contains(&who)) {
        *sum = Some(sum.unwrap_or(0).saturating_add(value));
    }
}

/// Requests completed (reads, writes, discards, flushes) by whole disks; `None` without a disk.
///
/// The kernel lists a disk and then its partitions, so that a name which continues the disk before it is
/// a partition.
#[must_use]
pub fn parse_diskstats(text: &str) -> Option<u64> {
    let mut disk = "";
    let mut sum = None;
    for line in text.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let Some(&name) = fields.get(2) else { continue };
        if is_partition(name, disk) {
            continue;
        }
        disk = name;
        if STACKED_DISKS
            .iter()
            .any(|stacked| name.starts_with(stacked))
        {
            continue;
        }
        for completions in [3, 7, 14, 18] {
            if let Some(nr) = number(fields.get(completions).copied()) {
                sum = Some(sum.unwrap_or(0_u64).saturating_add(nr));
            }
        }
    }
    sum
}

fn is_partition(name: &str, disk: &str) -> bool {
    let Some(rest) = name.strip_prefix(disk).filter(|_| !disk.is_empty()) else {
        return false;
    };
    let number = if disk.ends_with(|last: char| last.is_ascii_digit()) {
        rest.strip_prefix('p')
    } else {
        Some(rest)
    };
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Packets received and sent by all interfaces, loopback included; `None` without an interface.
#[must_use]
pub fn parse_net_dev(text: &str) -> Option<u64> {
    let mut sum = None;
    for line in text.lines() {
        let Some((_interface, fields)) = line.rsplit_once(':') else {
            continue;
        };
        let mut fields = fields.split_ascii_whitespace();
        let received = number(fields.nth(1));
        let sent = number(fields.nth(7));
        if let (Some(received), Some(sent)) = (received, sent) {
            let both = received.saturating_add(sent);
            sum = Some(sum.unwrap_or(0_u64).saturating_add(both));
        }
    }
    sum
}

/// Load average over one minute.
#[must_use]
pub fn parse_loadavg(text: &str) -> Option<f64> {
    let load: f64 = text.split_ascii_whitespace().next()?.parse().ok()?;
    (load.is_finite() && load >= 0.0).then_some(load)
}

/// Threads of the host: the second number of `running/all`.
#[must_use]
pub fn parse_nr_threads(text: &str) -> Option<u64> {
    let (_, all) = text.split_ascii_whitespace().nth(3)?.split_once('/')?;
    number(Some(all))
}
