//! A host that is busy in one way, second by second.
//!
//! In: what its CPUs do, in shares and rates. Out: the verdict. Refuses: short cuts; all passes as events
//! through the window builder and the judge.

use std::collections::BTreeMap;

use livelock_core::activity::{Activity, HostCounter, HostCounters, StarvedTask};
use livelock_core::attempts::SiteAttempts;
use livelock_core::code::{CodeFacts, CodeSpace};
use livelock_core::event::{
    CpuCounters, CpuTimes, Event, LockKind, LockTotals, ProgressCounters, SampleEvent, SampleMode,
    TaskRef,
};
use livelock_core::ids::{CodeAddr, CpuId, LockAddr, MonotonicNs, Pid, Tgid};
use livelock_core::judge::Judge;
use livelock_core::lock_call::LockCallEvent;
use livelock_core::names::{FunctionName, Names};
use livelock_core::verdict::Verdict;
use livelock_core::window::WindowBuilder;

use crate::scenario::{empty_totals, host};

const SECOND_NS: u64 = 1_000_000_000;
pub(super) const NR_CPUS: u32 = 4;
/// Bytes between two places in user space.
pub(super) const USER_STEP: u64 = 0x100;

/// Where a part of the samples of each CPU land.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Of 100 samples.
    pub(super) nr: u32,
    /// Functions, innermost first; none: user mode.
    pub(super) stack: &'static [&'static str],
    /// Thread of CPU 0; the others count up from it.
    pub(super) pid: u32,
    pub(super) comm: &'static str,
    pub(super) prio: u32,
    /// What the code there is like.
    pub(super) code: Option<CodeFacts>,
    /// The same instruction on all CPUs, or one each.
    pub(super) shared: bool,
    /// Bytes before where it would be.
    pub(super) nearer: u64,
    /// The threads are processes of their own.
    pub(super) forked: bool,
}

impl Place {
    pub(super) const fn kernel(nr: u32, stack: &'static [&'static str]) -> Self {
        Self {
            nr,
            stack,
            pid: 100,
            comm: "worker",
            prio: 120,
            code: None,
            shared: true,
            nearer: 0,
            forked: false,
        }
    }

    const fn tgid(&self, cpu: u32) -> Tgid {
        Tgid(if self.forked {
            self.pid + cpu
        } else {
            self.pid
        })
    }

    pub(super) const fn user(nr: u32) -> Self {
        Self::kernel(nr, &[])
    }
}

/// A second of the host.
#[derive(Clone, Default)]
pub(super) struct Second {
    pub(super) places: Vec<Place>,
    pub(super) user: f64,
    pub(super) softirq: f64,
    pub(super) hardirq: f64,
    pub(super) idle: f64,
    /// Spin waits that tracepoints see, in CPUs.
    pub(super) traced_cpus: f64,
    pub(super) kind: Option<LockKind>,
    pub(super) counters: Vec<(HostCounter, u64)>,
    pub(super) pages: (u64, u64),
    pub(super) activity: Option<Activity>,
    /// CPUs whose threads fault at one address; that of the first is in `activity`.
    pub(super) nr_repeating: u32,
    pub(super) starved: Option<StarvedTask>,
    pub(super) attempts: Vec<SiteAttempts>,
    pub(super) calls: Vec<LockCallEvent>,
}

/// Eight such seconds, judged.
pub(super) fn judge(second: &Second) -> Verdict {
    let mut run = Run::default();
    let mut builder = WindowBuilder::new(NR_CPUS);
    let mut judge = Judge::new(host(NR_CPUS), Vec::new());
    for event in run.snapshot() {
        builder.fold(event);
    }
    builder.baseline(MonotonicNs(0));
    for number in 1..=8 {
        let end = MonotonicNs(number * SECOND_NS);
        for event in run.advance(second, end) {
            builder.fold(event);
        }
        let mut window = builder.close(MonotonicNs(end.0 - SECOND_NS), end);
        window.code = code(second);
        window.attempts.clone_from(&second.attempts);
        window.lock_calls.clone_from(&second.calls);
        judge.observe(&window, &Functions);
    }
    judge.verdict(&Functions)
}

