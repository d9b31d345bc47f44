//! A verdict and a window for tests.

use std::collections::BTreeMap;

use livelock_core::declared::{DeclaredProgress, DeclaredState};
use livelock_core::event::LockKind;
use livelock_core::filter::Filter;
use livelock_core::host::{HostFacts, SamplerSource, SpinlockFlavour};
use livelock_core::ids::{CpuId, Pid, Tgid};
use livelock_core::probes::ProbeGroup;
use livelock_core::scope::Scope;
use livelock_core::verdict::*;

use super::WindowSummary;
use super::specimen_lock::{handoffs, holder, user_stacks};

pub(crate) fn host() -> HostFacts {
    HostFacts {
        hostname: "web42".to_owned(),
        kernel_release: "6.1.0-18-amd64".to_owned(),
        kernel_build_id: None,
        arch: "x86_64".to_owned(),
        nr_cpus_online: 8,
        nr_cpus_possible: 8,
        hypervisor: Some("KVM".to_owned()),
        spinlocks: SpinlockFlavour::Paravirtual,
        sampler: SamplerSource::Hrtimer,
        has_contended_release: false,
        has_lockdep: false,
        idle_by_clock: Some(true),
        hardirq_by_clock: Some(true),
        load_1m: Some(113.97),
    }
}

pub(super) fn side(share_pct: f64, pid: u32, stack: &[&str]) -> LockSide {
    LockSide {
        share_pct,
        stack: stack.iter().map(|&frame| frame.to_owned()).collect(),
        comm: Some("wor\u{1b}[31mker".to_owned()),
        pid: Some(Pid(pid)),
        tgid: Some(Tgid(pid)),
        cgroup: Some("/system.slice/a-service-with-a-long-name.service/workers".to_owned()),
        container_id: None,
        pod_uid: None,
        nr_samples: 412,
        known_by: Vec::new(),
        confidence: None,
        doing: None,
        not_running: None,
        user_stacks: Vec::new(),
    }
}

fn evidence(signal: &str, value: f64, unit: &str, threshold: Option<f64>, text: &str) -> Evidence {
    Evidence {
        signal: signal.to_owned(),
        value,
        unit: unit.to_owned(),
        threshold,
        source: EvidenceSource::ContentionTracepoints,
        text: text.to_owned(),
    }
}

fn lock() -> LockReport {
    LockReport {
        name: "files_struct.file_lock".to_owned(),
        name_source: NameSource::TaskObject,
        instance: Some("process 4172 (fd-table)".to_owned()),
        addr: Some("0xffff888101234567".to_owned()),
        kind: LockKind::Spinlock,
        burn_pct: 93.4,
        burn_cpus: 7.47,
        halted_pct: Some(0.0),
        sampled_spin_pct: None,
        nr_waits: 305,
        wait_ns: WaitTimes {
            total: 37_350_000_000,
            p50: Some(134_000_000),
            p99: Some(412_000_000),
            max: 998_000_000,
        },
        nr_in_flight: 7,
        oldest_in_flight_ns: Some(998_000_000),
        handoff_gap_ns: Some(GapTimes {
            p50: 16_000_000,
            p99: 31_000_000,
        }),
        handoffs: Some(handoffs()),
        hold_ns: Some(HoldTimes {
            p50: Some(1_200_000),
            p99: Some(9_800_000),
            p99_at_least: None,
            p99_at_most: None,
            nr_holds: Some(3118),
            max: None,
            bound: HoldBound::Upper,
            traced_pct: None,
        }),
        handover_pct: Some(71.0),
        unknown_holder_pct: Some(12.4),
        waiters: vec![LockSide {
            user_stacks: user_stacks(),
            ..side(
                97.1,
                4711,
                &[
                    "__pv_queued_spin_lock_slowpath+0x1a2",
                    "_raw_spin_lock+0x25",
                    "alloc_fd+0x3c",
                    "__x64_sys_dup+0x2f",
                    "do_syscall_64+0x5d",
                    "entry_SYSCALL_64_after_hwframe+0x6e",
                ],
            )
        }],
        holders: vec![
            holder(),
            side(
                36.0,
                4713,
                &["alloc_fd+0x3c", "__x64_sys_dup+0x2f", "do_syscall_64+0x5d"],
            ),
        ],
        cpus: (0..8).map(CpuId).collect(),
    }
}

