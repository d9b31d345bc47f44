//! Verdicts on a part of the host.

use std::collections::BTreeSet;

use livelock_core::event::{CpuCounters, CpuTimes, Event, InFlightWait, LockKind};
use livelock_core::ids::{CpuId, LockAddr, MonotonicNs, Pid, Tgid};
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
