//! When groups of probe level 1 come and go.

mod transactions;

use std::collections::BTreeMap;

use livelock_core::activity::{Activity, CountedTime, HostCounter};
use livelock_core::detect::Observation;
use livelock_core::escalation::{Escalation, predicted_pct};
use livelock_core::event::OwnProcess;
use livelock_core::ids::Tgid;
use livelock_core::probes::{GroupSet, ProbeGroup, ProbeSet};
use livelock_core::tasks::Subject;
use livelock_core::verdict::CauseClass;
use livelock_core::window::Window;

use crate::scenario::{Load, Samples, Sim, compute, fd_collapse, idle};

/// Busy with kernel work that nothing explains.
fn kernel_bound() -> Load {
    Load {
        user: 0.1,
        kernel: 0.9,
        samples: Samples {
            kernel: 90,
            user: 10,
            ..Samples::default()
        },
        ..Load::default()
    }
}

fn choices(escalation: &mut Escalation, load: Load, nr: usize) -> Vec<GroupSet> {
    let mut sim = Sim::new(4);
    sim.run(nr, load);
    sim.windows
        .iter()
        .zip(&sim.seen)
        .map(|(window, seen)| escalation.next(window, seen))
        .collect()
}

/// One window, in which everything that level 0 counts explains what the kernel is busy with.
fn busy_window() -> (Window, Observation) {
    let mut sim = Sim::new(4);
    sim.run(1, kernel_bound());
    let (mut window, mut seen) = (sim.windows.remove(0), sim.seen.remove(0));
    // A full host would ask for the scheduler: 79 % is suspicious only as spinning is.
    (seen.busy, seen.used) = (Some(0.79), Some(0.79));
    seen.omega = Some(0.2);
    seen.pi = Some(50_000.0);
    window.host.values = BTreeMap::from([
        (HostCounter::PacketsProcessed, 0),
        (HostCounter::DirectReclaims, 0),
        (HostCounter::CompactStalls, 0),
        (HostCounter::CallInterrupts, 0),
        (HostCounter::Softirqs, 1000),
    ]);
    (window, seen)
}

fn chosen(change: impl Fn(&mut Window, &mut Observation)) -> GroupSet {
    let (mut window, mut seen) = busy_window();
    change(&mut window, &mut seen);
    Escalation::default().next(&window, &seen)
}

fn sampled(seen: &mut Observation, class: CauseClass, share: f64) {
    let sampled = seen.sampled.get_or_insert_with(Default::default);
    sampled.by_class.insert(class, share);
}

fn interrupts(window: &mut Window, share: f64) {
    for times in window.cpu_times.values_mut() {
        times.softirq_ns = (times.system_ns as f64 * share) as u64;
        times.system_ns -= times.softirq_ns;
    }
}

fn only(group: ProbeGroup) -> GroupSet {
    GroupSet::EMPTY.with(group)
}

#[test]
fn a_quiet_or_computing_host_is_left_alone() {
    let mut escalation = Escalation::default();
    assert_eq!(choices(&mut escalation, idle(), 4), [GroupSet::EMPTY; 4]);
    assert_eq!(choices(&mut escalation, compute(), 4), [GroupSet::EMPTY; 4]);
}

#[test]
fn unexplained_kernel_work_is_looked_at_until_five_quiet_windows() {
    let mut escalation = Escalation::default();
    let wanted = only(ProbeGroup::Syscalls).with(ProbeGroup::Scheduler);
    assert_eq!(choices(&mut escalation, kernel_bound(), 2), [wanted; 2]);
    let mut leaving = vec![wanted; 4];
    leaving.extend([GroupSet::EMPTY; 2]);
    assert_eq!(choices(&mut escalation, idle(), 6), leaving);
}

#[test]
fn a_storm_that_level_0_explains_is_not_made_worse() {
    let mut escalation = Escalation::default();
    assert_eq!(
        choices(&mut escalation, fd_collapse(), 4),
        [GroupSet::EMPTY; 4]
    );
}

#[test]
fn what_level_0_explains_attaches_nothing() {
    assert_eq!(chosen(|_, _| {}), GroupSet::EMPTY);
}

