//! More counters of the host: memory, network input, interrupts.
//!
//! In: `vmstat`, `net/softnet_stat`, `net/snmp`, `softirqs`, `interrupts`. Out: [`HostCounters`]. Refuses: 0
//! for a line that is not there.

use std::collections::BTreeMap;

use livelock_core::activity::{HostCounter, HostCounters};

use super::stat::number;

/// Sums of `/proc/vmstat` by beginning of the name.
const VMSTAT: &[(&str, HostCounter)] = &[
    ("allocstall_", HostCounter::DirectReclaims),
    ("workingset_refault_", HostCounter::Refaults),
    ("compact_stall", HostCounter::CompactStalls),
    ("compact_fail", HostCounter::CompactFails),
    ("nr_tlb_remote_flush ", HostCounter::TlbRemoteFlushes),
];

/// Rows of `/proc/softirqs`.
const SOFTIRQS: &[(&str, HostCounter)] = &[
    ("TIMER", HostCounter::TimerSoftirqs),
    ("NET_RX", HostCounter::NetRxSoftirqs),
    ("HRTIMER", HostCounter::HrtimerSoftirqs),
    ("RCU", HostCounter::RcuSoftirqs),
];

/// Rows of `/proc/interrupts` on x86-64 and arm64 by which CPUs call one another; a rescheduling interrupt
/// is an ordinary wake-up.
const CALLS: &[&str] = &["CAL", "TLB", "IPI1", "IPI2"];
/// Rows of the local timer; on arm64 it is a device line called `arch_timer`.
const TIMERS: &[&str] = &["LOC"];
const TIMER_DEVICES: &[&str] = &["arch_timer", "hrtimer", "timer"];

/// What the sum of a row is put down to.
fn add(values: &mut BTreeMap<HostCounter, u64>, counter: HostCounter, nr: u64) {
    let sum = values.entry(counter).or_default();
    *sum = sum.saturating_add(nr);
}

pub(super) fn vmstat(text: &str, into: &mut HostCounters) {
    for line in text.lines() {
        for &(beginning, counter) in VMSTAT {
            if line.starts_with(beginning)
                && let Some((_, value)) = line.split_once(' ')
                && let Some(nr) = number(Some(value.trim_end()))
            {
                add(&mut into.values, counter, nr);
            }
        }
    }
}

/// One row a CPU, hexadecimal: processed, dropped, squeezed, …
pub(super) fn softnet(text: &str, into: &mut HostCounters) {
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        for counter in [
            HostCounter::PacketsProcessed,
            HostCounter::PacketsDropped,
            HostCounter::PollsSqueezed,
        ] {
            let Some(nr) = words
                .next()
                .and_then(|word| u64::from_str_radix(word, 16).ok())
            else {
                break;
            };
            add(&mut into.values, counter, nr);
        }
    }
}

/// Pairs of lines: names, values.
pub(super) fn snmp(text: &str, into: &mut HostCounters) {
    let mut lines = text.lines();
    while let (Some(names), Some(values)) = (lines.next(), lines.next()) {
        if !names.starts_with("Udp:") || !values.starts_with("Udp:") {
            continue;
        }
        let pairs = names
            .split_ascii_whitespace()
            .zip(values.split_ascii_whitespace());
        for (name, value) in pairs {
            let counter = match name {
                "InDatagrams" => HostCounter::DatagramsDelivered,
                "RcvbufErrors" | "NoPorts" => HostCounter::DatagramsRefused,
                _ => continue,
            };
            if let Some(nr) = number(Some(value)) {
                add(&mut into.values, counter, nr);
            }
        }
    }
}

pub(super) fn softirqs(text: &str, into: &mut HostCounters) {
    for line in text.lines() {
        let Some((name, counts)) = line.split_once(':') else {
            continue;
        };
        let nr = sum(counts.split_ascii_whitespace()).0;
        add(&mut into.values, HostCounter::Softirqs, nr);
        let known = SOFTIRQS.iter().find(|(row, _)| *row == name.trim());
        if let Some(&(_, counter)) = known {
            add(&mut into.values, counter, nr);
        }
    }
}

