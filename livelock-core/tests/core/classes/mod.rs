//! Every way to be busy that needs no lock event, each beside what looks like it.

mod attempts;
mod bench;
mod places;
mod transactions;
mod user_code;

use std::collections::BTreeMap;

use bench::{Place, Second, judge};
use livelock_core::activity::{Activity, HostCounter, StarvedTask, SyscallResults};
use livelock_core::code::CodeFacts;
use livelock_core::event::LockKind;
use livelock_core::ids::Pid;
use livelock_core::probes::{GroupSet, ProbeGroup, ProbeSet};
use livelock_core::verdict::{CauseClass, Status, Verdict};

fn expect(verdict: &Verdict, status: Status, class: CauseClass) {
    assert_eq!(
        (verdict.status, verdict.cause.class),
        (status, class),
        "{} (also {:?})",
        verdict.cause.summary,
        verdict.cause.also
    );
}

fn syscalls(nr_ok: u64, nr_retry: u64) -> Activity {
    let results = SyscallResults {
        nr_positive: nr_ok,
        nr_retry,
        ..SyscallResults::default()
    };
    Activity {
        syscalls: BTreeMap::from([(232, results)]),
        probes: ProbeSet::of(ProbeGroup::ALL.into_iter().collect()),
        ..Activity::default()
    }
}

const PAUSING: CodeFacts = CodeFacts {
    atomic: None,
    in_loop: true,
    loop_has_pause: true,
    loop_has_atomic: false,
    loop_len_bytes: Some(12),
};

#[test]
fn waits_for_other_cpus_are_contention_however_many() {
    let storm = Second {
        places: vec![Place::kernel(
            95,
            &["smp_call_function_many_cond", "flush_tlb_mm_range"],
        )],
        counters: vec![(HostCounter::CallInterrupts, 4000)],
        ..Second::default()
    };
    expect(&judge(&storm), Status::Contended, CauseClass::IpiStorm);
    let few = Second {
        places: vec![
            Place::kernel(10, &["smp_call_function_many_cond", "flush_tlb_mm_range"]),
            Place::kernel(85, &["aes_encrypt"]),
        ],
        counters: vec![(HostCounter::CallInterrupts, 4000)],
        ..Second::default()
    };
    expect(&judge(&few), Status::Busy, CauseClass::KernelWork);
}

#[test]
fn samples_alone_on_a_host_that_is_not_full_disturb_nobody() {
    let server = Second {
        places: vec![
            Place::kernel(35, &["native_queued_spin_lock_slowpath", "_raw_spin_lock"]),
            Place::kernel(60, &["do_syscall_64"]),
        ],
        idle: 0.4,
        ..Second::default()
    };
    assert_eq!(judge(&server).status, Status::Busy);
    let full = Second {
        places: vec![Place::kernel(
            90,
            &["native_queued_spin_lock_slowpath", "_raw_spin_lock"],
        )],
        ..Second::default()
    };
    expect(&judge(&full), Status::Contended, CauseClass::UntracedSpin);
}

#[test]
fn optimistic_spin_on_an_rwsem_counts_where_its_waits_are_seen() {
    let places = vec![Place::kernel(
        90,
        &["rwsem_spin_on_owner", "rwsem_down_write_slowpath"],
    )];
    let seen = Second {
        places: places.clone(),
        kind: Some(LockKind::Rwsem),
        ..Second::default()
    };
    expect(&judge(&seen), Status::Livelock, CauseClass::RwsemSpin);
    let unseen = Second {
        places,
        ..Second::default()
    };
    assert_eq!(judge(&unseen).status, Status::Contended);
}

#[test]
fn packets_that_nobody_reads_are_a_receive_live_lock() {
    let flood = |refused, delivered| Second {
        places: vec![Place::kernel(92, &["__udp4_lib_rcv", "net_rx_action"])],
        softirq: 0.95,
        counters: vec![
            (HostCounter::PacketsProcessed, refused + delivered),
            (HostCounter::DatagramsRefused, refused),
            (HostCounter::DatagramsDelivered, delivered),
        ],
        ..Second::default()
    };
    let vain = judge(&flood(400_000, 1000));
    expect(&vain, Status::Livelock, CauseClass::ReceiveLivelock);
    let router = judge(&flood(10_000, 400_000));
    assert_eq!(router.status, Status::Busy, "{}", router.cause.summary);
}

