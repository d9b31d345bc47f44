//! Windows of a machine that does not exist, for tests and the benchmark, which includes this file by its path.
//!
//! In: a number of CPUs, a load. Out: snapshots, through the builder and the judge that real windows go through.

use livelock_core::event::{
    CpuCounters, CpuTimes, Event, InFlightWait, LockKind, LockTotals, ProgressCounters,
    SampleEvent, SampleMode, StackEvent, TaskRef, WaitEvent,
};
use livelock_core::filter::Filter;
use livelock_core::hist::WaitHistogram;
use livelock_core::host::{HostFacts, SamplerSource, SpinlockFlavour};
use livelock_core::ids::{CgroupId, CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};
use livelock_core::judge::Judge;
use livelock_core::names::{FunctionName, Names};
use livelock_core::recording::Opening;
use livelock_core::scope::Scope;
use livelock_core::topology::Topology;
use livelock_core::window::{Window, WindowBuilder};

use super::{Snapshot, WindowSummary};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;
/// Samples a second and CPU.
const HZ: u64 = 99;
/// Locks that are waited for.
const NR_LOCKS: u64 = 12;

const FUNCTIONS: [&str; 8] = [
    "native_queued_spin_lock_slowpath",
    "_raw_spin_lock",
    "alloc_fd",
    "__x64_sys_dup",
    "close_fd",
    "__x64_sys_close",
    "do_syscall_64",
    "entry_SYSCALL_64_after_hwframe",
];

/// Names of functions and locks by small numbers.
pub(super) struct Table;

impl Names for Table {
    fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
        let index = usize::try_from(addr.0 / 0x100).ok()?;
        Some(FunctionName {
            name: (*FUNCTIONS.get(index)?).to_owned(),
            offset_bytes: addr.0 % 0x100,
        })
    }

    fn data_symbol(&self, addr: LockAddr) -> Option<String> {
        Some(match addr.0 {
            0x1000 => "tasklist_lock".to_owned(),
            addr => format!("table_lock_{}", addr / 0x1000),
        })
    }

    fn member(&self, _: livelock_core::event::ObjectPlace) -> Option<String> {
        None
    }

    fn cgroup_path(&self, _: CgroupId) -> Option<String> {
        Some("/system.slice/workers.service".to_owned())
    }
}

/// What the machine is busy with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Load {
    /// All CPUs spin for one lock.
    Spin,
    /// Most CPUs compute.
    Compute,
    /// Nothing.
    Idle,
    /// Spins, but `/proc/stat` cannot be read.
    Unseen,
}

/// The machine.
pub(super) struct Machine {
    nr_cpus: u32,
    number: u64,
    now: u64,
    builder: WindowBuilder,
    judge: Judge,
    times: Vec<CpuTimes>,
    counters: Vec<CpuCounters>,
    progress: ProgressCounters,
    next_stack: u32,
}

fn number_of(cpu: u32) -> u64 {
    u64::from(cpu)
}

impl Machine {
    /// Just booted.
    pub(super) fn new(nr_cpus: u32) -> Self {
        let mut machine = Self {
            nr_cpus,
            number: 0,
            now: 100 * SECOND,
            builder: WindowBuilder::new(nr_cpus),
            judge: opening(nr_cpus).judge(),
            times: (0..nr_cpus).map(|_| CpuTimes::default()).collect(),
            counters: (0..nr_cpus).map(|_| CpuCounters::default()).collect(),
            progress: ProgressCounters {
                nr_context_switches: Some(0),
                nr_page_faults: Some(0),
                ..ProgressCounters::default()
            },
            next_stack: 1,
        };
        machine.state(true);
        machine.builder.baseline(MonotonicNs(machine.now));
        machine
    }

    /// What a screen is told first.
    pub(super) fn opening(&self) -> Opening {
        opening(self.nr_cpus)
    }

    /// The next second, judged.
    pub(super) fn next(&mut self, load: Load) -> Snapshot {
        let window = self.window(load);
        self.judged(&window)
    }

