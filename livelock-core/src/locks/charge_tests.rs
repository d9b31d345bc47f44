//! Tests of charging over windows whose waits are all known.

use super::super::digest;
use super::*;
use crate::event::{
    CpuCounters, DetailLossCause, Event, LockKind, LockTotals, SampleEvent, SampleMode, StackEvent,
    TaskRef, UnfoldedWait,
};
use crate::hist::WaitHistogram;
use crate::ids::{CgroupId, CodeAddr, CpuId, StackId, Tgid};
use crate::window::WindowBuilder;

#[path = "charge_holds_tests.rs"]
mod holds;

const LOCK: LockAddr = LockAddr(0x10);
const NR_CPUS: u32 = 3;
const WINDOW_NS: u64 = 1000;

fn task(pid: u32) -> TaskRef {
    TaskRef {
        pid: Pid(pid),
        tgid: Tgid(pid),
        comm: None,
    }
}

/// A wait of thread `pid` on its own CPU, with a stack.
fn wait(pid: u32, begin_ns: u64, end_ns: u64) -> WaitEvent {
    WaitEvent {
        lock: LOCK,
        kind: LockKind::Spinlock,
        begin: MonotonicNs(begin_ns),
        in_line_after_ns: None,
        end: MonotonicNs(end_ns),
        spin_ns: end_ns - begin_ns,
        pid: Pid(pid),
        tgid: Tgid(pid),
        cpu: CpuId(pid),
        stack: Some(stack_id(pid)),
        acquired: true,
    }
}

fn stack_id(pid: u32) -> StackId {
    StackId {
        cpu: CpuId(pid),
        number: 1,
    }
}

/// The stack of a thread has its number for a frame.
fn stack(pid: u32) -> Event {
    Event::Stack(StackEvent {
        id: stack_id(pid),
        weight: 1,
        taken: MonotonicNs(0),
        lock: LOCK,
        kind: LockKind::Spinlock,
        task: task(pid),
        cgroup: CgroupId(1),
        place: None,
        owner: None,
        user_frames: Vec::new(),
        frames: vec![CodeAddr(u64::from(pid))],
    })
}

fn unfolded(wait: WaitEvent) -> Event {
    Event::Unfolded(UnfoldedWait {
        lock: wait.lock,
        kind: wait.kind,
        cpu: wait.cpu,
        spin_ns: wait.spin_ns,
        wait: Some(wait),
    })
}

fn open(pid: u32, begin_ns: u64) -> Event {
    Event::InFlight(InFlightWait {
        lock: LOCK,
        kind: LockKind::Spinlock,
        begin: MonotonicNs(begin_ns),
        in_line_after_ns: None,
        spin_ns: 0,
        unbooked_spin_ns: 0,
        spinning: true,
        cpu: CpuId(pid),
        pid: Pid(pid),
        tgid: Tgid(pid),
        stack: None,
    })
}

fn totals(nr_waits: u64) -> Event {
    Event::LockTotals(LockTotals {
        cpu: CpuId(0),
        lock: Some(LOCK),
        kind: LockKind::Spinlock,
        nr_begun: nr_waits,
        nr_waits,
        wait_ns: 0,
        spin_ns: 0,
        max_ns: 0,
        nr_failed: 0,
        hist: WaitHistogram::default(),
    })
}

/// A hold that was traced from end to end, and the code that took the lock.
fn release(pid: u32, acquired_ns: u64, released_ns: u64, taken_at: Option<u64>) -> Event {
    Event::Release(ReleaseEvent {
        lock: LOCK,
        acquired: MonotonicNs(acquired_ns),
        released: MonotonicNs(released_ns),
        pid: Pid(pid),
        tgid: Tgid(pid),
        cpu: CpuId(pid),
        stack: None,
        taken_at: taken_at.map(CodeAddr),
    })
}

fn sample(pid: u32, at_ns: u64, mode: SampleMode) -> Event {
    Event::Sample(SampleEvent {
        cpu: CpuId(pid),
        taken: MonotonicNs(at_ns),
        task: task(pid),
        mode,
        in_traced_spin: false,
        in_self: false,
        prio: None,
        user_ip: None,
        first_arg: None,
        frames: match mode {
            SampleMode::User => Vec::new(),
            SampleMode::Kernel => vec![CodeAddr(0x99)],
        },
    })
}

/// What is kept of the lock over windows in which no wait was left out but `nr_left_out` in each.
fn lock_of(windows: Vec<Vec<Event>>, nr_left_out: u64) -> LockTally {
    let mut builder = WindowBuilder::new(NR_CPUS);
    let mut recent = RecentStacks::default();
    let mut sum = LocksTally::default();
    let counters = |builder: &mut WindowBuilder, nr: u64| {
        for cpu in 0..NR_CPUS {
            let counters = CpuCounters {
                nr_ticks: nr,
                nr_waits_left_out: Some(nr * nr_left_out),
                ..CpuCounters::default()
            };
            let cpu = CpuId(cpu);
            builder.fold(Event::Cpu { cpu, counters });
        }
    };
    counters(&mut builder, 0);
    builder.baseline(MonotonicNs(0));
    for (i, events) in (0u64..).zip(windows) {
        events.into_iter().for_each(|event| builder.fold(event));
        counters(&mut builder, i + 1);
        let begin = MonotonicNs(i * WINDOW_NS);
        let window = builder.close(begin, MonotonicNs(begin.0 + WINDOW_NS));
        sum.merge(&digest(&window, &mut recent, None));
    }
    sum.by_lock.remove(&Some(LOCK)).unwrap()
}

