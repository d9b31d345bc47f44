//! Properties of windows, ledgers, books and the confidence guard.

use std::collections::{BTreeMap, BTreeSet};

use crate::scenario::{LOCK, empty_totals};
use livelock_core::event::{
    CpuCounters, CpuTimes, Event, InFlightWait, LockKind, LockTotals, OwnProcess, ProgressCounters,
    SampleEvent, SampleMode, StackEvent, TaskRef, WaitEvent,
};
use livelock_core::hist::WaitHistogram;
use livelock_core::ids::{CgroupId, CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};
use livelock_core::verdict::{Confidence, EvidenceSource, ProgressState};
use livelock_core::window::WindowBuilder;
use proptest::prelude::*;

const NR_CPUS: u32 = 4;
const WINDOW_NS: u64 = 1_000_000_000;

fn kind() -> impl Strategy<Value = LockKind> {
    prop_oneof![
        Just(LockKind::Spinlock),
        Just(LockKind::Rwlock),
        Just(LockKind::Mutex)
    ]
}

fn stack_id() -> impl Strategy<Value = StackId> {
    (0..NR_CPUS, 1u32..4).prop_map(|(cpu, number)| StackId {
        cpu: CpuId(cpu),
        number,
    })
}

/// Few distinct values, so that ties are common.
fn event() -> impl Strategy<Value = Event> {
    let ns = 0u64..4;
    let totals = (
        0..NR_CPUS,
        prop::option::of(1u64..4),
        kind(),
        0u64..3,
        0u64..9,
        0u64..9,
    )
        .prop_map(|(cpu, lock, kind, nr, wait_ns, spin_ns)| {
            let mut hist = WaitHistogram::default();
            hist.record(wait_ns * 100);
            Event::LockTotals(LockTotals {
                lock: lock.map(LockAddr),
                nr_begun: nr,
                nr_waits: nr,
                wait_ns,
                spin_ns,
                max_ns: wait_ns,
                hist,
                ..empty_totals(CpuId(cpu), kind)
            })
        });
    let wait = (
        1u64..3,
        kind(),
        ns.clone(),
        ns.clone(),
        0u32..2,
        prop::option::of(stack_id()),
        any::<bool>(),
    )
        .prop_map(|(lock, kind, begin, end, pid, stack, acquired)| {
            Event::Wait(WaitEvent {
                lock: LockAddr(lock),
                kind,
                begin: MonotonicNs(begin),
                in_line_after_ns: None,
                end: MonotonicNs(end),
                spin_ns: end,
                pid: Pid(pid),
                tgid: Tgid(1),
                cpu: CpuId(pid),
                stack,
                acquired,
            })
        });
    let stack = (
        stack_id(),
        1u32..3,
        ns.clone(),
        kind(),
        prop::collection::vec(1u64..3, 0..3),
    )
        .prop_map(|(id, weight, taken, kind, frames)| {
            Event::Stack(StackEvent {
                id,
                weight,
                taken: MonotonicNs(taken),
                lock: LockAddr(1),
                kind,
                task: TaskRef {
                    pid: Pid(1),
                    tgid: Tgid(1),
                    comm: None,
                },
                cgroup: CgroupId(1),
                place: None,
                owner: None,
                frames: frames.into_iter().map(CodeAddr).collect(),
                user_frames: Vec::new(),
            })
        });
    let sample = (
        0..NR_CPUS,
        ns.clone(),
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
    )
        .prop_map(|(cpu, taken, user, in_traced_spin, in_self)| {
            Event::Sample(SampleEvent {
                cpu: CpuId(cpu),
                taken: MonotonicNs(taken),
                task: TaskRef {
                    pid: Pid(1),
                    tgid: Tgid(1),
                    comm: None,
                },
                mode: if user {
                    SampleMode::User
                } else {
                    SampleMode::Kernel
                },
                in_traced_spin,
                in_self,
                prio: None,
                user_ip: None,
                first_arg: None,
                frames: Vec::new(),
            })
        });
    let open = (1u64..4, kind(), ns, 0u64..9, 0..NR_CPUS, any::<bool>()).prop_map(
        |(lock, kind, begin, spin_ns, cpu, spinning)| {
            Event::InFlight(InFlightWait {
                lock: LockAddr(lock),
                kind,
                begin: MonotonicNs(begin),
                in_line_after_ns: None,
                spin_ns,
                unbooked_spin_ns: spin_ns,
                spinning,
                cpu: CpuId(cpu),
                pid: Pid(1),
                tgid: Tgid(1),
                stack: None,
            })
        },
    );
    let counters =
        (0..NR_CPUS, 0u64..50, 0u64..50, 0u64..3).prop_map(|(cpu, nr, spin_ns, nr_open_spin)| {
            Event::Cpu {
                cpu: CpuId(cpu),
                counters: CpuCounters {
                    nr_begun: nr,
                    nr_completed: nr,
                    nr_open_spin,
                    spin_ns,
                    ..CpuCounters::default()
                },
            }
        });
    let times =
        (0..NR_CPUS, 0u64..50, 0u64..50).prop_map(|(cpu, user_ns, idle_ns)| Event::CpuTimes {
            cpu: CpuId(cpu),
            times: CpuTimes {
                user_ns,
                idle_ns,
                ..CpuTimes::default()
            },
        });
    let progress = (prop::option::of(0u64..9), prop::option::of(0u64..9)).prop_map(|(a, b)| {
        Event::Progress(ProgressCounters {
            nr_context_switches: a,
            nr_forks: b,
            ..ProgressCounters::default()
        })
    });
    let recursion = prop::option::of(0u64..9).prop_map(Event::RecursionMisses);
    let own = (0u64..9).prop_map(|user_ns| {
        Event::OwnProcess(OwnProcess {
            tgid: Tgid(1),
            user_ns,
            system_ns: 0,
        })
    });
    prop_oneof![
        totals, wait, stack, sample, open, counters, times, progress, recursion, own
    ]
}

