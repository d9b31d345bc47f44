//! Tests of hold times of traced releases.

use super::*;

#[test]
fn a_traced_release_is_a_hold_unless_somebody_had_the_lock_meanwhile() {
    let release = |pid, from, to| release(pid, from, to, None);
    let lock_with = |second_begin_ns, released_ns| {
        let window = vec![
            totals(2),
            Event::Wait(wait(1, 0, 100)),
            Event::Wait(wait(2, second_begin_ns, 500)),
            release(1, 100, released_ns),
        ];
        lock_of(vec![window], 0)
    };
    let lock = lock_with(50, 450);
    assert_eq!((lock.holds.count(), lock.holds.max_ns()), (1, 350));
    assert_eq!(
        lock.nr_acquired, 2,
        "of the two acquisitions one is told whole"
    );
    // Nobody stood in line when it began: its own release need not have been told, and this one may be of a later hold.
    let lock = lock_with(150, 600);
    assert_eq!((lock.holds.count(), lock.nr_released), (0, 0));
}

#[test]
fn an_event_that_comes_after_the_release_is_no_longer_hold() {
    let release = |pid, from, to| release(pid, from, to, None);
    // Thread 3 stands in line all along, so that the release that is told is that of this hold; 2 has it at 500.
    let window = vec![
        totals(3),
        Event::Wait(wait(1, 0, 100)),
        Event::Wait(wait(2, 50, 500)),
        Event::Wait(wait(3, 60, 700)),
        release(1, 100, 600),
    ];
    let lock = lock_of(vec![window.clone()], 0);
    assert_eq!((lock.holds.count(), lock.holds.max_ns()), (1, 400));
    assert_eq!((lock.nr_released, lock.longest_released_ns), (1, 400));
    // The next one himself is enough, who stood in line all along.
    let mut two = window.clone();
    two.remove(3);
    let lock = lock_of(vec![two], 0);
    assert_eq!((lock.holds.count(), lock.holds.max_ns()), (1, 400));
    // Of lockdep, which tells before the release, it is another hold's.
    let told = window.into_iter().map(|event| match event {
        Event::Release(hold) => Event::Release(ReleaseEvent {
            taken_at: Some(CodeAddr(0xa1)),
            ..hold
        }),
        event => event,
    });
    let lock = lock_of(vec![told.collect()], 0);
    assert_eq!((lock.holds.count(), lock.nr_released), (0, 0));
}

/// What is told of a mutex in a window of four slices, of which every other is closed: 9 stands in line from the begin into the last one,
/// 1 and 2 have it meanwhile, in the first and the second.
fn told(counters: CpuCounters) -> (u64, Option<u64>) {
    told_by(counters, None)
}

/// Likewise, with the code that lockdep says took it.
fn told_by(counters: CpuCounters, taken_at: Option<u64>) -> (u64, Option<u64>) {
    const SLICE: u64 = 1 << crate::thresholds::SLICE_SHIFT;
    let mutex = |pid, end_ns| {
        Event::Wait(WaitEvent {
            kind: LockKind::Mutex,
            spin_ns: 0,
            in_line_after_ns: Some(0),
            ..wait(pid, 0, end_ns)
        })
    };
    let lock = lock_in(
        counters,
        vec![
            totals(7),
            mutex(9, 3 * SLICE + 500),
            mutex(1, 500),
            release(1, 500, 600, taken_at),
            mutex(2, SLICE + 500),
            release(2, SLICE + 500, SLICE + 600, taken_at),
        ],
    );
    assert_eq!(lock.nr_released, 2);
    let nr_acquired = lock.knows_acquired.then_some(lock.nr_acquired);
    (lock.holds.count(), nr_acquired)
}

/// The lock in a window of which one CPU says this.
fn lock_in(counters: CpuCounters, events: Vec<Event>) -> LockTally {
    let before = CpuCounters {
        nr_waits_left_out: Some(0),
        nr_releases_left_out: counters.nr_releases_left_out.map(|_| 0),
        ..CpuCounters::default()
    };
    let mut builder = WindowBuilder::new(1);
    let cpu = CpuId(0);
    let fold = |builder: &mut WindowBuilder, counters| builder.fold(Event::Cpu { cpu, counters });
    fold(&mut builder, before);
    builder.baseline(MonotonicNs(0));
    events.into_iter().for_each(|event| builder.fold(event));
    fold(&mut builder, counters);
    let window = builder.close(MonotonicNs(0), MonotonicNs(1 << 22));
    let mut locks = digest(&window, &mut RecentStacks::default(), None);
    locks.by_lock.remove(&Some(LOCK)).unwrap()
}

#[test]
fn holds_are_a_sample_of_the_moments_that_are_told_whole() {
    let left_out = |nr_waits, nr_releases| CpuCounters {
        nr_waits_left_out: Some(nr_waits),
        nr_releases_left_out: nr_releases,
        slice_mask: Some(1),
        ..CpuCounters::default()
    };
    assert_eq!(
        told(left_out(0, Some(0))),
        (2, Some(3)),
        "nothing was left out"
    );
    assert_eq!(told(left_out(0, Some(1))), (1, Some(1)));
    assert_eq!(told(left_out(1, Some(0))), (1, Some(1)));
    assert_eq!(told(left_out(0, None)), (1, Some(1)), "nobody says");
    let full = |cause| CpuCounters {
        detail_lost: BTreeMap::from([(cause, 1)]),
        ..left_out(0, Some(0))
    };
    for cause in [
        DetailLossCause::WaitRingFull,
        DetailLossCause::ReleaseRingFull,
        DetailLossCause::FoldBacklog,
    ] {
        assert_eq!(
            told(full(cause)),
            (1, None),
            "of {cause:?} nobody knows when"
        );
    }
    // With lockdep all holds are told, and any may be lost.
    let lost = full(DetailLossCause::ReleaseRingFull);
    assert_eq!(told_by(lost, Some(0xa)), (1, None));
    // Nor of a lock of which no wait was told.
    let unseen = lock_in(full(DetailLossCause::WaitRingFull), vec![totals(7)]);
    assert_eq!(
        (unseen.knows_acquired, unseen.has_all_released),
        (false, true)
    );
    // One of samples says nothing of holds.
    assert_eq!(told(full(DetailLossCause::SampleRingFull)), (2, Some(3)));
}