fn charged_ns(paths: &super::super::path::Paths) -> Vec<(u64, u64)> {
    paths
        .scores()
        .map(|(frames, path, _)| (frames[0].0, path.tied_ns))
        .collect()
}

#[test]
fn an_acquisition_that_nobody_folded_yet_is_no_later_one_than_it_was() {
    // 1 has the lock from 100 on and is not folded before the second window, in which 2 gets it at 1500.
    let windows = vec![
        vec![stack(1), stack(2), open(2, 50), unfolded(wait(1, 0, 100))],
        vec![
            totals(2),
            Event::Wait(wait(1, 0, 100)),
            Event::Wait(wait(2, 50, 1500)),
        ],
    ];
    let lock = lock_of(windows, 0);
    assert_eq!(charged_ns(&lock.holders), [(1, 900 + 500)]);
    // From 0 to 100 somebody had it who is not known.
    assert_eq!((lock.waited_ns, lock.unseen_ns), (1500, 100));
    // 2 is followed by nobody.
    assert_eq!((lock.holds_at_most.max_ns(), lock.nr_unbounded), (1400, 1));
}

#[test]
fn a_wait_that_ends_after_the_close_waits_for_its_window() {
    let windows = vec![
        vec![
            stack(1),
            stack(2),
            totals(2),
            Event::Wait(wait(1, 0, 100)),
            Event::Wait(wait(2, 50, 1200)),
            open(0, 60),
        ],
        vec![open(0, 60)],
    ];
    let lock = lock_of(windows, 0);
    let charged = charged_ns(&lock.holders);
    assert_eq!(charged, [(1, 900 + 200), (2, 800)]);
}

#[test]
fn who_left_a_sign_in_one_window_is_not_charged_in_the_next() {
    let windows = vec![
        vec![
            stack(1),
            totals(1),
            Event::Wait(wait(1, 0, 100)),
            open(2, 50),
            sample(1, 300, SampleMode::User),
        ],
        vec![totals(1), Event::Wait(wait(2, 50, 1900))],
    ];
    let lock = lock_of(windows, 0);
    assert_eq!(charged_ns(&lock.holders), [(1, 200)]);
    assert_eq!((lock.held_ns, lock.gap_ns), (200, 1800));
}

#[test]
fn where_waits_were_left_out_the_rest_of_the_time_is_not_known() {
    let mut seen = totals(100);
    if let Event::LockTotals(totals) = &mut seen {
        totals.wait_ns = 10 * WINDOW_NS;
    }
    let plain = |wait: WaitEvent| {
        Event::Wait(WaitEvent {
            stack: None,
            ..wait
        })
    };
    let windows = vec![vec![seen, plain(wait(1, 0, 100)), plain(wait(2, 50, 102))]];
    let lock = lock_of(windows, 1);
    // A hundred gaps of 2 ns are known to be there, of 1000 ns.
    assert_eq!((lock.waited_ns, lock.unseen_ns), (1000, 800));
}

#[test]
fn the_one_cpu_that_can_have_it_is_told_by_exclusion() {
    let spinning = vec![open(0, 0), open(1, 0), sample(2, 500, SampleMode::Kernel)];
    let lock = lock_of(vec![spinning], 0);
    assert_eq!(charged_ns(&lock.alone), [(0x99, WINDOW_NS)]);
    assert_eq!((lock.waited_ns, lock.unseen_ns), (1000, 1000));
    // Of two that may have it neither is told.
    let lock = lock_of(
        vec![vec![open(1, 0), sample(2, 500, SampleMode::Kernel)]],
        0,
    );
    assert_eq!(charged_ns(&lock.alone), []);
    assert_eq!(charged_ns(&lock.suspects), [(0x99, WINDOW_NS)]);
}

#[test]
fn holds_that_are_told_are_charged_and_the_time_between_them_stays_unknown() {
    let release = |pid, from, to| release(pid, from, to, Some(0xa0 + u64::from(pid)));
    // 1 waits from 0 on; 2, who never waits, has the lock twice.
    let window = vec![
        open(1, 0),
        totals(0),
        release(2, 100, 300),
        release(2, 500, 600),
    ];
    let lock = lock_of(vec![window.clone()], 0);
    assert_eq!(charged_ns(&lock.holders), [(0xa2, 300)]);
    assert_eq!((lock.held_ns, lock.gap_ns), (300, 300));
    assert_eq!(lock.unseen_ns, 700, "somebody may have it in between");
    // Where nobody tells who took it, all else is unknown.
    let untold = window.into_iter().map(|event| match event {
        Event::Release(hold) => Event::Release(ReleaseEvent {
            taken_at: None,
            ..hold
        }),
        event => event,
    });
    let lock = lock_of(vec![untold.collect()], 0);
    assert_eq!((lock.held_ns, lock.unseen_ns), (0, 1000));
}
