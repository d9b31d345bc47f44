//! What is booked where: waits that are over but not folded, and our own process.

use std::collections::BTreeMap;

use crate::scenario::{LOCK, empty_totals};
use livelock_core::event::{
    CpuCounters, CpuTimes, Event, LockKind, LockTotals, OwnProcess, SampleEvent, SampleMode,
    TaskRef, UnfoldedWait,
};
use livelock_core::ids::{CpuId, MonotonicNs, Pid, Tgid};
use livelock_core::window::{WindowBuilder, is_of_one_moment};

const CPU: CpuId = CpuId(0);

fn cpu(spin_ns: u64) -> Event {
    let counters = CpuCounters {
        spin_ns,
        ..CpuCounters::default()
    };
    Event::Cpu { cpu: CPU, counters }
}

fn folded(spin_ns: u64) -> Event {
    Event::LockTotals(LockTotals {
        nr_waits: 1,
        wait_ns: spin_ns,
        spin_ns,
        ..empty_totals(CPU, LockKind::Spinlock)
    })
}

#[test]
fn a_snapshot_that_is_taken_again_counts_once() {
    let unfolded = Event::Unfolded(UnfoldedWait {
        lock: LOCK,
        kind: LockKind::Spinlock,
        cpu: CPU,
        spin_ns: 70,
        wait: None,
    });
    let mut builder = WindowBuilder::new(1);
    builder.fold(cpu(0));
    builder.baseline(MonotonicNs(0));
    for event in [cpu(70), unfolded] {
        assert!(is_of_one_moment(&event));
        builder.fold(event);
    }
    builder.forget_moment();
    builder.fold(cpu(90));
    builder.fold(folded(90));
    let window = builder.close(MonotonicNs(0), MonotonicNs(100));
    assert_eq!(window.traced_spin_ns, Some(90));
    let of_lock: Vec<_> = window.locks.iter().map(|lock| lock.spin_ns).collect();
    assert_eq!(of_lock, [90]);
    assert!(!is_of_one_moment(&folded(90)), "sums only grow");
}

#[test]
fn a_wait_over_but_not_folded_burns_in_the_window_in_which_it_ended() {
    let mut builder = WindowBuilder::new(1);
    builder.fold(cpu(0));
    builder.baseline(MonotonicNs(0));

    // 70 ns ended in the first window, which the CPU's counter knows and its table does not.
    builder.fold(cpu(70));
    builder.fold(Event::Unfolded(UnfoldedWait {
        lock: LOCK,
        kind: LockKind::Spinlock,
        cpu: CPU,
        spin_ns: 70,
        wait: None,
    }));
    let first = builder.close(MonotonicNs(0), MonotonicNs(100));
    // The table of the second window holds them, with 20 ns of another wait.
    builder.fold(cpu(90));
    builder.fold(folded(90));
    let second = builder.close(MonotonicNs(100), MonotonicNs(200));

    let of_lock = |window: &livelock_core::window::Window| {
        let burned = window.locks.iter().map(|lock| (lock.lock, lock.spin_ns));
        burned.collect::<BTreeMap<_, _>>().remove(&Some(LOCK))
    };
    assert_eq!(first.traced_spin_ns, Some(70));
    assert_eq!(second.traced_spin_ns, Some(20));
    assert_eq!(of_lock(&second), Some(20), "not booked again by the table");
    let sum: u64 = [&first, &second].into_iter().filter_map(of_lock).sum();
    assert_eq!(sum, 90, "each nanosecond once");
}

#[test]
fn our_own_process_is_not_what_the_host_is_busy_with() {
    let tool = Tgid(4711);
    let snapshot = |user_ns, idle_ns, own_ns| {
        let times = CpuTimes {
            user_ns,
            idle_ns,
            ..CpuTimes::default()
        };
        let own = OwnProcess {
            tgid: tool,
            user_ns: own_ns,
            system_ns: 0,
        };
        [
            cpu(0),
            Event::CpuTimes { cpu: CPU, times },
            Event::OwnProcess(own),
        ]
    };
    let sample = |tgid: Tgid| {
        Event::Sample(SampleEvent {
            cpu: CPU,
            taken: MonotonicNs(1),
            task: TaskRef {
                pid: Pid(tgid.0),
                tgid,
                comm: None,
            },
            mode: SampleMode::User,
            in_traced_spin: false,
            in_self: false,
            prio: None,
            user_ip: None,
            first_arg: None,
            frames: Vec::new(),
        })
    };
    let mut builder = WindowBuilder::new(1);
    snapshot(0, 0, 0).into_iter().for_each(|e| builder.fold(e));
    builder.baseline(MonotonicNs(0));
    // 40 ms of user time in 100 ms, 30 of them the tool's.
    snapshot(40_000_000, 60_000_000, 30_000_000)
        .into_iter()
        .for_each(|e| builder.fold(e));
    builder.fold(sample(tool));
    builder.fold(sample(Tgid(1)));
    let window = builder.close(MonotonicNs(0), MonotonicNs(100_000_000));
    let books = crate::scenario::books(&window).unwrap();
    assert_eq!(books.own_ns, 30_000_000);
    assert_eq!(books.busy_ns(), 10_000_000);
    assert_eq!(books.user_ns, 10_000_000);
    assert_eq!(books.samples.nr_busy, 1, "samples of the tool do not count");
}