    /// What the screen is given of the newest window.
    pub(super) fn judged(&mut self, window: &Window) -> Snapshot {
        let seen = self.judge.observe(window, &Table);
        let verdict = self.judge.recent_verdict(&Table);
        let pct = |share: Option<f64>| share.map(|share| 100.0 * share);
        let summary = WindowSummary {
            number: self.number,
            ended_unix_ms: 1_790_000_000_000 + 1000 * self.number,
            duration_ns: window.duration_ns(),
            status: verdict.status,
            busy_pct: pct(seen.busy),
            burn_pct: pct(seen.burn()),
            omega: seen.omega,
            no_progress: seen.no_progress,
            user_pct: pct(seen.user_share),
            top_lock: seen.top_lock.as_ref().map(|top| top.name.clone()),
            waits_per_sec: 61.0,
            nr_in_flight: window.in_flight.len() as u64,
            oldest_in_flight_ns: Some(20 * MS),
            nr_lost: 0,
            self_cpu_pct: None,
            self_bpf_cpu_pct: None,
            probe_groups: Vec::new(),
        };
        Snapshot::new(summary, verdict, window, &seen, &Table)
    }

    /// The next second.
    pub(super) fn window(&mut self, load: Load) -> Window {
        self.number += 1;
        let begin = self.now;
        self.now += SECOND;
        for cpu in 0..self.nr_cpus {
            self.run(cpu, load, begin);
        }
        let nr_switches = match load {
            Load::Compute => 50_000,
            Load::Spin | Load::Idle | Load::Unseen => 40,
        };
        let add = |counter: &mut Option<u64>, nr: u64| *counter = counter.map(|sum| sum + nr);
        add(&mut self.progress.nr_context_switches, nr_switches);
        add(&mut self.progress.nr_page_faults, nr_switches / 8);
        self.state(load != Load::Unseen);
        self.builder
            .close(MonotonicNs(begin), MonotonicNs(self.now))
    }

    /// What one CPU does for a second; no two are alike.
    fn run(&mut self, cpu: u32, load: Load, begin: u64) {
        let own = number_of(cpu);
        let index = cpu as usize;
        let (user, system, softirq) = match load {
            Load::Spin | Load::Unseen => (own % 5, 960 + own % 20, own % 11),
            Load::Compute => (600 + own * 7 % 300, 40, 5),
            Load::Idle => (own % 9, own % 4, 0),
        };
        let times = &mut self.times[index];
        times.user_ns += user * MS;
        times.system_ns += system * MS;
        times.softirq_ns += softirq * MS;
        times.idle_ns += (1000 - user - system - softirq) * MS;
        let counters = &mut self.counters[index];
        counters.nr_ticks += HZ;
        let spins = matches!(load, Load::Spin | Load::Unseen);
        if spins {
            counters.nr_begun += 2;
            counters.nr_completed += 2;
            counters.spin_ns += (940 + own % 20) * MS;
            self.wait(cpu, begin);
        }
        let is_user = |nr: u64| !spins && nr % 10 < 9;
        for nr in 0..HZ {
            let idles = load == Load::Idle && nr > 2;
            self.builder.fold(Event::Sample(SampleEvent {
                cpu: CpuId(cpu),
                taken: MonotonicNs(begin + nr * 10 * MS),
                task: if idles { idle() } else { task(cpu) },
                mode: if is_user(nr) && !idles {
                    SampleMode::User
                } else {
                    SampleMode::Kernel
                },
                in_traced_spin: spins,
                in_self: false,
                prio: Some(120),
                user_ip: None,
                first_arg: None,
                frames: if is_user(nr) || idles {
                    Vec::new()
                } else {
                    frames(cpu)
                },
            }));
        }
    }

