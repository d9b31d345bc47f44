//! Any bytes decode to events or to an error, and sums are those of the wire.

use std::collections::BTreeMap;

use livelock_common::{CpuActivity, CpuState, TaskSlot, WaitRecord, lcb, line, lost};
use livelock_core::activity::{
    Activity, CallErrno, CountedTime, LastWork, OTHER_LINES, ThrottleReason,
};
use livelock_core::event::LossCause;
use livelock_core::ids::CodeAddr;
use livelock_core::probes::ProbeSet;
use proptest::prelude::*;

use super::*;
use crate::raw::RingDrops;

/// A record of zeros.
macro_rules! zeroed {
    ($kind:expr, $variant:pat => $value:expr) => {
        match RawRecord::of_bytes($kind, 0, &[0; 4096]) {
            Some($variant) => $value,
            _ => panic!("kind {}", $kind),
        }
    };
}

fn idle_cpu() -> CpuState {
    zeroed!(4, RawRecord::Cpu { state, .. } => *state)
}

fn decoded(raw: RawRecord) -> Result<Vec<Event>, DecodeError> {
    let mut events = Vec::new();
    decode(&raw, MonotonicNs(10_000), &mut events)?;
    Ok(events)
}

fn cpu(state: CpuState) -> RawRecord {
    RawRecord::Cpu {
        cpu: 3,
        state: Box::new(state),
        dropped: RingDrops::default(),
        nr_table_overflow: 0,
        nr_torn: 0,
    }
}

proptest! {
    #[test]
    fn any_bytes_decode_or_are_refused(
        kind in 0..RawRecord::NR_KINDS,
        bytes in prop::collection::vec(any::<u8>(), size_of::<CpuActivity>()),
        cpu_number: u32,
        at: u64,
    ) {
        let raw = RawRecord::of_bytes(kind, cpu_number, &bytes).expect("enough bytes");
        let mut events = Vec::new();
        if decode(&raw, MonotonicNs(at), &mut events).is_err() {
            prop_assert!(events.is_empty(), "a refused record left events");
        } else if !matches!(raw, RawRecord::Runnable(_)) {
            // A task that has not waited for long is no event.
            prop_assert!(!events.is_empty(), "an accepted record left nothing");
        }
    }

    #[test]
    fn few_bytes_are_no_record(kind: u8, bytes in prop::collection::vec(any::<u8>(), 0..16)) {
        prop_assert!(RawRecord::of_bytes(kind, 0, &bytes).is_none());
    }

    #[test]
    fn nested_spin_adds_up_to_the_age_of_the_outermost(gaps in prop::array::uniform4(1u64..1000)) {
        // Three waits inside one another, none closed: every nanosecond belongs to one of them.
        let mut state = idle_cpu();
        state.depth = 3;
        state.high = 3;
        let mut begin_ns = 100;
        for (slot, gap) in state.slots.iter_mut().zip(gaps).take(3) {
            slot.lock_addr = begin_ns;
            slot.flags = lcb::SPIN;
            slot.begin_ns = begin_ns;
            begin_ns += gap;
        }
        let events = decoded(cpu(state)).unwrap();
        let spin_ns: u64 = events.iter().map(|e| match e {
            Event::InFlight(wait) => wait.spin_ns,
            _ => 0,
        }).sum();
        prop_assert_eq!(spin_ns, 10_000 - 100);
    }
}