#[test]
fn system_calls_are_counted_where_progress_is_unexplained() {
    let of_pi = |pi| chosen(move |_, seen| seen.pi = pi);
    assert_eq!(of_pi(Some(100.0)), only(ProbeGroup::Syscalls));
    assert_eq!(of_pi(None), only(ProbeGroup::Syscalls));
    assert_eq!(of_pi(Some(20_000.0)), GroupSet::EMPTY);
    let herd = chosen(|_, seen| sampled(seen, CauseClass::ThunderingHerd, 0.3));
    assert_eq!(herd, only(ProbeGroup::Syscalls));
    let retry = chosen(|_, seen| {
        seen.sampled.get_or_insert_with(Default::default).retry = 0.3;
    });
    assert_eq!(retry, only(ProbeGroup::Syscalls));
}

#[test]
fn interrupts_are_timed_where_they_take_a_tenth() {
    assert_eq!(
        chosen(|window, _| interrupts(window, 0.3)),
        only(ProbeGroup::Interrupts)
    );
    assert_eq!(
        chosen(|window, _| interrupts(window, 0.05)),
        GroupSet::EMPTY
    );
    // Too dear for all windows, but half of the time is worth a look.
    let dear = |share| {
        chosen(move |window, _| {
            interrupts(window, share);
            let softirqs = HostCounter::Softirqs;
            window.host.values.insert(softirqs, 10_000_000);
        })
    };
    assert_eq!(dear(0.6), only(ProbeGroup::Interrupts));
    assert_eq!(dear(0.3), GroupSet::EMPTY);
    let timers = chosen(|_, seen| sampled(seen, CauseClass::TimerStorm, 0.2));
    assert_eq!(timers, only(ProbeGroup::Interrupts));
}

#[test]
fn handlers_are_timed_where_many_interrupts_come_in_whatever_they_interrupt() {
    let computing = |per_sec_and_cpu: f64| {
        chosen(move |window, seen| {
            (seen.omega, seen.user_share) = (Some(0.0), Some(1.0));
            let per_sec = per_sec_and_cpu * f64::from(window.nr_cpus_online);
            let nr = (per_sec * window.duration_ns() as f64 / 1e9) as u64;
            window.host.values.insert(HostCounter::DeviceInterrupts, nr);
        })
    };
    assert_eq!(computing(11_000.0), only(ProbeGroup::Interrupts));
    assert_eq!(computing(9_000.0), GroupSet::EMPTY);
    // Too dear for all windows.
    assert_eq!(computing(100_000.0), only(ProbeGroup::Interrupts));
}

#[test]
fn the_scheduler_is_watched_where_the_host_is_full_and_switches_are_few() {
    let full = |nr_switches| {
        chosen(move |window, seen| {
            (seen.busy, seen.used) = (Some(0.95), Some(0.95));
            window.progress.nr_context_switches = Some(nr_switches);
        })
    };
    assert_eq!(full(100), only(ProbeGroup::Scheduler));
    assert_eq!(full(1_000_000), GroupSet::EMPTY, "over the budget");
    let real_time = |share| {
        chosen(move |_, seen| {
            seen.sampled.get_or_insert_with(Default::default).real_time = share;
        })
    };
    assert_eq!(real_time(0.2), only(ProbeGroup::Scheduler));
    assert_eq!(real_time(0.01), GroupSet::EMPTY);
}

#[test]
fn faults_are_looked_at_where_samples_or_rates_show_them() {
    let of = |share, nr| {
        chosen(move |window, seen| {
            sampled(seen, CauseClass::FaultLoop, share);
            window.progress.nr_page_faults = Some(nr);
        })
    };
    assert_eq!(of(0.1, 1000), only(ProbeGroup::Faults));
    assert_eq!(of(0.0, 100_000), only(ProbeGroup::Faults));
    assert_eq!(of(0.0, 10_000), GroupSet::EMPTY);
    assert_eq!(of(0.1, 1_000_000), GroupSet::EMPTY, "over the budget");
    let suspect = of(0.8, 1_000_000);
    assert_eq!(suspect, only(ProbeGroup::Faults), "worth one dear look");
}

