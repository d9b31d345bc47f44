//! Verdicts on a part of the host.

use std::collections::BTreeSet;

use livelock_core::event::{
    CpuCounters, CpuTimes, Event, InFlightWait, LockKind, LockTotals, ProgressCounters,
};
use livelock_core::hist::WaitHistogram;
use livelock_core::ids::{CpuId, LockAddr, MonotonicNs, Pid, Tgid};
use livelock_core::ledger::progress::{Tokens, tokens};
use livelock_core::recording::carries_over;
use livelock_core::scope::Scope;
use livelock_core::window::{Window, WindowBuilder};

const SECOND_NS: u64 = 1_000_000_000;

/// CPU 0 spins, CPU 1 idles; one wait is open on each.
fn window(scope: Scope) -> Window {
    let mut builder = WindowBuilder::new(2).within(scope);
    for (second, begun) in [(0u64, 0u64), (1, 1)] {
        for cpu in 0..2u32 {
            let is_busy = cpu == 0;
            let ns = second * SECOND_NS;
            builder.fold(Event::CpuTimes {
                cpu: CpuId(cpu),
                times: CpuTimes {
                    system_ns: if is_busy { ns } else { 0 },
                    idle_ns: if is_busy { 0 } else { ns },
                    ..CpuTimes::default()
                },
            });
            builder.fold(Event::Cpu {
                cpu: CpuId(cpu),
                counters: CpuCounters {
                    nr_begun: begun,
                    spin_ns: if is_busy { ns } else { 0 },
                    ..CpuCounters::default()
                },
            });
            if second == 1 {
                builder.fold(Event::InFlight(InFlightWait {
                    lock: LockAddr(0x1000),
                    kind: LockKind::Mutex,
                    begin: MonotonicNs(SECOND_NS / 2),
                    in_line_after_ns: None,
                    spin_ns: 0,
                    unbooked_spin_ns: 0,
                    spinning: false,
                    cpu: CpuId(cpu),
                    pid: Pid(7 + cpu),
                    tgid: Tgid(7),
                    stack: None,
                }));
            }
        }
        if second == 0 {
            builder.baseline(MonotonicNs(0));
        }
    }
    builder.close(MonotonicNs(0), MonotonicNs(SECOND_NS))
}

fn of(cpus: &[u32]) -> Scope {
    Scope::of_cpus(cpus.iter().copied().map(CpuId).collect::<BTreeSet<_>>())
}

#[test]
fn a_scope_has_its_own_capacity_and_burn() {
    let whole = window(Scope::default());
    assert_eq!(whole.capacity_ns(), 2 * SECOND_NS);
    assert_eq!(whole.traced_spin_ns, Some(SECOND_NS));
    let spinning = window(of(&[0]));
    assert_eq!(spinning.capacity_ns(), SECOND_NS);
    assert_eq!(spinning.traced_spin_ns, Some(SECOND_NS));
    assert_eq!(spinning.cpu_times.len(), 1);
    let idle = window(of(&[1]));
    assert_eq!(idle.traced_spin_ns, Some(0));
    assert_eq!(idle.in_flight.len(), 1);
}

#[test]
fn the_books_are_for_the_whole_host() {
    for scope in [Scope::default(), of(&[0]), of(&[1])] {
        let accounting = window(scope).accounting;
        assert_eq!((accounting.nr_begun, accounting.nr_in_flight), (2, 2));
        assert_eq!(accounting.unaccounted, 0);
    }
}

/// What a counter that grows by `rate` a second shows after `second` of them.
fn grown(rate: u64, second: u64) -> Option<u64> {
    Some(1000 + rate * second)
}

