//! Verdicts on the tasks of a scope: the rest of the host must not matter.

use std::collections::BTreeMap;

use livelock_core::activity::{HostCounter, HostCounters};
use livelock_core::event::{
    CpuCounters, CpuTimes, Event, LockKind, LockTotals, ProgressCounters, SampleEvent, SampleMode,
    TaskRef,
};
use livelock_core::ids::{CpuId, MonotonicNs, Pid, Tgid};
use livelock_core::judge::Judge;
use livelock_core::scope::Scope;
use livelock_core::tasks::{Subject, TaskCounters};
use livelock_core::verdict::{Status, Verdict};
use livelock_core::window::{Window, WindowBuilder};

use crate::scenario::{Table, at, empty_totals, host};

const SECOND_NS: u64 = 1_000_000_000;
const NR_CPUS: u32 = 64;

/// What the scope does each second, in CPU-seconds, and what the other CPUs do meanwhile.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    user: f64,
    system: f64,
    /// `None`: could not see.
    wait: Option<f64>,
    /// Part of `system`.
    spin: f64,
    quota: Option<f64>,
    host_is_busy: bool,
    /// The counters of the tasks cannot be had.
    is_blind: bool,
    nr_skipped: u64,
}

fn ns(seconds: f64, at: u64) -> u64 {
    (seconds * SECOND_NS as f64) as u64 * at
}

fn events(load: &Load, second: u64) -> Vec<Event> {
    let mut events = Vec::new();
    for cpu in (0..NR_CPUS).map(CpuId) {
        let (idle_ns, system_ns) = if load.host_is_busy {
            (0, second * SECOND_NS)
        } else {
            (second * SECOND_NS, 0)
        };
        let times = CpuTimes {
            idle_ns,
            system_ns,
            ..CpuTimes::default()
        };
        events.push(Event::CpuTimes { cpu, times });
        let is_first = cpu == CpuId(0);
        let counters = CpuCounters {
            nr_begun: if is_first { 1000 * second } else { 0 },
            nr_completed: if is_first { 1000 * second } else { 0 },
            spin_ns: if is_first { ns(load.spin, second) } else { 0 },
            ..CpuCounters::default()
        };
        events.push(Event::Cpu { cpu, counters });
    }
    // A host in a storm of its own.
    events.push(Event::Progress(ProgressCounters {
        nr_packets: Some(1_000_000 * second),
        nr_forks: Some(1_000_000 * second),
        ..ProgressCounters::default()
    }));
    events.push(Event::Host(HostCounters {
        values: BTreeMap::from([(HostCounter::TimerInterrupts, 9_000_000 * second)]),
        ..HostCounters::default()
    }));
    events.push(Event::RecursionMisses(Some(load.nr_skipped * second)));
    if !load.is_blind {
        events.push(Event::Tasks(TaskCounters {
            user_ns: ns(load.user, second),
            system_ns: ns(load.system, second),
            wait_ns: load.wait.map(|wait| ns(wait, second)),
            quota_ns_per_sec: load.quota.map(|cpus| ns(cpus, 1)),
            progress: ProgressCounters {
                nr_context_switches: Some(100 * second),
                ..ProgressCounters::default()
            },
            ..TaskCounters::default()
        }));
    }
    if second > 0 {
        let spin_ns = ns(load.spin, 1);
        events.push(Event::LockTotals(LockTotals {
            nr_begun: 1000,
            nr_waits: 1000,
            wait_ns: spin_ns,
            spin_ns,
            max_ns: spin_ns / 1000,
            ..empty_totals(CpuId(0), LockKind::Spinlock)
        }));
        let samples = |cpus: f64| (99.0 * cpus) as u64;
        for i in 0..samples(load.user + load.system) {
            let is_user = i < samples(load.user);
            let spins = !is_user && i < samples(load.user + load.spin);
            let frames: &[&str] = match (is_user, spins) {
                (true, _) => &[],
                (_, true) => &["native_queued_spin_lock_slowpath", "alloc_fd"],
                _ => &["ext4_lookup"],
            };
            events.push(Event::Sample(SampleEvent {
                cpu: CpuId((i % 8) as u32),
                taken: MonotonicNs((second - 1) * SECOND_NS + i),
                task: TaskRef {
                    pid: Pid(1000 + (i % 8) as u32),
                    tgid: Tgid(1000),
                    comm: None,
                },
                mode: if is_user {
                    SampleMode::User
                } else {
                    SampleMode::Kernel
                },
                in_traced_spin: spins,
                in_self: false,
                prio: None,
                user_ip: None,
                first_arg: None,
                frames: frames.iter().map(|frame| at(frame)).collect(),
            }));
        }
    }
    events
}

fn run(scope: &Scope, load: &Load) -> (Verdict, Vec<Window>) {
    let mut builder = WindowBuilder::new(NR_CPUS).within(scope.clone());
    let mut judge = Judge::within(scope.clone(), host(NR_CPUS), Vec::new());
    events(load, 0)
        .into_iter()
        .for_each(|event| builder.fold(event));
    builder.baseline(MonotonicNs(0));
    let mut windows = Vec::new();
    for second in 1..=8 {
        events(load, second)
            .into_iter()
            .for_each(|event| builder.fold(event));
        let end = MonotonicNs(second * SECOND_NS);
        let window = builder.close(MonotonicNs((second - 1) * SECOND_NS), end);
        judge.observe(&window, &Table);
        windows.push(window);
    }
    (judge.verdict(&Table), windows)
}

