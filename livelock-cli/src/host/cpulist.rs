//! Lists of CPUs.
//!
//! In: `0-3,8` as of `/sys/devices/system/cpu/online`. Out: how many. Refuses: damaged lists.

/// Number of CPUs in a list.
#[must_use]
pub fn parse_cpulist(text: &str) -> Option<u32> {
    let mut nr_cpus = 0_u32;
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        let nr_in_range = last.checked_sub(first)?.checked_add(1)?;
        nr_cpus = nr_cpus.checked_add(nr_in_range)?;
    }
    Some(nr_cpus)
}