/// Two who want each other's lock.
fn cycle() -> WaitChain {
    let link = |lock: &str, addr: &str, pid, kind, nr, wait_ns| ChainLink {
        lock: lock.to_owned(),
        addr: addr.to_owned(),
        held_by: Some(ChainTask {
            comm: Some("wor\u{1b}[31mker".to_owned()),
            pid: Pid(pid),
        }),
        wants: Some(Want { kind, nr, wait_ns }),
    };
    WaitChain {
        is_cycle: true,
        wait_ns: 1_900_000_000,
        oldest_open_ns: Some(410_000_000),
        links: vec![
            link(
                "files_struct.file_lock",
                "0xffff888101234567",
                4711,
                WantKind::Waits,
                17,
                1_900_000_000,
            ),
            link(
                "dentry.d_lock",
                "0xffff888107654321",
                4713,
                WantKind::Tries,
                3,
                0,
            ),
        ],
    }
}

fn activity() -> ActivityReport {
    ActivityReport {
        observed_ns: 4_500_000_000,
        groups: [ProbeGroup::Syscalls, ProbeGroup::Interrupts]
            .map(|group| GroupReport {
                group,
                observed_ns: 4_500_000_000,
                cost_pct: 0.1,
                runs_per_sec: 960.0,
                absent: Vec::new(),
            })
            .to_vec(),
        ok_syscalls_per_sec: Some(61.0),
        retry_pct: Some(0.0),
        failing_syscalls: Some(Vec::new()),
        polls: None,
        errnos_per_sec: Some(BTreeMap::new()),
        softirqs: Some(vec![InterruptReport {
            name: "TIMER".to_owned(),
            per_sec: 480.0,
            cpu_pct: 0.6,
        }]),
        hardirqs: Some(Vec::new()),
        faults_per_sec: None,
        packets_dropped_per_sec: None,
        switches_per_sec: None,
        involuntary_switches_per_sec: None,
        mean_run_delay_ns: None,
        rt_cpu_pct: None,
        reclaim: None,
        cross_calls: None,
        work: None,
        transactions: Some(TransactionReport {
            restarts_per_sec: Some(61_000.0),
            commits_per_sec: Some(3_050.0),
            restarts_per_commit: Some(20.0),
        }),
    }
}

/// Eight workers on one file table.
pub(crate) fn livelock() -> Verdict {
    Verdict {
        schema: SCHEMA.to_owned(),
        status: Status::Livelock,
        confidence: Confidence::High,
        cause: Cause {
            class: CauseClass::SpinCollapse,
            summary: "7.5 of 8 CPUs spin on files_struct.file_lock, which is handed on 61 times a second".to_owned(),
            also: vec![AlsoSeen {
                class: CauseClass::IpiStorm,
                share_pct: 21.4,
                summary: "1.7 CPUs wait for other CPUs to answer (2100 calls a second)".to_owned(),
            }],
        },
        window: Span {
            duration_ns: 5_000_000_000,
            nr_windows: 10,
            nr_no_progress: 9,
            first_verdict_ns: Some(1_500_000_000),
        },
        host: host(),
        scope: Scope::default(),
        filter: Filter::default(),
        busy_pct: Some(99.6),
        burn_pct: Some(93.4),
        user_pct: Some(0.4),
        omega: Some(0.938),
        time: TimeLedger {
            idle_pct: Some(0.4),
            polling_idle_pct: Some(0.0),
            halted_waiters_pct: Some(0.0),
            sampling_error_pct: Some(1.6),
            user_pct: Some(0.4),
            kernel_pct: Some(4.9),
            traced_spin_pct: Some(93.4),
            untraced_spin_pct: Some(0.2),
            vain_fault_pct: Some(0.0),
            vain_retry_pct: Some(0.0),
            ipi_wait_pct: Some(0.0),
            vain_reclaim_pct: Some(0.0),
            vain_receive_pct: Some(0.0),
            hardirq_pct: Some(0.1),
            softirq_pct: Some(0.3),
            steal_pct: Some(0.3),
            own_pct: Some(0.4),
            lost_ticks_pct: None,
            coverage_pct: Some(99.8),
        },
        cpus: times().iter().map(|(&cpu, time)| CpuTime::of(cpu, time)).collect(),
        progress: Progress {
            state: ProgressState::Collapsed,
            reason: "0.4 % of busy time is user time while CPUs spin".to_owned(),
            tokens_per_busy_sec: Some(7.66),
            baseline_tokens_per_busy_sec: None,
            throughput_slope: None,
            besides_per_sec: BTreeMap::new(),
            tokens_per_sec: BTreeMap::from([
                ("context_switches".to_owned(), 52.0),
                ("lock_handoffs".to_owned(), 61.0),
            ]),
            declared: vec![DeclaredProgress {
                name: "nginx:ngx_http_finalize_request".to_owned(),
                spec: "uprobe:/usr/sbin/nginx:ngx_http_finalize_request".to_owned(),
                state: DeclaredState::Stalled,
                rate_per_sec: Some(0.4),
                expectation: Some("rate>=100".to_owned()),
                reason: "no progress for 2.0 s, more than 1.5 s".to_owned(),
            }],
        },
        activity: Some(activity()),
        named_burn_pct: Some(100.0),
        locks: vec![lock()],
        chains: vec![cycle()],
        evidence: vec![
            evidence("omega", 0.938, "", Some(0.8), "almost all busy time is spent waiting for locks"),
            evidence("user_share", 0.4, "%", Some(5.0), "next to no user code runs"),
        ],
        against: vec![evidence("steal", 0.3, "%", None, "the hypervisor takes little")],
        ruled_out: vec![RuledOut {
            candidate: "user computation".to_owned(),
            reason: "0.4 % of busy time is user time".to_owned(),
        }],
        blind_spots: vec![BlindSpot {
            id: "interrupts-off-sampling".to_owned(),
            what: "code that runs with interrupts off is not sampled; its time shows where they come on again".to_owned(),
            mitigation: "a hardware PMU samples there too; traced locks are not affected".to_owned(),
        }],
        remedies: vec![Remedy {
            action: "run the workers as processes, or unshare their file tables (unshare(CLONE_FILES))".to_owned(),
            reason: "one file table has one lock; every open, close and dup of every thread takes it".to_owned(),
            cost: Some("memory for each process, or less parallelism".to_owned()),
            confirm: "perf trace -s -e dup,close -p 4711 -- sleep 1".to_owned(),
        }],
        accounting: Accounting {
            nr_begun: 313,
            nr_completed: 305,
            nr_in_flight: 7,
            lost: BTreeMap::from([("nested".to_owned(), 1)]),
            detail_lost: BTreeMap::from([("stack_ring_full".to_owned(), 0)]),
            unaccounted: 0,
        },
        self_cost: SelfCost {
            cpu_pct: 0.21,
            bpf_cpu_pct: 0.06,
            user_cpu_pct: 0.15,
            steady_cpu_pct: Some(0.12),
            start_up_cpu_ns: Some(231_000_000),
            level: 0,
            stack_sampling: StackSampling {
                nr_stacks: 412,
                one_in: Some(1.0),
            },
        },
    }
}