/// The host switches 500 times a second, CPU 0 20 times and CPU 1 480 times; `is_told` says of which CPUs that is told at the
/// begin and at the end.
fn tokens_of(scope: Scope, is_told: fn(u64, u32) -> bool) -> (Tokens, Window) {
    let mut builder = WindowBuilder::new(2).within(scope);
    for second in [0u64, 1] {
        builder.fold(Event::Progress(ProgressCounters {
            nr_context_switches: grown(500, second),
            nr_forks: grown(7, second),
            nr_exits: grown(6, second),
            nr_page_faults: grown(90, second),
            nr_block_completions: grown(8, second),
            nr_packets: grown(60, second),
            nr_pages_scanned: grown(32, second),
            nr_pages_reclaimed: grown(31, second),
        }));
        for (cpu, rate) in [(0u32, 20), (1, 480)] {
            let id = CpuId(cpu);
            let progress = ProgressCounters {
                nr_context_switches: grown(rate, second),
                nr_page_faults: grown(rate / 20, second),
                ..ProgressCounters::default()
            };
            let event = Event::CpuProgress { cpu: id, progress };
            assert!(carries_over(&event), "a window of a recording starts there");
            if is_told(second, cpu) {
                builder.fold(event);
            }
            builder.fold(Event::Cpu {
                cpu: id,
                counters: CpuCounters::default(),
            });
            if second == 1 {
                builder.fold(Event::LockTotals(LockTotals {
                    cpu: id,
                    lock: Some(LockAddr(0x1000)),
                    kind: LockKind::Spinlock,
                    nr_begun: rate,
                    nr_waits: rate,
                    wait_ns: 0,
                    spin_ns: 0,
                    max_ns: 0,
                    nr_failed: 0,
                    hist: WaitHistogram::default(),
                }));
            }
        }
        if second == 0 {
            builder.baseline(MonotonicNs(0));
        }
    }
    let window = builder.close(MonotonicNs(0), MonotonicNs(SECOND_NS));
    (tokens(&window), window)
}

#[test]
fn tokens_are_those_of_the_cpus() {
    let told = |_, _| true;
    let (one, window) = tokens_of(of(&[0]), told);
    let expected = [
        ("context_switches", 20),
        ("handoffs", 20),
        ("page_faults", 1),
    ];
    assert_eq!(one, Tokens::from(expected));
    let pages = (
        window.progress.nr_pages_scanned,
        window.progress.nr_pages_reclaimed,
    );
    assert_eq!(pages, (Some(32), Some(31)), "reclaim is the host's");
    let (both, _) = tokens_of(of(&[0, 1]), told);
    assert_eq!(both.get("context_switches"), Some(&500));
    assert_eq!(both.get("page_faults"), Some(&25));
    assert_eq!(both.get("handoffs"), Some(&500));
    for source in ["forks", "exits"] {
        assert_eq!(both.get(source), None, "who forked where is not counted");
    }
}

#[test]
fn tokens_of_cpus_that_were_not_counted_are_unknown_not_those_of_the_host() {
    let handoffs = Tokens::from([("handoffs", 500)]);
    let nobody = |_, _| false;
    let not_all = |_, cpu| cpu == 0;
    let only_at_the_end = |second, _| second == 1;
    for is_told in [nobody, not_all, only_at_the_end] {
        assert_eq!(tokens_of(of(&[0, 1]), is_told).0, handoffs);
    }
}

#[test]
fn without_a_scope_tokens_are_those_of_the_host() {
    let told = |_, _| true;
    let (tokens, _) = tokens_of(Scope::default(), told);
    let expected = [
        ("block_completions", 8),
        ("context_switches", 500),
        ("exits", 6),
        ("handoffs", 500),
        ("packets", 60),
        ("page_faults", 90),
    ];
    assert_eq!(tokens, Tokens::from(expected));
}

#[test]
fn what_a_cpu_did_while_it_did_not_answer_is_booked_when_it_does() {
    let mut builder = WindowBuilder::new(2).within(of(&[0]));
    let mut close = |second: u64, switches: Option<u64>| {
        builder.fold(Event::CpuProgress {
            cpu: CpuId(0),
            progress: ProgressCounters {
                nr_context_switches: switches,
                nr_packets: grown(7, second),
                ..ProgressCounters::default()
            },
        });
        let begin = MonotonicNs(SECOND_NS * second.saturating_sub(1));
        let window = builder.close(begin, MonotonicNs(SECOND_NS * second));
        tokens(&window)
    };
    close(0, Some(100));
    let both = Tokens::from([("context_switches", 10), ("packets", 7)]);
    assert_eq!(close(1, Some(110)), both);
    assert_eq!(close(2, None), Tokens::from([("packets", 7)]));
    let spanning = Tokens::from([("context_switches", 25), ("packets", 7)]);
    assert_eq!(close(3, Some(135)), spanning);
}