fn code(second: &Second) -> Vec<(CodeSpace, CodeAddr, CodeFacts)> {
    let mut found = Vec::new();
    for (index, place) in second.places.iter().enumerate() {
        for cpu in 0..NR_CPUS {
            let space = if place.stack.is_empty() {
                CodeSpace::User(place.tgid(cpu))
            } else {
                CodeSpace::Kernel
            };
            if let Some(facts) = place.code {
                found.push((space, address(place, index, cpu), facts));
            }
        }
    }
    found
}

fn address(place: &Place, index: usize, cpu: u32) -> CodeAddr {
    let offset = if place.shared { 0 } else { u64::from(cpu) * 4 };
    match place.stack.first() {
        Some(function) => CodeAddr(place_of(function) + offset),
        None => CodeAddr(0x40_0000 + USER_STEP * index as u64 + offset - place.nearer),
    }
}

/// Cumulative counters.
#[derive(Default)]
struct Run {
    times: CpuTimes,
    spin_ns: u64,
    nr_waits: u64,
    host: BTreeMap<HostCounter, u64>,
    progress: ProgressCounters,
    activity: Option<Activity>,
    nr_repeating: u32,
}

impl Run {
    fn snapshot(&self) -> Vec<Event> {
        let mut events: Vec<Event> = (0..NR_CPUS)
            .flat_map(|cpu| {
                [
                    Event::CpuTimes {
                        cpu: CpuId(cpu),
                        times: self.times,
                    },
                    Event::Cpu {
                        cpu: CpuId(cpu),
                        counters: CpuCounters {
                            nr_begun: self.nr_waits,
                            nr_completed: self.nr_waits,
                            spin_ns: self.spin_ns,
                            ..CpuCounters::default()
                        },
                    },
                ]
            })
            .collect();
        let mut values = self.host.clone();
        // Rates need a first reading.
        for counter in [
            HostCounter::CallInterrupts,
            HostCounter::TimerInterrupts,
            HostCounter::PacketsProcessed,
            HostCounter::PacketsDropped,
            HostCounter::DatagramsDelivered,
            HostCounter::DatagramsRefused,
            HostCounter::Refaults,
        ] {
            values.entry(counter).or_default();
        }
        events.push(Event::Host(HostCounters {
            values,
            ..HostCounters::default()
        }));
        events.push(Event::Progress(ProgressCounters {
            nr_pages_scanned: self.progress.nr_pages_scanned.or(Some(0)),
            nr_pages_reclaimed: self.progress.nr_pages_reclaimed.or(Some(0)),
            ..self.progress
        }));
        let first = self.activity.iter().flat_map(|activity| {
            let repeats = (1..self.nr_repeating).map(|cpu| Activity {
                probes: activity.probes,
                nr_faults: activity.nr_same_faults / 1000,
                nr_same_faults: activity.nr_same_faults / 1000,
                same_fault_pid: activity.same_fault_pid.map(|pid| Pid(pid.0 + cpu)),
                ..Activity::default()
            });
            std::iter::once(activity.clone()).chain(repeats)
        });
        events.extend((0..).zip(first).map(|(cpu, activity)| Event::Activity {
            cpu: CpuId(cpu),
            activity: Box::new(activity),
        }));
        events
    }

    fn advance(&mut self, second: &Second, end: MonotonicNs) -> Vec<Event> {
        let ns = |share: f64| (SECOND_NS as f64 * share) as u64;
        let interrupts = second.softirq + second.hardirq;
        let kernel = 1.0 - second.user - interrupts - second.idle;
        self.times.user_ns += ns(second.user);
        self.times.softirq_ns += ns(second.softirq);
        self.times.hardirq_ns += ns(second.hardirq);
        self.times.idle_ns += ns(second.idle);
        self.times.system_ns += ns(kernel);
        self.spin_ns += ns(second.traced_cpus / f64::from(NR_CPUS));
        for (counter, nr) in &second.counters {
            *self.host.entry(*counter).or_default() += nr;
        }
        let add = |mine: Option<u64>, nr| Some(mine.unwrap_or(0) + nr);
        self.progress.nr_pages_scanned = add(self.progress.nr_pages_scanned, second.pages.0);
        self.progress.nr_pages_reclaimed = add(self.progress.nr_pages_reclaimed, second.pages.1);
        self.nr_repeating = second.nr_repeating;
        if let Some(activity) = &second.activity {
            self.activity
                .get_or_insert_with(Activity::default)
                .merge(activity);
        }
        let mut events = Vec::new();
        if let Some(kind) = second.kind {
            self.nr_waits += 100;
            for cpu in 0..NR_CPUS {
                events.push(Event::LockTotals(LockTotals {
                    lock: Some(LockAddr(0xffff_8880_0000_1000)),
                    nr_begun: 100,
                    nr_waits: 100,
                    wait_ns: ns(second.traced_cpus / f64::from(NR_CPUS)),
                    spin_ns: ns(second.traced_cpus / f64::from(NR_CPUS)),
                    ..empty_totals(CpuId(cpu), kind)
                }));
            }
        }
        events.extend(second.starved.map(Event::Starved));
        samples(second, end, &mut events);
        events.extend(self.snapshot());
        events
    }
}