#[test]
fn reclaim_is_waste_only_if_it_frees_nothing_or_what_is_needed() {
    let reclaim = |pages, refaults| Second {
        places: vec![Place::kernel(93, &["shrink_folio_list", "shrink_lruvec"])],
        pages,
        counters: vec![(HostCounter::Refaults, refaults)],
        ..Second::default()
    };
    let vain = judge(&reclaim((500_000, 900), 0));
    expect(&vain, Status::Livelock, CauseClass::ReclaimThrash);
    let thrash = judge(&reclaim((500_000, 300_000), 290_000));
    expect(&thrash, Status::Livelock, CauseClass::ReclaimThrash);
    let pays = judge(&reclaim((500_000, 480_000), 100));
    expect(&pays, Status::Busy, CauseClass::ReclaimThrash);
}

#[test]
fn a_runnable_task_that_does_not_run_is_starved() {
    let waiting = StarvedTask {
        pid: Pid(77),
        age_ns: 1_500_000_000,
        prio: Some(120),
    };
    let hog = Place {
        prio: 49,
        comm: "rt-hog",
        ..Place::user(98)
    };
    let open = Second {
        places: vec![hog],
        user: 1.0,
        activity: Some(syscalls(10, 0)),
        starved: Some(waiting),
        ..Second::default()
    };
    let verdict = judge(&open);
    expect(&verdict, Status::Starved, CauseClass::RtStarvation);
    assert!(verdict.cause.summary.contains("rt-hog"));
    let delayed = |place| Second {
        places: vec![place],
        user: 1.0,
        activity: Some(Activity {
            nr_long_delays: 1,
            long_delay: Some(waiting),
            ..syscalls(10, 0)
        }),
        ..Second::default()
    };
    assert_eq!(judge(&delayed(hog)).status, Status::Starved);
    // A task of low weight among many: it waits, and gets its turn.
    let fair = judge(&delayed(Place::user(98)));
    expect(&fair, Status::Busy, CauseClass::UserCompute);
}

#[test]
fn loops_that_retry_are_waste_only_if_nothing_returns() {
    let hallway = |nr_ok| Second {
        places: vec![Place {
            code: Some(PAUSING),
            ..Place::kernel(95, &["hallway_trylock"])
        }],
        activity: Some(syscalls(nr_ok, 0)),
        ..Second::default()
    };
    expect(
        &judge(&hallway(20)),
        Status::Livelock,
        CauseClass::TrylockRetry,
    );
    let works = judge(&hallway(2_000_000));
    expect(&works, Status::Busy, CauseClass::TrylockRetry);
}

#[test]
fn what_no_program_counted_accuses_nobody() {
    let of_tasks = GroupSet::EMPTY.with(ProbeGroup::Reclaim);
    let blind = |activity| Activity {
        probes: ProbeSet::of(of_tasks),
        ..activity
    };
    let hallway = Second {
        places: vec![Place {
            code: Some(PAUSING),
            ..Place::kernel(95, &["hallway_trylock"])
        }],
        activity: Some(blind(syscalls(0, 0))),
        ..Second::default()
    };
    let verdict = judge(&hallway);
    expect(&verdict, Status::Busy, CauseClass::TrylockRetry);
    assert!(
        verdict
            .evidence
            .iter()
            .all(|e| e.signal != "achieved_syscalls")
    );
    let report = verdict.activity.expect("something was attached");
    assert_eq!(report.ok_syscalls_per_sec, None);
    let faults = Second {
        places: vec![Place::kernel(94, &["handle_userfault", "do_syscall_64"])],
        activity: Some(blind(Activity {
            nr_faults: 50_000,
            nr_same_faults: 49_000,
            same_fault_pid: Some(Pid(100)),
            ..syscalls(20, 0)
        })),
        ..Second::default()
    };
    assert_eq!(judge(&faults).status, Status::Busy);
    let herd = Second {
        places: vec![
            Place::kernel(60, &["ep_poll_callback"]),
            Place::kernel(35, &["do_syscall_64"]),
        ],
        activity: Some(blind(syscalls(10_000, 70_000))),
        ..Second::default()
    };
    expect(&judge(&herd), Status::Busy, CauseClass::KernelWork);
}