pub(super) fn interrupts(text: &str, into: &mut HostCounters) {
    for line in text.lines() {
        let Some((row, rest)) = line.split_once(':') else {
            continue;
        };
        let row = row.trim();
        let (nr, device) = sum(rest.split_ascii_whitespace());
        if CALLS.contains(&row) {
            add(&mut into.values, HostCounter::CallInterrupts, nr);
        } else if TIMERS.contains(&row) || device.is_some_and(|name| TIMER_DEVICES.contains(&name))
        {
            add(&mut into.values, HostCounter::TimerInterrupts, nr);
        } else if row.bytes().all(|byte| byte.is_ascii_digit()) {
            add(&mut into.values, HostCounter::DeviceInterrupts, nr);
            into.by_line
                .insert(format!("{row} {}", device.unwrap_or("unnamed")), nr);
        }
    }
}

/// Sum of the leading numbers, and the last word after them.
fn sum<'text>(words: impl Iterator<Item = &'text str>) -> (u64, Option<&'text str>) {
    let mut nr = 0_u64;
    let mut last = None;
    let mut counts = true;
    for word in words {
        match number(Some(word)).filter(|_| counts) {
            Some(count) => nr = nr.saturating_add(count),
            None => {
                counts = false;
                last = Some(word);
            }
        }
    }
    (nr, last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rows_are_told_apart() {
        let mut host = HostCounters::default();
        interrupts(
            "           CPU0       CPU1\n 36:          1     349338  PCI-MSIX   1-edge      virtio1-req.0\n\
             LOC:         10         20   Local timer interrupts\nRES: 5 5 Rescheduling\nCAL: 3 4 Function call\n\
             TLB: 1 1 TLB shootdowns\nERR: 0\n",
            &mut host,
        );
        softirqs("     CPU0 CPU1\n NET_RX: 7 8\n RCU: 1 1\n", &mut host);
        softnet("00000025 00000001 00000002\n0000000b 0 0\n", &mut host);
        snmp(
            "Ip: A B\nIp: 1 2\nUdp: InDatagrams NoPorts InErrors RcvbufErrors\nUdp: 274 1 9 5\n",
            &mut host,
        );
        vmstat(
            "allocstall_normal 3\nallocstall_movable 4\ncompact_stall 1\nnr_tlb_remote_flush 9\nnr_tlb_remote_flush_received 99\n",
            &mut host,
        );
        let get = |counter| host.get(counter);
        assert_eq!(host.by_line["36 virtio1-req.0"], 349_339);
        assert_eq!(get(HostCounter::CallInterrupts), Some(9));
        assert_eq!(get(HostCounter::TimerInterrupts), Some(30));
        assert_eq!(get(HostCounter::NetRxSoftirqs), Some(15));
        assert_eq!(get(HostCounter::Softirqs), Some(17));
        assert_eq!(get(HostCounter::PacketsProcessed), Some(0x30));
        assert_eq!(get(HostCounter::PacketsDropped), Some(1));
        assert_eq!(get(HostCounter::DatagramsDelivered), Some(274));
        assert_eq!(get(HostCounter::DatagramsRefused), Some(6));
        assert_eq!(get(HostCounter::DirectReclaims), Some(7));
        assert_eq!(get(HostCounter::TlbRemoteFlushes), Some(9));
        assert_eq!(get(HostCounter::Refaults), None);
    }

    proptest! {
        #[test]
        fn any_text_is_survived(text in "(\\PC{0,40}\n){0,8}") {
            let mut host = HostCounters::default();
            for parse in [vmstat, softnet, snmp, softirqs, interrupts] {
                parse(&text, &mut host);
            }
        }
    }
}