fn shuffled() -> impl Strategy<Value = (Vec<Event>, Vec<Event>)> {
    prop::collection::vec(event(), 0..60)
        .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
}

proptest! {
    #[test]
    fn windows_do_not_depend_on_the_order_of_events(rounds in prop::collection::vec(shuffled(), 1..4)) {
        let mut straight = WindowBuilder::new(NR_CPUS);
        let mut mixed = WindowBuilder::new(NR_CPUS);
        for (i, (events, shuffled)) in rounds.into_iter().enumerate() {
            let begin = MonotonicNs(i as u64 * WINDOW_NS);
            let end = MonotonicNs((i as u64 + 1) * WINDOW_NS);
            events.into_iter().for_each(|event| straight.fold(event));
            shuffled.into_iter().for_each(|event| mixed.fold(event));
            prop_assert_eq!(straight.close(begin, end), mixed.close(begin, end));
        }
    }

    #[test]
    fn the_time_ledger_books_each_nanosecond_once(
        cpus in prop::collection::vec(prop::array::uniform7(0u64..1_500_000_000), 1..5),
        spin_ns in 0u64..8_000_000_000,
        nr_untraced in 0usize..60,
        nr_user in 0usize..60,
    ) {
        let nr_cpus = cpus.len() as u32;
        let mut builder = WindowBuilder::new(nr_cpus);
        for cpu in (0..nr_cpus).map(CpuId) {
            builder.fold(Event::CpuTimes { cpu, times: CpuTimes::default() });
            builder.fold(Event::Cpu { cpu, counters: CpuCounters::default() });
        }
        builder.baseline(MonotonicNs(0));
        for (cpu, t) in (0..nr_cpus).map(CpuId).zip(&cpus) {
            let [user_ns, system_ns, idle_ns, iowait_ns, hardirq_ns, softirq_ns, steal_ns] = *t;
            let times = CpuTimes { user_ns, system_ns, idle_ns, iowait_ns, hardirq_ns, softirq_ns, steal_ns };
            builder.fold(Event::CpuTimes { cpu, times });
            let spin_ns = spin_ns / u64::from(nr_cpus);
            builder.fold(Event::Cpu { cpu, counters: CpuCounters { spin_ns, ..CpuCounters::default() } });
        }
        for i in 0..nr_untraced + nr_user {
            let spins = i < nr_untraced;
            builder.fold(Event::Sample(SampleEvent {
                cpu: CpuId(0),
                taken: MonotonicNs(i as u64),
                task: TaskRef { pid: Pid(9), tgid: Tgid(9), comm: None },
                mode: if spins { SampleMode::Kernel } else { SampleMode::User },
                in_traced_spin: false,
                in_self: false,
                prio: None,
                user_ip: None,
                first_arg: None,
                frames: if spins { vec![crate::scenario::at("native_queued_spin_lock_slowpath")] } else { Vec::new() },
            }));
        }
        let window = builder.close(MonotonicNs(0), MonotonicNs(WINDOW_NS));
        let books = crate::scenario::books(&window).expect("books");
        let parts = books.user_ns + books.kernel_ns + books.traced_spin_ns + books.untraced_spin_ns
            + books.hardirq_ns + books.softirq_ns + books.unknown_ns;
        prop_assert_eq!(parts, books.busy_ns());
        prop_assert_eq!(parts + books.idle_ns + books.steal_ns, books.capacity_ns);
        let t = books.ledger();
        let pcts = [t.idle_pct, t.user_pct, t.kernel_pct, t.traced_spin_pct, t.untraced_spin_pct,
            t.hardirq_pct, t.softirq_pct, t.steal_pct, t.own_pct];
        prop_assert!(pcts.iter().flatten().all(|&pct| (0.0..=100.0).contains(&pct)), "{:?}", t);
        prop_assert!(pcts.iter().flatten().sum::<f64>() <= 100.0 + 1e-6);
        prop_assert!(books.omega().is_none_or(|omega| (0.0..=1.0).contains(&omega)));
    }

    /// One CPU waits, and waits, and waits: what the windows burn is what the waits lasted.
    #[test]
    fn burn_telescopes(lengths_ns in prop::collection::vec((1u64..3_000_000_000, 0u64..500_000_000), 1..12)) {
        let mut waits = Vec::new();
        let mut now_ns = 0;
        for (wait_ns, pause_ns) in lengths_ns {
            now_ns += pause_ns;
            waits.push((now_ns, now_ns + wait_ns));
            now_ns += wait_ns;
        }
        let mut builder = WindowBuilder::new(1);
        let cpu = CpuId(0);
        builder.fold(Event::Cpu { cpu, counters: CpuCounters::default() });
        builder.baseline(MonotonicNs(0));
        let (mut burned_ns, mut burned_on_lock_ns, mut closed_ns) = (0, 0, 0);
        for i in 0..=now_ns / WINDOW_NS {
            let (from_ns, to_ns) = (i * WINDOW_NS, (i + 1) * WINDOW_NS);
            let mut totals = empty_totals(cpu, LockKind::Spinlock);
            for &(begin_ns, end_ns) in &waits {
                if end_ns > from_ns && end_ns <= to_ns {
                    closed_ns += end_ns - begin_ns;
                    totals.spin_ns += end_ns - begin_ns;
                    totals.nr_waits += 1;
                } else if begin_ns < to_ns && end_ns > to_ns {
                    builder.fold(Event::InFlight(InFlightWait {
                        lock: LOCK, kind: LockKind::Spinlock, begin: MonotonicNs(begin_ns), in_line_after_ns: None,
                        spin_ns: to_ns - begin_ns,
                        unbooked_spin_ns: to_ns - begin_ns, spinning: true, cpu, pid: Pid(1), tgid: Tgid(1), stack: None,
                    }));
                }
            }
            builder.fold(Event::LockTotals(totals));
            builder.fold(Event::Cpu { cpu, counters: CpuCounters { spin_ns: closed_ns, ..CpuCounters::default() } });
            let window = builder.close(MonotonicNs(from_ns), MonotonicNs(to_ns));
            let overlap_ns: u64 = waits.iter().map(|&(b, e)| e.min(to_ns).saturating_sub(b.max(from_ns))).sum();
            prop_assert_eq!(window.traced_spin_ns, Some(overlap_ns));
            prop_assert_eq!(window.locks[0].spin_ns, overlap_ns);
            burned_ns += overlap_ns;
            burned_on_lock_ns += window.locks[0].spin_ns;
        }
        let waited_ns: u64 = waits.iter().map(|(b, e)| e - b).sum();
        prop_assert_eq!(burned_ns, waited_ns);
        prop_assert_eq!(burned_on_lock_ns, waited_ns);
    }

    #[test]
    fn high_confidence_needs_two_sources_and_failed_progress(
        nr_sources in 0usize..=5, progress in 0usize..4, lossy in any::<bool>(), wanted in 0usize..3,
    ) {
        use EvidenceSource as S;
        use ProgressState as P;
        let all = [S::ContentionTracepoints, S::Sampler, S::ProcStat, S::ProgressCounters, S::InFlight];
        let sources: BTreeSet<_> = all.into_iter().take(nr_sources).collect();
        let progress = [P::Normal, P::Collapsed, P::Stalled, P::Unknown][progress];
        let wanted = [Confidence::Low, Confidence::Medium, Confidence::High][wanted];
        let got = Confidence::guarded(wanted, &sources, progress, lossy);
        prop_assert!(got <= wanted);
        if got == Confidence::High {
            prop_assert!(nr_sources >= 2 && !lossy && matches!(progress, P::Collapsed | P::Stalled));
        }
        if lossy || nr_sources == 0 {
            prop_assert_eq!(got, Confidence::Low);
        }
        if nr_sources >= 2 && !lossy && progress == P::Collapsed {
            prop_assert_eq!(got, wanted);
        }
    }
}

