//! Parsers on text of real hosts and on noise, and one reading of this host.

use livelock_core::event::Event;
use livelock_core::ids::CpuId;
use proptest::prelude::*;

use super::*;

#[test]
fn stat_gives_nanoseconds_by_cpu() {
    let text = "cpu  300 0 0 0 0 0 0 0 0 0\n\
        cpu0 100 5 20 1000 7 1 2 3 50 0\n\
        cpu12 200 0 0 0 0 0 0 0\n\
        cpu3 1 2\n\
        intr 1 2 3\nctxt 4711\nbtime 1\nprocesses 99\n";
    let stat = parse_stat(text, 100);
    assert_eq!(
        stat.cpus.len(),
        2,
        "the sum and the damaged line do not count"
    );
    let (cpu, times) = stat.cpus[0];
    assert_eq!(cpu, CpuId(0));
    assert_eq!(
        times.user_ns, 1_050_000_000,
        "nice is user, guest is in it already"
    );
    assert_eq!(times.iowait_ns, 70_000_000);
    assert_eq!(times.steal_ns, 30_000_000);
    assert_eq!(stat.cpus[1].0, CpuId(12));
    assert_eq!(stat.nr_context_switches, Some(4711));
    assert_eq!(stat.nr_forks, Some(99));
}

#[test]
fn vmstat_sums_reclaimers_once() {
    let text = "pgfault 10\npgscan_kswapd 1\npgscan_direct 2\npgscan_direct_throttle 100\n\
        pgscan_anon 3\npgscan_khugepaged 4\npgsteal_kswapd 5\npgsteal_file 5\n";
    let counters = parse_vmstat(text);
    assert_eq!(counters.nr_page_faults, Some(10));
    assert_eq!(counters.nr_pages_scanned, Some(7));
    assert_eq!(counters.nr_pages_reclaimed, Some(5));
    assert_eq!(parse_vmstat("nr_free_pages 1\n"), VmCounters::default());
}

#[test]
fn diskstats_counts_whole_disks_that_stand_on_nothing() {
    let text = "   7  0 loop0 9 0 0 0 9 0 0 0 0 0 0\n\
        8  0 sda 10 0 0 0 20 0 0 0 0 0 0 3 0 0 0 4 0\n\
        8  1 sda1 5 0 0 0 5 0 0 0 0 0 0\n\
        8 16 sdaa 100 0 0 0 100 0 0 0 0 0 0\n\
        259 0 nvme0n1 1000 0 0 0 0 0 0 0 0 0 0\n\
        259 1 nvme0n1p1 7 0 0 0 7 0 0 0 0 0 0\n\
        259 2 nvme0n11 1 0 0 0 0 0 0 0 0 0 0\n\
        253 0 dm-0 9 0 0 0 9 0 0 0 0 0 0\n";
    assert_eq!(parse_diskstats(text), Some(37 + 200 + 1000 + 1));
    assert_eq!(parse_diskstats(""), None);
}

#[test]
fn net_dev_counts_packets_both_ways() {
    let text = "Inter-| Receive | Transmit\n face |bytes packets|bytes packets\n\
        lo: 3193 29 0 0 0 0 0 0 3193 29 0 0 0 0 0 0\n\
        eth0:294454015 6291 0 0 0 0 0 0 295997 3638 0 0 0 0 0 0\n\
        eth0:1: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n";
    assert_eq!(parse_net_dev(text), Some(29 + 29 + 6291 + 3638 + 2));
    assert_eq!(parse_net_dev("nothing"), None);
}

#[test]
fn loadavg_is_a_number_or_unknown() {
    assert_eq!(
        parse_loadavg("113.97 52.00 20.10 152/312 4711\n"),
        Some(113.97)
    );
    assert_eq!(
        parse_nr_threads("113.97 52.00 20.10 152/312 4711\n"),
        Some(312)
    );
    for damaged in ["", "1 1 1", "1 1 1 152", "1 1 1 152/x 4711"] {
        assert_eq!(parse_nr_threads(damaged), None, "{damaged:?}");
    }
    assert_eq!(parse_loadavg("nan 1 1"), None);
    assert_eq!(parse_loadavg(""), None);
}

#[test]
fn this_host_is_read_twice_with_growing_counters() {
    let Ok(mut counters) = HostCounters::open() else {
        println!("skipped: no /proc here");
        return;
    };
    let switches = |events: &[Event]| {
        events.iter().find_map(|event| match event {
            Event::Progress(progress) => progress.nr_context_switches,
            _ => None,
        })
    };
    let first = counters.read().expect("first reading");
    let second = counters.read().expect("second reading");
    assert!(matches!(first[0], Event::CpuTimes { .. }));
    assert!(first.iter().any(|e| matches!(e, Event::OwnProcess(_))));
    assert!(switches(&second) >= switches(&first) && switches(&first).is_some());
}

proptest! {
    #[test]
    fn any_text_is_survived(text in "\\PC*") {
        read_all(&text);
    }

    #[test]
    fn anything_that_looks_like_proc_is_survived(
        text in "((cpu[0-9]{0,12}|ctxt|pgscan_direct|pgfault|eth0:|8 0 sda|sda1)( [0-9]{0,24}){0,12}\n){0,8}",
        user_hz in 0_u64..2000,
    ) {
        let _ = parse_stat(&text, user_hz);
        read_all(&text);
    }
}

fn read_all(text: &str) {
    let _ = parse_stat(text, 100);
    let _ = parse_vmstat(text);
    let _ = parse_diskstats(text);
    let _ = parse_net_dev(text);
    let _ = parse_loadavg(text);
    let _ = parse_nr_threads(text);
}
