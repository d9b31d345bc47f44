//! A host made up second by second.
//!
//! In: [`Load`]s. Out: windows through the real window builder, and a judge who has seen them.
//! Refuses: short cuts; every number passes as an event.

mod load;
mod table;

use std::collections::BTreeMap;

use livelock_core::detect::Observation;
use livelock_core::event::{
    CpuCounters, CpuTimes, Event, InFlightWait, LockKind, LockTotals, LossCause, ObjectPlace,
    OwnProcess, ProgressCounters, SampleEvent, SampleMode, StackEvent, TaskRef, WaitEvent,
};
use livelock_core::hist::WaitHistogram;
use livelock_core::host::HostFacts;
use livelock_core::ids::{CgroupId, CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};
use livelock_core::judge::Judge;
use livelock_core::ledger::functions::Functions;
use livelock_core::ledger::samples;
use livelock_core::ledger::time::{self, TimeBooks};
use livelock_core::window::{Window, WindowBuilder};

pub(crate) use load::*;
pub(crate) use table::*;

pub(crate) const LOCK: LockAddr = LockAddr(0xffff_8880_0123_4540);

/// The time books of `window`.
pub(crate) fn books(window: &Window) -> Option<TimeBooks> {
    let own = window.own.map(|own| own.tgid);
    let (counts, profile) = samples::read(window, own, &mut Functions::default(), &Table);
    time::book(window, &counts, &profile, "x86_64")
}

/// The made-up host.
pub(crate) struct Sim {
    pub(crate) nr_cpus: u32,
    pub(crate) window_ns: u64,
    now_ns: u64,
    builder: WindowBuilder,
    pub(crate) judge: Judge,
    counters: BTreeMap<CpuId, CpuCounters>,
    times: BTreeMap<CpuId, CpuTimes>,
    progress: ProgressCounters,
    own_ns: u64,
    pub(crate) seen: Vec<Observation>,
    pub(crate) windows: Vec<Window>,
}

impl Sim {
    pub(crate) fn new(nr_cpus: u32) -> Self {
        Self::on(host(nr_cpus))
    }

    pub(crate) fn on(host: HostFacts) -> Self {
        let nr_cpus = host.nr_cpus_online;
        let cpus = || (0..nr_cpus).map(CpuId);
        let mut sim = Self {
            nr_cpus,
            window_ns: 1_000_000_000,
            now_ns: 0,
            builder: WindowBuilder::new(nr_cpus),
            judge: Judge::new(host, Vec::new()),
            counters: cpus().map(|c| (c, CpuCounters::default())).collect(),
            times: cpus().map(|c| (c, CpuTimes::default())).collect(),
            progress: ProgressCounters {
                nr_context_switches: Some(0),
                nr_forks: Some(0),
                nr_exits: Some(0),
                nr_page_faults: Some(0),
                nr_block_completions: Some(0),
                nr_packets: Some(0),
                nr_pages_scanned: Some(0),
                nr_pages_reclaimed: Some(0),
            },
            own_ns: 0,
            seen: Vec::new(),
            windows: Vec::new(),
        };
        for event in sim.snapshots(false) {
            sim.builder.fold(event);
        }
        sim.builder.baseline(MonotonicNs(0));
        sim
    }

    /// Runs `nr` windows of `load`.
    pub(crate) fn run(&mut self, nr: usize, load: Load) -> &mut Self {
        for _ in 0..nr {
            let begin = MonotonicNs(self.now_ns);
            self.now_ns += self.window_ns;
            for event in self.events(&load) {
                self.builder.fold(event);
            }
            let window = self.builder.close(begin, MonotonicNs(self.now_ns));
            self.windows.push(window.clone());
            self.seen.push(self.judge.observe(&window, &Table));
        }
        self
    }

    fn snapshots(&self, blind: bool) -> Vec<Event> {
        let counters = self.counters.iter().map(|(&cpu, counters)| Event::Cpu {
            cpu,
            counters: counters.clone(),
        });
        let times = self
            .times
            .iter()
            .filter(|_| !blind)
            .map(|(&cpu, &times)| Event::CpuTimes { cpu, times });
        let rest = [
            Event::Progress(self.progress),
            Event::RecursionMisses(Some(0)),
            Event::OwnProcess(OwnProcess {
                tgid: Tgid(u32::MAX),
                user_ns: self.own_ns,
                system_ns: 0,
            }),
        ];
        counters.chain(times).chain(rest).collect()
    }

    fn events(&mut self, load: &Load) -> Vec<Event> {
        let mut events = Vec::new();
        self.tick(load);
        if let Some(fifo) = load.fifo {
            self.fifo(&fifo, &mut events);
        }
        if let Some(sums) = load.sums {
            self.sums(&sums, &mut events);
        }
        if let Some(since_ns) = load.stuck_since_ns {
            events.push(self.stuck(since_ns));
        }
        self.samples(load, &mut events);
        events.extend(self.snapshots(load.blind));
        events
    }