    /// Two waits, of which the second has just ended.
    fn wait(&mut self, cpu: u32, begin: u64) {
        let own = number_of(cpu);
        let lock = LockAddr(0x1000 * (1 + own * own % NR_LOCKS * u64::from(own % 8 == 7)));
        let id = StackId {
            cpu: CpuId(cpu),
            number: self.next_stack,
        };
        self.next_stack += 1;
        self.builder.fold(Event::Stack(StackEvent {
            id,
            weight: 1,
            taken: MonotonicNs(begin),
            lock,
            kind: LockKind::Spinlock,
            task: task(cpu),
            cgroup: CgroupId(1),
            place: None,
            owner: None,
            frames: frames(cpu),
            user_frames: Vec::new(),
        }));
        let mut hist = WaitHistogram::default();
        hist.record(450 * MS + own * MS);
        hist.record(470 * MS);
        self.builder.fold(Event::LockTotals(LockTotals {
            cpu: CpuId(cpu),
            lock: Some(lock),
            kind: LockKind::Spinlock,
            nr_begun: 2,
            nr_waits: 2,
            wait_ns: 940 * MS,
            spin_ns: (940 + own % 20) * MS,
            max_ns: 480 * MS,
            nr_failed: 0,
            hist,
        }));
        for half in 0..2 {
            self.builder.fold(Event::Wait(WaitEvent {
                lock,
                kind: LockKind::Spinlock,
                begin: MonotonicNs(begin + half * 500 * MS),
                in_line_after_ns: None,
                end: MonotonicNs(begin + half * 500 * MS + 450 * MS + own),
                spin_ns: 450 * MS,
                pid: Pid(4000 + cpu),
                tgid: Tgid(4000),
                cpu: CpuId(cpu),
                stack: Some(id),
                acquired: true,
            }));
        }
    }

    /// What a close reads.
    fn state(&mut self, has_times: bool) {
        let pairs = self.times.iter().zip(&self.counters);
        for (cpu, (times, counters)) in (0..self.nr_cpus).zip(pairs) {
            let cpu = CpuId(cpu);
            let (times, counters) = (*times, counters.clone());
            if has_times {
                self.builder.fold(Event::CpuTimes { cpu, times });
            }
            self.builder.fold(Event::Cpu { cpu, counters });
        }
        self.builder.fold(Event::Progress(self.progress));
        if self.number > 0
            && self
                .counters
                .first()
                .is_some_and(|first| first.nr_begun > 0)
        {
            self.open();
        }
    }

    /// One wait is open.
    fn open(&mut self) {
        self.builder.fold(Event::InFlight(InFlightWait {
            lock: LockAddr(0x1000),
            kind: LockKind::Spinlock,
            begin: MonotonicNs(self.now - 20 * MS),
            in_line_after_ns: None,
            spin_ns: 20 * MS,
            unbooked_spin_ns: 0,
            spinning: true,
            cpu: CpuId(0),
            pid: Pid(4000),
            tgid: Tgid(4000),
            stack: None,
        }));
    }
}

fn idle() -> TaskRef {
    TaskRef {
        pid: Pid(0),
        tgid: Tgid(0),
        comm: Some("swapper".to_owned()),
    }
}

fn task(cpu: u32) -> TaskRef {
    TaskRef {
        pid: Pid(4000 + cpu),
        tgid: Tgid(4000),
        comm: Some("worker".to_owned()),
    }
}

fn frames(cpu: u32) -> Vec<CodeAddr> {
    let path: [u64; 4] = if cpu.is_multiple_of(2) {
        [0x025, 0x125, 0x240, 0x33e]
    } else {
        [0x025, 0x125, 0x42a, 0x50d]
    };
    let rest = [0x65d, 0x76e];
    path.into_iter().chain(rest).map(CodeAddr).collect()
}

fn opening(nr_cpus: u32) -> Opening {
    Opening {
        tool_version: "0".to_owned(),
        began_unix_ms: 1_790_000_000_000,
        host: HostFacts {
            hostname: "big1".to_owned(),
            kernel_release: "6.1.0".to_owned(),
            kernel_build_id: None,
            arch: "x86_64".to_owned(),
            nr_cpus_online: nr_cpus,
            nr_cpus_possible: nr_cpus,
            hypervisor: None,
            spinlocks: SpinlockFlavour::Native,
            sampler: SamplerSource::PmuNmi,
            has_contended_release: false,
            has_lockdep: false,
            idle_by_clock: Some(true),
            hardirq_by_clock: Some(true),
            load_1m: Some(300.0),
        },
        blind_spots: Vec::new(),
        scope: Scope::default(),
        filter: Filter::default(),
        topology: Topology::default(),
        nr_cpus_online: nr_cpus,
        window_ns: SECOND,
        duration_ns: None,
        max_level: 1,
        sources: Vec::new(),
        first_readings: Vec::new(),
        nr_pieces_before: 0,
    }
}