#[test]
fn reclaim_is_looked_at_where_pages_are_scanned_or_waited_for() {
    let counter = |counter, nr| {
        chosen(move |window, _| {
            window.host.values.insert(counter, nr);
        })
    };
    assert_eq!(
        counter(HostCounter::DirectReclaims, 5),
        only(ProbeGroup::Reclaim)
    );
    assert_eq!(
        counter(HostCounter::CompactStalls, 5),
        only(ProbeGroup::Reclaim)
    );
    let scanned = |nr| chosen(move |window, _| window.progress.nr_pages_scanned = Some(nr));
    assert_eq!(scanned(5000), only(ProbeGroup::Reclaim));
    assert_eq!(scanned(500), GroupSet::EMPTY);
    let dear = counter(HostCounter::DirectReclaims, 1_000_000);
    assert_eq!(dear, GroupSet::EMPTY, "over the budget");
}

#[test]
fn drops_are_counted_where_packets_come_and_seem_to_arrive() {
    let flood = |nr, nr_refused| {
        chosen(move |window, seen| {
            sampled(seen, CauseClass::ReceiveLivelock, 0.08);
            let values = &mut window.host.values;
            values.insert(HostCounter::PacketsProcessed, nr);
            values.insert(HostCounter::DatagramsRefused, nr_refused);
        })
    };
    assert_eq!(flood(50_000, 0), only(ProbeGroup::Packets));
    assert_eq!(flood(500, 0), GroupSet::EMPTY);
    let known = flood(50_000, 49_000);
    assert_eq!(known, GroupSet::EMPTY, "counters of /proc tell already");
    assert_eq!(
        flood(1_000_000, 500_000),
        GroupSet::EMPTY,
        "over the budget"
    );
}

#[test]
fn calls_between_cpus_are_told_where_they_are_many_or_waited_for() {
    let calls = |share, nr| {
        chosen(move |window, seen| {
            sampled(seen, CauseClass::IpiStorm, share);
            window.host.values.insert(HostCounter::CallInterrupts, nr);
        })
    };
    assert_eq!(calls(0.1, 0), only(ProbeGroup::CrossCalls));
    assert_eq!(calls(0.0, 10_000), only(ProbeGroup::CrossCalls));
    assert_eq!(calls(0.0, 1000), GroupSet::EMPTY);
    assert_eq!(calls(0.3, 1_000_000), GroupSet::EMPTY, "over the budget");
}

#[test]
fn work_items_are_timed_where_samples_land_in_them() {
    let work = |share| {
        chosen(move |_, seen| seen.sampled.get_or_insert_with(Default::default).work = share)
    };
    assert_eq!(work(0.2), only(ProbeGroup::Workqueue));
    assert_eq!(work(0.01), GroupSet::EMPTY);
}

#[test]
fn of_tasks_only_what_is_theirs_is_attached() {
    let all = |subject: Subject| {
        chosen(move |window, seen| {
            window.subject = subject;
            seen.pi = None;
            for class in [
                CauseClass::TimerStorm,
                CauseClass::FaultLoop,
                CauseClass::ReclaimThrash,
                CauseClass::IpiStorm,
            ] {
                sampled(seen, class, 0.2);
            }
        })
    };
    let theirs = only(ProbeGroup::Syscalls)
        .with(ProbeGroup::Faults)
        .with(ProbeGroup::Reclaim);
    assert_eq!(all(Subject::Tasks(None)), theirs);
    let host = theirs
        .with(ProbeGroup::Interrupts)
        .with(ProbeGroup::CrossCalls);
    assert_eq!(all(Subject::Cpus), host);
}

#[test]
fn what_level_0_does_not_count_has_no_prediction() {
    let (mut window, _) = busy_window();
    assert_eq!(predicted_pct(ProbeGroup::Syscalls, &window), None);
    assert_eq!(predicted_pct(ProbeGroup::Workqueue, &window), None);
    assert_eq!(predicted_pct(ProbeGroup::Transactions, &window), None);
    assert_eq!(predicted_pct(ProbeGroup::Packets, &window), None);
    window.progress.nr_context_switches = Some(50_000);
    // 50,000 switches of 800 ns on four CPUs.
    let pct = predicted_pct(ProbeGroup::Scheduler, &window).expect("counted");
    assert!((pct - 1.0).abs() < 1e-9, "{pct}");
}