    fn of_window(&self, per_sec: u64) -> u64 {
        per_sec * self.window_ns / 1_000_000_000
    }

    fn tick(&mut self, load: &Load) {
        let window_ns = self.window_ns as f64;
        let busy = load.user + load.kernel + load.softirq;
        let ticked = |share: f64| (window_ns * share * (1.0 - load.ticks_lost)) as u64;
        for (&cpu, times) in &mut self.times {
            // A CPU with a stuck waiter does nothing else.
            if cpu == CpuId(0) && load.stuck_since_ns.is_some() && !load.stuck_is_phantom {
                times.system_ns += ticked(1.0);
                continue;
            }
            times.user_ns += ticked(load.user);
            times.system_ns += ticked(load.kernel);
            times.softirq_ns += ticked(load.softirq);
            times.steal_ns += (window_ns * load.steal) as u64;
            times.idle_ns += (window_ns * (1.0 - busy - load.steal)).max(0.0) as u64;
        }
        let add = |mine: &mut Option<u64>, nr: u64| *mine = mine.map(|mine| mine + nr);
        add(
            &mut self.progress.nr_context_switches,
            self.window_ns * load.nr_switches_per_sec / 1_000_000_000,
        );
        add(
            &mut self.progress.nr_pages_scanned,
            self.window_ns * load.nr_scanned_per_sec / 1_000_000_000,
        );
        let own = (window_ns * f64::from(self.nr_cpus) * load.own) as u64;
        self.own_ns += own.max(self.window_ns / 1000);
        let nr_lost = self.of_window(load.nr_lost_per_sec);
        if let Some(cpu) = self.counters.get_mut(&CpuId(0)) {
            cpu.nr_begun += nr_lost;
            *cpu.lost.entry(LossCause::Nested).or_default() += nr_lost;
        }
    }

    /// Acquisition `k` is at `k * gap`, by CPU `k % n`, which has waited since it let go.
    fn fifo(&mut self, fifo: &Fifo, events: &mut Vec<Event>) {
        let n = u64::from(self.nr_cpus);
        let (from_ns, to_ns) = (self.now_ns - self.window_ns, self.now_ns);
        let place = fifo.place.map(|object| ObjectPlace {
            object,
            offset_bytes: 0x40,
        });
        let mut totals: BTreeMap<CpuId, LockTotals> = BTreeMap::new();
        let first = (from_ns / fifo.gap_ns).max(n);
        let last = to_ns / fifo.gap_ns + n;
        for k in first..=last {
            let end_ns = k * fifo.gap_ns;
            let begin_ns = (k - n) * fifo.gap_ns + fifo.hold_ns;
            let cpu = CpuId((k % n) as u32);
            let pid = Pid(1000 + cpu.0);
            let path = fifo.paths[(k / n % 2) as usize];
            let stack = (k % fifo.stack_period == 0).then_some(StackId {
                cpu,
                number: k as u32,
            });
            let began = (from_ns..to_ns).contains(&begin_ns);
            let ended = (from_ns..to_ns).contains(&end_ns);
            let counters = self.counters.get_mut(&cpu).expect("a CPU");
            if began {
                counters.nr_begun += 1;
            }
            // Waits that began before the window that starts the load have begun in it.
            if ended
                && !began
                && counters.nr_begun == counters.nr_completed + counters.lost.values().sum::<u64>()
            {
                counters.nr_begun += 1;
            }
            if let Some(id) = stack.filter(|_| began) {
                counters.nr_stacks += 1;
                let frames = [
                    "__traceiter_contention_begin",
                    "native_queued_spin_lock_slowpath",
                    "_raw_spin_lock",
                    path,
                    "do_syscall_64",
                ];
                events.push(Event::Stack(StackEvent {
                    id,
                    weight: fifo.stack_period as u32,
                    taken: MonotonicNs(begin_ns),
                    lock: LOCK,
                    kind: LockKind::Spinlock,
                    task: TaskRef {
                        pid,
                        tgid: Tgid(1000),
                        comm: Some("dupclose".to_owned()),
                    },
                    cgroup: CgroupId(7),
                    place,
                    owner: None,
                    frames: frames.map(at).to_vec(),
                    user_frames: Vec::new(),
                }));
            }
            if ended {
                counters.nr_completed += 1;
                counters.spin_ns += end_ns - begin_ns;
                let mine = totals
                    .entry(cpu)
                    .or_insert_with(|| empty_totals(cpu, LockKind::Spinlock));
                mine.nr_begun += 1;
                mine.nr_waits += 1;
                mine.wait_ns += end_ns - begin_ns;
                mine.spin_ns += end_ns - begin_ns;
                mine.max_ns = mine.max_ns.max(end_ns - begin_ns);
                mine.hist.record(end_ns - begin_ns);
                events.push(Event::Wait(WaitEvent {
                    lock: LOCK,
                    kind: LockKind::Spinlock,
                    begin: MonotonicNs(begin_ns),
                    in_line_after_ns: None,
                    end: MonotonicNs(end_ns),
                    spin_ns: end_ns - begin_ns,
                    pid,
                    tgid: Tgid(1000),
                    cpu,
                    stack,
                    acquired: true,
                }));
            } else if begin_ns < to_ns && end_ns >= to_ns {
                events.push(Event::InFlight(InFlightWait {
                    lock: LOCK,
                    kind: LockKind::Spinlock,
                    begin: MonotonicNs(begin_ns),
                    in_line_after_ns: None,
                    spin_ns: to_ns - begin_ns,
                    unbooked_spin_ns: to_ns - begin_ns,
                    spinning: true,
                    cpu,
                    pid,
                    tgid: Tgid(1000),
                    stack,
                }));
            }
        }
        events.extend(totals.into_values().map(Event::LockTotals));
    }