#[test]
fn the_first_window_without_a_baseline_has_no_differences() {
    let mut builder = WindowBuilder::new(1);
    let cpu = CpuId(0);
    let snapshot = |user_ns| Event::CpuTimes {
        cpu,
        times: CpuTimes {
            user_ns,
            ..CpuTimes::default()
        },
    };
    builder.fold(snapshot(5_000));
    assert!(
        builder
            .close(MonotonicNs(0), MonotonicNs(1))
            .cpu_times
            .is_empty()
    );
    builder.fold(snapshot(5_007));
    let window = builder.close(MonotonicNs(1), MonotonicNs(2));
    assert_eq!(window.cpu_times[&cpu].user_ns, 7);
    assert_eq!(
        crate::scenario::books(&window),
        None,
        "no counters of the programs"
    );
}

#[test]
fn a_torn_snapshot_is_made_up_for_in_the_next_window() {
    let mut builder = WindowBuilder::new(1);
    let cpu = CpuId(0);
    let snapshot = |spin_ns| Event::Cpu {
        cpu,
        counters: CpuCounters {
            spin_ns,
            ..CpuCounters::default()
        },
    };
    builder.fold(snapshot(10));
    builder.baseline(MonotonicNs(0));
    assert_eq!(
        builder
            .close(MonotonicNs(0), MonotonicNs(100))
            .traced_spin_ns,
        None
    );
    builder.fold(snapshot(50));
    assert_eq!(
        builder
            .close(MonotonicNs(100), MonotonicNs(200))
            .traced_spin_ns,
        Some(40)
    );
}

#[test]
fn a_window_survives_json() {
    let mut sim = crate::scenario::Sim::new(2);
    sim.run(2, crate::scenario::futex_collapse());
    let window = &sim.windows[1];
    let json = serde_json::to_string(window).expect("json");
    let back: livelock_core::window::Window = serde_json::from_str(&json).expect("window");
    assert_eq!(&back, window);
    assert!(!window.cpu_counters.is_empty() && window.cpu_counters != BTreeMap::new());
}