fn samples(second: &Second, end: MonotonicNs, events: &mut Vec<Event>) {
    for cpu in 0..NR_CPUS {
        let mut taken_ns = end.0 - SECOND_NS;
        for (index, place) in second.places.iter().enumerate() {
            for _ in 0..place.nr {
                taken_ns += 1000;
                let is_user = place.stack.is_empty();
                let first = address(place, index, cpu);
                let mut frames: Vec<CodeAddr> =
                    place.stack.iter().map(|f| CodeAddr(place_of(f))).collect();
                if let Some(innermost) = frames.first_mut() {
                    *innermost = first;
                }
                events.push(Event::Sample(SampleEvent {
                    cpu: CpuId(cpu),
                    taken: MonotonicNs(taken_ns),
                    task: TaskRef {
                        pid: Pid(place.pid + cpu),
                        tgid: place.tgid(cpu),
                        comm: Some(place.comm.to_owned()),
                    },
                    mode: if is_user {
                        SampleMode::User
                    } else {
                        SampleMode::Kernel
                    },
                    in_traced_spin: false,
                    in_self: false,
                    prio: Some(place.prio),
                    user_ip: is_user.then_some(first),
                    first_arg: None,
                    frames,
                }));
            }
        }
    }
}

/// Functions that the tests use; the address of one is its place here.
const FUNCTIONS: &[&str] = &[
    "smp_call_function_many_cond",
    "flush_tlb_mm_range",
    "native_queued_spin_lock_slowpath",
    "_raw_spin_lock",
    "rwsem_spin_on_owner",
    "rwsem_down_write_slowpath",
    "net_rx_action",
    "__udp4_lib_rcv",
    "shrink_folio_list",
    "shrink_lruvec",
    "hrtimer_interrupt",
    "io_sq_thread",
    "serial8250_console_write",
    "ep_poll_callback",
    "handle_userfault",
    "hallway_trylock",
    "do_syscall_64",
    "drain_everything",
    "process_one_work",
    "bpf_prog_deadbeef",
    "aes_encrypt",
    "prune_guarded",
    "vprintk_store",
    "devkmsg_write",
    "rcu_do_batch",
    "rcu_exp_wait_wake",
    "nf_conntrack_in",
    "nft_do_chain",
    "cgroup_rstat_flush_locked",
    "memory_stat_format",
    "evict_inodes",
    "lockref_get_not_dead",
    "dput",
    "read_hpet",
    "read_tsc",
    "ktime_get",
    "__ww_mutex_wound",
    "__bch2_trans_commit",
    "bch2_btree_path_traverse_one",
];

pub(super) fn place_of(function: &str) -> u64 {
    let place = FUNCTIONS.iter().position(|f| *f == function);
    0x10_000 * (place.expect("a function of the table") as u64 + 1)
}

/// Names of the table.
struct Functions;

impl Names for Functions {
    fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
        let place = usize::try_from(addr.0 / 0x10_000).ok()?.checked_sub(1)?;
        Some(FunctionName {
            name: (*FUNCTIONS.get(place)?).to_owned(),
            offset_bytes: addr.0 % 0x10_000,
        })
    }
    fn data_symbol(&self, _: LockAddr) -> Option<String> {
        Some("some_static_lock".to_owned())
    }
    fn member(&self, _: livelock_core::event::ObjectPlace) -> Option<String> {
        None
    }
    fn cgroup_path(&self, _: livelock_core::ids::CgroupId) -> Option<String> {
        None
    }
}