#[test]
fn groups_that_cost_too_much_are_given_up_for_ten_windows_and_the_others_stay() {
    let mut sim = Sim::new(4);
    sim.run(14, kernel_bound());
    let mut escalation = Escalation::default();
    let both = only(ProbeGroup::Syscalls).with(ProbeGroup::Scheduler);
    let mut groups = Vec::new();
    for (number, (window, seen)) in sim.windows.iter().zip(&sim.seen).enumerate() {
        let mut window = window.clone();
        if number == 1 {
            let cost = |part: u64| CountedTime {
                nr: 1,
                ns: window.capacity_ns() / part,
            };
            window.activity = Some(Activity {
                probes: ProbeSet::of(both),
                costs: BTreeMap::from([
                    (ProbeGroup::Syscalls, cost(20)),
                    (ProbeGroup::Scheduler, cost(200)),
                ]),
                ..Activity::default()
            });
        }
        groups.push(escalation.next(&window, seen));
    }
    assert_eq!(groups[0], both);
    assert_eq!(groups[1..11], [only(ProbeGroup::Scheduler); 10]);
    assert_eq!(groups[11..], [both; 3]);
}

/// A window that needs system calls counted, and in which the tool cost this, in percent of the CPUs.
fn costly(own_pct: u64, groups: &[(ProbeGroup, f64)]) -> (Window, Observation) {
    let (mut window, mut seen) = busy_window();
    seen.pi = None;
    let capacity_ns = window.capacity_ns();
    window.own = Some(OwnProcess {
        tgid: Tgid(1),
        user_ns: 0,
        system_ns: capacity_ns / 100 * own_pct,
    });
    let cost = |&(group, pct): &(ProbeGroup, f64)| {
        let ns = (capacity_ns as f64 * pct / 100.0) as u64;
        (group, CountedTime { nr: 1, ns })
    };
    window.activity = Some(Activity {
        costs: groups.iter().map(cost).collect(),
        ..Activity::default()
    });
    (window, seen)
}

#[test]
fn groups_get_what_the_rest_of_the_tool_leaves_of_the_budget_and_never_less_than_half() {
    let stay = |own_pct, cost_pct| {
        let mut escalation = Escalation::default();
        let (window, seen) = costly(own_pct, &[]);
        assert_eq!(
            escalation.next(&window, &seen),
            only(ProbeGroup::Syscalls),
            "it comes before anybody knows what it costs"
        );
        let (window, seen) = costly(own_pct, &[(ProbeGroup::Syscalls, cost_pct)]);
        escalation.next(&window, &seen).has(ProbeGroup::Syscalls)
    };
    assert!(stay(0, 0.9));
    assert!(!stay(1, 0.9));
    assert!(stay(1, 0.4));
    assert!(stay(30, 0.4), "an emulated host is looked at all the same");
}

#[test]
fn a_dear_look_is_paid_back_before_the_next_one() {
    let mut escalation = Escalation::default();
    let (cheap, seen) = costly(0, &[]);
    let (dear, _) = costly(0, &[(ProbeGroup::Syscalls, 4.5)]);
    assert!(!escalation.next(&dear, &seen).has(ProbeGroup::Syscalls));
    // 3.5 % too much, of which each window saves 1 %.
    let mut work = seen.clone();
    work.pi = Some(50_000.0);
    work.sampled.get_or_insert_with(Default::default).work = 0.2;
    let waits: Vec<bool> = (0..5)
        .map(|_| escalation.next(&cheap, &work).has(ProbeGroup::Workqueue))
        .collect();
    assert_eq!(waits, [false, false, false, true, true]);
    let cost = |pct| costly(0, &[(ProbeGroup::Syscalls, pct)]).0;
    escalation.next(&cost(1000.0), &work);
    let nr_waits = (0..20)
        .take_while(|_| !escalation.next(&cheap, &seen).has(ProbeGroup::Syscalls))
        .count();
    assert_eq!(nr_waits, 9, "ten windows pay for everything");
}
