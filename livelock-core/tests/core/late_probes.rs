//! Probe groups that come in the middle of a window.
//!
//! In: copies of counters, and which of them mean something. Out: what windows say of them. Refuses: nothing.

use livelock_core::activity::Activity;
use livelock_core::event::Event;
use livelock_core::ids::{CpuId, MonotonicNs};
use livelock_core::probes::{GroupSet, ProbeGroup, ProbeSet};
use livelock_core::window::{Window, WindowBuilder};

const WINDOW_NS: u64 = 300_000_000;

/// The state of the counters when a window closes: groups that were attached all along, and switches so far.
fn closed(builder: &mut WindowBuilder, nr: u64, groups: &[ProbeGroup], nr_switches: u64) -> Window {
    let activity = Activity {
        probes: ProbeSet::of(groups.iter().copied().collect::<GroupSet>()),
        nr_switches,
        nr_faults: 10 * nr,
        ..Activity::default()
    };
    builder.fold(Event::Activity {
        cpu: CpuId(0),
        activity: Box::new(activity),
    });
    let at = |nr: u64| MonotonicNs(nr * WINDOW_NS);
    builder.close(at(nr), at(nr + 1))
}

#[test]
fn what_they_counted_before_is_of_no_window() {
    let mut builder = WindowBuilder::new(1);
    builder.baseline(MonotonicNs(0));
    let came = closed(&mut builder, 0, &[], 500).activity.unwrap();
    assert_eq!((came.groups(), came.nr_switches), (GroupSet::EMPTY, 0));
    assert_eq!(came.observed_ns(ProbeGroup::Scheduler), None);
    let first = closed(&mut builder, 1, &[ProbeGroup::Scheduler], 530);
    let seen = first.activity.unwrap();
    assert_eq!(seen.nr_switches, 30);
    assert_eq!(seen.observed_ns(ProbeGroup::Scheduler), Some(WINDOW_NS));
}

#[test]
fn those_that_were_there_are_read_meanwhile() {
    let mut builder = WindowBuilder::new(1);
    builder.baseline(MonotonicNs(0));
    let faults = ProbeGroup::Faults;
    let before = closed(&mut builder, 0, &[faults], 0);
    assert_eq!(before.activity.unwrap().nr_faults, 0);
    let came = closed(&mut builder, 1, &[faults], 500).activity.unwrap();
    assert_eq!((came.nr_faults, came.nr_switches), (10, 0));
    assert_eq!(came.observed_ns(ProbeGroup::Scheduler), None);
    let both = closed(&mut builder, 2, &[faults, ProbeGroup::Scheduler], 530);
    let seen = both.activity.unwrap();
    assert_eq!((seen.nr_faults, seen.nr_switches), (10, 30));
}