#[test]
fn since_when_a_sleeper_stands_in_line_is_told_apart_from_its_flags() {
    let slot = |phase| TaskSlot {
        pid: 7,
        tgid: 7,
        lock_addr: 0x10,
        begin_ns: 1_000,
        phase,
        ..zeroed!(5, RawRecord::Task(slot) => slot)
    };
    let open = |phase| match decoded(RawRecord::Task(slot(phase))).unwrap().remove(0) {
        Event::InFlight(wait) => (wait.kind, wait.spinning, wait.in_line_after_ns),
        other => panic!("{other:?}"),
    };
    let spins = lcb::MUTEX | lcb::SPIN;
    assert_eq!(open(spins), (LockKind::Mutex, true, None));
    assert_eq!(
        open(lcb::MUTEX | 3 << line::SHIFT),
        (LockKind::Mutex, false, Some(3 * line::UNIT_NS))
    );
    // The first in line spins again.
    assert_eq!(
        open(spins | 1 << line::SHIFT),
        (LockKind::Mutex, true, Some(line::UNIT_NS))
    );
    let done = |line_units| {
        let record = WaitRecord {
            lock_addr: 0x10,
            begin_ns: 1_000,
            end_ns: 9_000,
            flags: lcb::MUTEX,
            line_units,
            ..zeroed!(0, RawRecord::Wait(record) => record)
        };
        match decoded(RawRecord::Wait(record)).unwrap().remove(0) {
            Event::Wait(wait) => wait.in_line_after_ns,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(done(0), None);
    assert_eq!(done(5), Some(5 * line::UNIT_NS));
}

#[test]
fn a_closed_nested_wait_is_not_charged_twice() {
    let mut state = idle_cpu();
    state.depth = 1;
    state.high = 1;
    // 1,000 ns of an inner wait were booked since the outer one began at 4,000.
    state.spin_ns = 51_000;
    state.slots[0].lock_addr = 1;
    state.slots[0].flags = lcb::SPIN;
    state.slots[0].begin_ns = 4_000;
    state.slots[0].spin_before_ns = 50_000;
    let events = decoded(cpu(state)).unwrap();
    let Some(Event::InFlight(wait)) = events.get(1) else {
        panic!("{events:?}")
    };
    assert_eq!(wait.spin_ns, 5_000);
    assert!(wait.spinning);
}

#[test]
fn waits_over_but_not_folded_are_told() {
    let mut state = idle_cpu();
    state.high = 1;
    state.slots[0].lock_addr = 7;
    state.slots[0].flags = lcb::SPIN;
    state.slots[0].begin_ns = 100;
    state.slots[0].end_ns = 400;
    state.slots[0].nested_ns = 50;
    let events = decoded(cpu(state)).unwrap();
    let Some(Event::Unfolded(wait)) = events.get(1) else {
        panic!("{events:?}")
    };
    assert_eq!((wait.lock.0, wait.spin_ns), (7, 250));
}

#[test]
fn refused_nested_begins_count_as_begun_and_lost() {
    let mut state = idle_cpu();
    state.nr_begun = 10;
    state.nr_completed = 9;
    state.lost[lost::NESTED] = 2;
    state.lost[lost::END_MISSED] = 1;
    let events = decoded(cpu(state)).unwrap();
    let Some(Event::Cpu { counters, .. }) = events.first() else {
        panic!("{events:?}")
    };
    assert_eq!(counters.nr_begun, 12);
    assert_eq!(counters.lost.get(&LossCause::Nested), Some(&2));
    let nr_lost: u64 = counters.lost.values().sum();
    assert_eq!(
        counters.nr_begun,
        counters.nr_completed + counters.nr_open_spin + nr_lost
    );
}

#[test]
fn releases_cost_what_their_programs_take() {
    let cost_ns = |state: CpuState| {
        let events = decoded(cpu(state)).unwrap();
        let mut cost = events.iter().filter_map(|event| match event {
            Event::Cpu { counters, .. } => Some(counters.self_ns),
            _ => None,
        });
        cost.next().unwrap()
    };
    let mut state = idle_cpu();
    (state.timed_self_ns, state.nr_timed) = (300, 2);
    state.nr_releases = 10;
    assert_eq!(cost_ns(state), 10 * 150);
    // With lockdep each is one of many runs of programs of their own.
    state.lockdep.nr_runs = 1000;
    (state.lockdep.timed_ns, state.lockdep.nr_timed) = (800, 16);
    assert_eq!(cost_ns(state), 1000 * 50);
}

#[test]
fn flags_name_the_family() {
    assert_eq!(kind(lcb::SPIN), LockKind::Spinlock);
    assert_eq!(kind(lcb::SPIN | lcb::WRITE), LockKind::Rwlock);
    assert_eq!(kind(lcb::SPIN | lcb::MUTEX), LockKind::Mutex);
    assert_eq!(kind(lcb::MUTEX), LockKind::Mutex);
    assert_eq!(kind(0), LockKind::Mutex);
    assert_eq!(kind(lcb::READ), LockKind::Rwsem);
    assert_eq!(kind(lcb::PERCPU | lcb::READ), LockKind::PercpuRwsem);
    assert_eq!(kind(lcb::RT | lcb::WRITE), LockKind::Rtmutex);
}

#[test]
fn contradictions_are_refused() {
    let mut wait = zeroed!(0, RawRecord::Wait(record) => record);
    wait.lock_addr = 1;
    wait.begin_ns = 5;
    assert_eq!(
        decoded(RawRecord::Wait(wait)),
        Err(DecodeError::EndBeforeBegin { by_ns: 5 })
    );
    let mut stack = zeroed!(1, RawRecord::Stack { record, .. } => *record);
    stack.lock_addr = 1;
    stack.nr_frames = 49;
    let refused = decoded(RawRecord::Stack {
        cpu: 0,
        record: Box::new(stack),
        user: None,
    });
    assert_eq!(refused, Err(DecodeError::TooManyFrames { nr_frames: 49 }));
    stack.nr_frames = 0;
    stack.object = 99;
    let refused = decoded(RawRecord::Stack {
        cpu: 0,
        record: Box::new(stack),
        user: None,
    });
    assert_eq!(refused, Err(DecodeError::UnknownObject { kind: 99 }));
    stack.object = 0;
    let mut user = zeroed!(1, RawRecord::Stack { user, .. } => user.expect("enough bytes"));
    user.nr_frames = 33;
    let refused = decoded(RawRecord::Stack {
        cpu: 0,
        record: Box::new(stack),
        user: Some(user),
    });
    assert_eq!(refused, Err(DecodeError::TooManyFrames { nr_frames: 33 }));
}

#[test]
fn the_user_side_of_a_stack_arrives() {
    let mut stack = zeroed!(1, RawRecord::Stack { record, .. } => *record);
    stack.lock_addr = 1;
    let mut user = zeroed!(1, RawRecord::Stack { user, .. } => user.expect("enough bytes"));
    user.frames[..4].copy_from_slice(&[0x1010, 0x1020, 0x10, 0x1030]);
    user.nr_frames = 4;
    let frames_with = |user| {
        let raw = RawRecord::Stack {
            cpu: 0,
            record: Box::new(stack),
            user,
        };
        match decoded(raw).expect("valid").pop() {
            Some(Event::Stack(stack)) => stack.user_frames,
            event => panic!("{event:?}"),
        }
    };
    assert_eq!(frames_with(None), []);
    let expected = [0x1010, 0x1020].map(CodeAddr);
    assert_eq!(frames_with(Some(user)), expected);
}

fn zeroed_activity() -> Box<CpuActivity> {
    let zeros = vec![0; size_of::<CpuActivity>()];
    let mut raws = (0..RawRecord::NR_KINDS).filter_map(|kind| RawRecord::of_bytes(kind, 0, &zeros));
    let activity = raws.find_map(|raw| match raw {
        RawRecord::Activity { activity, .. } => Some(activity),
        _ => None,
    });
    activity.expect("an activity of zeros")
}

fn decoded_activity(activity: Box<CpuActivity>) -> Activity {
    let raw = RawRecord::Activity {
        cpu: 0,
        probes: ProbeSet::default(),
        activity,
    };
    match decoded(raw).expect("decodes").pop() {
        Some(Event::Activity { activity, .. }) => *activity,
        event => panic!("{event:?}"),
    }
}

#[test]
fn what_reclaim_and_workers_did_arrives() {
    let mut raw = zeroed_activity();
    raw.reclaim_retries[3] = 2;
    raw.nr_throttled[2] = 4;
    raw.throttled_us[2] = 50;
    raw.nr_throttled[6] = 1;
    raw.failures[0].nr = 1;
    raw.failures[9].call_errno = 202 << 16 | 11;
    raw.failures[9].nr = 7;
    // A worker with an item, one that ended its last here, and an entry that nobody has used.
    for (entry, pid, begin_ns, end_ns) in [(1, 9, 500, 0), (2, 10, 0, 700), (3, 11, 0, 0)] {
        raw.work.open[entry].pid = pid;
        raw.work.open[entry].begin_ns = begin_ns;
        raw.open_work[entry].end_ns = end_ns;
        raw.open_work[entry].function_addr = 0xf00;
    }
    let activity = decoded_activity(raw);
    assert_eq!(activity.reclaim_retries, BTreeMap::from([(3, 2)]));
    let time = |nr, ns| CountedTime { nr, ns };
    let throttled = [
        (ThrottleReason::NoProgress, time(4, 50_000)),
        (ThrottleReason::Other, time(1, 0)),
    ];
    assert_eq!(activity.throttled, throttled.into_iter().collect());
    let failures = [(CallErrno::OTHERS, 1), (CallErrno(202 << 16 | 11), 7)];
    assert_eq!(activity.failures, failures.into_iter().collect());
    assert_eq!(activity.nr_involuntary_switches, Some(0));
    let begun = LastWork {
        began: Some(MonotonicNs(500)),
        ended: None,
        function: Some(CodeAddr(0xf00)),
    };
    let ended = LastWork {
        ended: Some(MonotonicNs(700)),
        ..LastWork::default()
    };
    let workers = BTreeMap::from([(Pid(9), begun), (Pid(10), ended)]);
    assert_eq!(activity.last_work, workers);
}

#[test]
fn lines_without_an_entry_of_their_own_are_others() {
    let mut activity = zeroed_activity();
    for (entry, line_plus_one, nr) in [(0, 0, 2), (5, 37, 3)] {
        activity.irqs[entry].line_plus_one = line_plus_one;
        activity.irqs[entry].nr_handled = nr;
        activity.irqs[entry].handled_ns = 10 * nr;
    }
    let activity = decoded_activity(activity);
    let time = |nr| CountedTime { nr, ns: 10 * nr };
    let lines = [(36, time(3)), (OTHER_LINES, time(2))];
    assert_eq!(activity.hardirqs, lines.into_iter().collect());
}