#[test]
fn a_fault_that_repeats_is_waste_and_many_faults_are_not() {
    let faults = |nr_same, nr_repeating| Second {
        places: vec![Place::kernel(94, &["handle_userfault", "do_syscall_64"])],
        nr_repeating,
        activity: Some(Activity {
            nr_faults: 50_000,
            nr_same_faults: nr_same,
            same_fault_pid: Some(Pid(100)),
            ..syscalls(20, 0)
        }),
        ..Second::default()
    };
    expect(
        &judge(&faults(49_000, bench::NR_CPUS)),
        Status::Livelock,
        CauseClass::FaultLoop,
    );
    assert_eq!(judge(&faults(10, 0)).status, Status::Busy);
    // One thread's are nearly all, and take no more than its CPU: the other three get on.
    assert_eq!(judge(&faults(49_000, 1)).status, Status::Contended);
}

#[test]
fn what_busy_cpus_do_has_a_name() {
    let kernel = |stack, counters| Second {
        places: vec![Place::kernel(90, stack)],
        counters,
        ..Second::default()
    };
    let timers = vec![(HostCounter::TimerInterrupts, 4 * 30_000)];
    for (second, class) in [
        (
            kernel(&["hrtimer_interrupt"], timers),
            CauseClass::TimerStorm,
        ),
        (
            kernel(&["serial8250_console_write"], Vec::new()),
            CauseClass::Console,
        ),
        (
            kernel(&["io_sq_thread"], Vec::new()),
            CauseClass::LegitimatePolling,
        ),
        (
            kernel(&["bpf_prog_deadbeef"], Vec::new()),
            CauseClass::TracerOverhead,
        ),
        (
            kernel(&["hrtimer_interrupt"], Vec::new()),
            CauseClass::KernelWork,
        ),
        (kernel(&["aes_encrypt"], Vec::new()), CauseClass::KernelWork),
    ] {
        expect(&judge(&second), Status::Busy, class);
    }
}

#[test]
fn a_herd_is_one_only_if_most_come_in_vain() {
    let herd = |nr_ok, nr_retry| Second {
        places: vec![
            Place::kernel(60, &["ep_poll_callback"]),
            Place::kernel(35, &["do_syscall_64"]),
        ],
        activity: Some(syscalls(nr_ok, nr_retry)),
        ..Second::default()
    };
    expect(
        &judge(&herd(10_000, 70_000)),
        Status::Busy,
        CauseClass::ThunderingHerd,
    );
    expect(
        &judge(&herd(70_000, 100)),
        Status::Busy,
        CauseClass::KernelWork,
    );
}

#[test]
fn a_work_item_that_keeps_its_cpu_is_named() {
    let hog = Second {
        places: vec![Place {
            comm: "kworker/0:1",
            ..Place::kernel(90, &["drain_everything", "process_one_work"])
        }],
        ..Second::default()
    };
    let verdict = judge(&hog);
    expect(&verdict, Status::Busy, CauseClass::WorkqueueHog);
    assert!(verdict.cause.summary.contains("drain_everything"));
}

#[test]
fn on_an_idle_host_the_tracer_is_no_cause() {
    let traced = |idle| Second {
        places: vec![
            Place::kernel(60, &["bpf_prog_deadbeef", "do_syscall_64"]),
            Place::user(30),
        ],
        idle,
        ..Second::default()
    };
    let names_it = |verdict: &Verdict| {
        let also = verdict.cause.also.iter().map(|also| also.class);
        also.chain([verdict.cause.class])
            .any(|class| class == CauseClass::TracerOverhead)
    };
    assert!(names_it(&judge(&traced(0.1))));
    assert!(!names_it(&judge(&traced(0.97))));
}