    fn sums(&mut self, sums: &Sums, events: &mut Vec<Event>) {
        let cpu = CpuId(0);
        let nr_waits = self.of_window(sums.nr_waits_per_sec).max(1);
        let spin_ns = (self.window_ns as f64 * sums.burn_cpus) as u64;
        let sleep_ns = (self.window_ns as f64 * sums.sleepers) as u64;
        for counters in self.counters.values_mut() {
            counters.spin_ns += spin_ns / u64::from(self.nr_cpus);
        }
        let counters = self.counters.get_mut(&cpu).expect("a CPU");
        counters.nr_begun += nr_waits;
        counters.nr_completed += nr_waits;
        let mut hist = WaitHistogram::default();
        hist.record((spin_ns + sleep_ns) / nr_waits);
        events.push(Event::LockTotals(LockTotals {
            nr_begun: nr_waits,
            nr_waits,
            wait_ns: spin_ns + sleep_ns,
            spin_ns,
            max_ns: (spin_ns + sleep_ns) / nr_waits,
            hist,
            ..empty_totals(cpu, sums.kind)
        }));
    }

    /// A spin wait that stays open; its CPU has begun it once.
    fn stuck(&mut self, since_ns: u64) -> Event {
        let begin = MonotonicNs(since_ns);
        let counters = self.counters.get_mut(&CpuId(0)).expect("a CPU");
        if counters.nr_open_spin == 0 {
            counters.nr_begun += 1;
            counters.nr_open_spin = 1;
        }
        Event::InFlight(InFlightWait {
            lock: LOCK,
            kind: LockKind::Spinlock,
            begin,
            in_line_after_ns: None,
            spin_ns: MonotonicNs(self.now_ns).since(begin),
            unbooked_spin_ns: MonotonicNs(self.now_ns).since(begin),
            spinning: true,
            cpu: CpuId(0),
            pid: Pid(77),
            tgid: Tgid(77),
            stack: None,
        })
    }

    fn samples(&self, load: &Load, events: &mut Vec<Event>) {
        let s = &load.samples;
        let spin = &[
            "native_queued_spin_lock_slowpath",
            "_raw_spin_lock",
            "alloc_fd",
        ][..];
        let halted = &["kvm_wait", "__pv_queued_spin_lock_slowpath"][..];
        let kinds: [(u32, &[&str], bool, u32); 7] = [
            (s.user, &[], false, 9),
            (s.spin_traced, spin, true, 9),
            (s.spin_untraced, spin, false, 9),
            (s.halted, halted, true, 9),
            (
                s.irq_restore,
                &["_raw_spin_unlock_irqrestore", "alloc_fd"],
                false,
                9,
            ),
            (s.kernel, &["ext4_lookup", "do_syscall_64"], false, 9),
            (s.idle, &["default_idle"], false, 0),
        ];
        for cpu in (0..self.nr_cpus).map(CpuId) {
            let mut taken_ns = self.now_ns - self.window_ns;
            for (nr, frames, in_traced_spin, pid) in kinds {
                for _ in 0..nr {
                    taken_ns += 1;
                    events.push(Event::Sample(SampleEvent {
                        cpu,
                        taken: MonotonicNs(taken_ns),
                        task: TaskRef {
                            pid: Pid(pid),
                            tgid: Tgid(pid),
                            comm: None,
                        },
                        mode: if frames.is_empty() {
                            SampleMode::User
                        } else {
                            SampleMode::Kernel
                        },
                        in_traced_spin,
                        in_self: false,
                        prio: None,
                        user_ip: None,
                        first_arg: None,
                        frames: frames.iter().map(|f| at(f)).collect(),
                    }));
                }
            }
        }
    }
}

pub(crate) fn empty_totals(cpu: CpuId, kind: LockKind) -> LockTotals {
    LockTotals {
        cpu,
        lock: Some(LOCK),
        kind,
        nr_begun: 0,
        nr_waits: 0,
        wait_ns: 0,
        spin_ns: 0,
        max_ns: 0,
        nr_failed: 0,
        hist: WaitHistogram::default(),
    }
}
