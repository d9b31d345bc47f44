//! Lists of CPUs.
//!
//! In: `0-3,8` as of `/sys/devices/system/cpu/online`. Out: how many, or which. Refuses: damaged lists.

use std::collections::BTreeSet;

use livelock_core::ids::CpuId;

/// More CPUs than any kernel can be built for (`NR_CPUS`, arch/x86/Kconfig: 8192).
const MAX_CPU: u32 = 8192;

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

/// The CPUs of a list.
#[must_use]
pub fn cpus_of_list(text: &str) -> Option<BTreeSet<CpuId>> {
    let mut cpus = BTreeSet::new();
    for range in text.trim().split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
        if first > last || last >= MAX_CPU {
            return None;
        }
        cpus.extend((first..=last).map(CpuId));
    }
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_their_sizes_agree() {
        for (text, nr) in [("0", 1), ("0-3,8", 5), ("2,4-5\n", 3)] {
            assert_eq!(parse_cpulist(text), Some(nr));
            assert_eq!(cpus_of_list(text).map(|cpus| cpus.len()), Some(nr as usize));
        }
        for text in ["", "a", "3-1", "1,,2", "0-9999999", "-1"] {
            assert_eq!(cpus_of_list(text), None, "{text}");
        }
    }
}