/// Nothing wrong, and little known.
pub(crate) fn healthy() -> Verdict {
    Verdict {
        status: Status::Healthy,
        confidence: Confidence::Medium,
        cause: Cause {
            class: CauseClass::None,
            summary: "CPUs are mostly idle and nobody waits".to_owned(),
            also: Vec::new(),
        },
        busy_pct: None,
        omega: None,
        time: TimeLedger::default(),
        cpus: Vec::new(),
        activity: None,
        named_burn_pct: None,
        locks: Vec::new(),
        chains: Vec::new(),
        evidence: Vec::new(),
        against: Vec::new(),
        ruled_out: Vec::new(),
        blind_spots: Vec::new(),
        remedies: Vec::new(),
        ..livelock()
    }
}

/// One CPU that spins, one of which nobody sampled anything.
pub(crate) fn times() -> BTreeMap<CpuId, TimeLedger> {
    let spins = TimeLedger {
        idle_pct: Some(0.0),
        user_pct: Some(1.0 / 3.0),
        kernel_pct: Some(5.25),
        traced_spin_pct: Some(94.0),
        untraced_spin_pct: Some(0.4),
        hardirq_pct: None,
        softirq_pct: Some(0.016_67),
        steal_pct: Some(0.0),
        ..TimeLedger::default()
    };
    let unsampled = TimeLedger {
        idle_pct: Some(100.0),
        traced_spin_pct: Some(0.0),
        untraced_spin_pct: None,
        ..spins
    };
    BTreeMap::from([(CpuId(0), spins), (CpuId(17), unsampled)])
}

pub(crate) fn window() -> WindowSummary {
    WindowSummary {
        number: 3,
        ended_unix_ms: 1_790_000_000_123,
        duration_ns: 1_000_000_000,
        status: Status::Livelock,
        busy_pct: Some(99.6),
        burn_pct: Some(93.4),
        omega: Some(0.938),
        no_progress: true,
        user_pct: Some(0.4),
        top_lock: Some("files_struct.file_lock".to_owned()),
        waits_per_sec: 61.0,
        nr_in_flight: 7,
        oldest_in_flight_ns: Some(998_000_000),
        nr_lost: 0,
        self_cpu_pct: Some(0.21),
        self_bpf_cpu_pct: Some(0.06),
        probe_groups: Vec::new(),
    }
}