fn tree() -> Scope {
    Scope::of_tree(Tgid(1000))
}

/// Eight threads that do nothing but spin.
const STORM: Load = Load {
    user: 0.0,
    system: 8.0,
    wait: Some(0.0),
    spin: 7.9,
    quota: None,
    host_is_busy: false,
    is_blind: false,
    nr_skipped: 0,
};

#[test]
fn a_live_lock_of_a_few_threads_shows_on_a_host_that_idles() {
    for scope in [tree(), Scope::of_cgroup("/app".to_owned())] {
        let (verdict, _) = run(&scope, &STORM);
        assert_eq!(verdict.status, Status::Livelock, "{:?}", verdict.cause);
        assert_eq!(verdict.scope, scope);
        assert!(verdict.busy_pct.is_some_and(|busy| busy > 99.0));
        let text = &verdict.cause.summary;
        assert!(text.contains("7.9 of 8 CPUs"), "{text}");
    }
    // The host as a whole is nearly idle.
    let (verdict, _) = run(&Scope::default(), &STORM);
    assert_ne!(verdict.status, Status::Livelock);
}

#[test]
fn a_healthy_scope_stays_healthy_in_a_storm_of_the_host() {
    let idle = Load {
        user: 0.01,
        system: 0.01,
        spin: 0.0,
        host_is_busy: true,
        ..STORM
    };
    let (verdict, windows) = run(&tree(), &idle);
    assert_eq!(verdict.status, Status::Healthy, "{:?}", verdict.cause);
    assert!(verdict.cause.also.is_empty(), "{:?}", verdict.cause.also);
    assert!(windows.iter().all(|window| window.host.values.is_empty()));
    let sources: Vec<_> = verdict.progress.tokens_per_sec.keys().collect();
    assert_eq!(
        sources,
        ["context_switches", "handoffs"],
        "no packets, no forks: not zero, but left out"
    );
    let computes = Load {
        user: 7.5,
        system: 0.5,
        ..idle
    };
    assert_eq!(run(&tree(), &computes).0.status, Status::Busy);
}

#[test]
fn who_queues_while_cpus_idle_is_not_in_a_live_lock() {
    let queued = Load {
        system: 1.0,
        spin: 1.0,
        wait: Some(7.0),
        ..STORM
    };
    let (verdict, _) = run(&tree(), &queued);
    assert_ne!(verdict.status, Status::Livelock);
    assert!(verdict.busy_pct.is_some_and(|busy| busy < 13.0));
    // Where others take the CPUs, all that it is given is spun away.
    let crowded = Load {
        host_is_busy: true,
        ..queued
    };
    assert_eq!(run(&tree(), &crowded).0.status, Status::Livelock);
}

#[test]
fn a_trifle_is_no_live_lock_however_small_the_quota() {
    let capped = |cpus: f64| Load {
        system: cpus,
        spin: cpus,
        quota: Some(cpus),
        wait: Some(8.0),
        ..STORM
    };
    assert_ne!(run(&tree(), &capped(0.2)).0.status, Status::Livelock);
    assert_eq!(run(&tree(), &capped(2.0)).0.status, Status::Livelock);
}

#[test]
fn unknown_stays_unknown() {
    let (verdict, windows) = run(&tree(), &STORM);
    let time = &verdict.time;
    for unseen in [
        time.steal_pct,
        time.hardirq_pct,
        time.softirq_pct,
        time.lost_ticks_pct,
    ] {
        assert_eq!(unseen, None);
    }
    let ruled_out = |what: &str| verdict.ruled_out.iter().any(|one| one.candidate == what);
    assert!(!ruled_out("interrupt work") && !ruled_out("host overcommit"));
    assert!(windows.iter().all(|window| window.subject.is_tasks()));
    // Without schedstat what ran is what was wanted.
    let unwaited = Load {
        wait: None,
        ..STORM
    };
    assert_eq!(run(&tree(), &unwaited).0.status, Status::Livelock);
    let blind = Load {
        is_blind: true,
        ..STORM
    };
    let (verdict, windows) = run(&tree(), &blind);
    assert_eq!(verdict.status, Status::CannotTell);
    assert!(
        windows
            .iter()
            .all(|window| window.subject == Subject::Tasks(None))
    );
}

#[test]
fn skipped_begins_are_nobody_s_and_named() {
    let skipped = Load {
        nr_skipped: 100,
        ..STORM
    };
    let (verdict, _) = run(&tree(), &skipped);
    let books = &verdict.accounting;
    assert_eq!(
        (books.nr_begun, books.nr_completed, books.unaccounted),
        (8000, 8000, 0)
    );
    assert!(books.lost.is_empty(), "{:?}", books.lost);
    assert_eq!(books.detail_lost.get("unattributed_miss"), Some(&800));
    let (whole, _) = run(&Scope::default(), &skipped);
    assert_eq!(whole.accounting.lost.get("recursion_miss"), Some(&800));
}
