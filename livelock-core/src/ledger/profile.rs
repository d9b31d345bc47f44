//! What the samples of a window (or of many) landed in, in detail.
//!
//! In: samples, names, code facts. Out: [`Profile`], which merges. Refuses: idle samples and our own; more than
//! [`NR_HOT_KEPT`] instructions and [`NR_OWNERS_KEPT`] tasks a CPU.

use std::collections::{BTreeMap, BTreeSet};

use crate::attempts::{AttemptKind, AttemptSite};
use crate::cause_class::CauseClass;
use crate::code::{CodeFacts, CodeSpace};
use crate::event::SampleEvent;
use crate::ids::{CodeAddr, CpuId, Pid, Tgid};
use crate::ledger::tried::Tried;
use crate::thresholds as at;

/// Priorities below are real-time (`MAX_RT_PRIO`, include/linux/sched/prio.h).
pub const MAX_RT_PRIO: u32 = 100;
/// Instructions that a profile tells apart; the least sampled are dropped, since only concentration counts.
const NR_HOT_KEPT: usize = 512;
/// Tasks a CPU that a profile tells apart.
const NR_OWNERS_KEPT: usize = 32;
/// Functions of a class that a profile tells apart.
const NR_FUNCTIONS_KEPT: usize = 16;
/// Threads at one instruction that a profile tells apart.
const NR_THREADS_KEPT: usize = 64;

/// Samples of one class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClassSamples {
    /// With a function of the class in the stack.
    pub nr: u64,
    /// Of those, spinning where no tracepoint sees it.
    pub nr_untraced_spin: u64,
    /// CPUs.
    pub cpus: BTreeSet<CpuId>,
    /// Threads.
    pub threads: BTreeSet<Pid>,
    /// The functions, with their samples.
    pub functions: BTreeMap<String, u64>,
}

/// Samples of one instruction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HotSpot {
    /// Samples.
    pub nr: u64,
    /// CPUs.
    pub cpus: BTreeSet<CpuId>,
    /// Threads.
    pub threads: BTreeSet<Pid>,
    /// Command name seen last.
    pub comm: Option<String>,
    /// Kernel function.
    pub function: Option<String>,
    /// In, or called by, a function that polls by design.
    pub polls: bool,
    /// What its code is like; `None`: not looked at.
    pub facts: Option<CodeFacts>,
}

/// Samples of one task on one CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owner {
    /// Samples.
    pub nr: u64,
    /// Of those, user mode.
    pub nr_user: u64,
    /// Of those, spinning where no tracepoint sees it.
    pub nr_untraced_spin: u64,
    /// Lowest `task_struct.prio` seen; `None` if this kernel does not tell.
    pub prio: Option<u32>,
    /// Command name.
    pub comm: Option<String>,
}

/// Samples of one CPU, ours left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WaiterSamples {
    /// All, idle ones included.
    pub nr: u64,
    /// In a traced wait that spins.
    pub nr_waiting: u64,
    /// Of those, when the CPU had been given back to the hypervisor.
    pub nr_halted: u64,
}

impl WaiterSamples {
    /// Adds the samples of `other`.
    pub const fn merge(&mut self, other: &Self) {
        self.nr += other.nr;
        self.nr_waiting += other.nr_waiting;
        self.nr_halted += other.nr_halted;
    }
}

/// Where busy CPUs were.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Samples of busy CPUs.
    pub nr_busy: u64,
    /// Of those, user mode.
    pub nr_user: u64,
    /// Samples of CPUs that idled by polling.
    pub nr_polling_idle: u64,
    /// Samples of waiters for traced locks; empty if the sampler does not see those that stand halted.
    pub waiters: BTreeMap<CpuId, WaiterSamples>,
    /// Waiters of this kernel's spinlocks never halt.
    pub cannot_halt: bool,
    /// All samples, idle ones included.
    pub nr: u64,
    /// Samples of busy CPUs in a file system that traces its transactions.
    pub nr_transactions: u64,
    /// By class.
    pub classes: BTreeMap<CauseClass, ClassSamples>,
    /// Samples in page faults.
    pub faulting: BTreeMap<CpuId, u64>,
    /// By instruction.
    pub hot: BTreeMap<HotKey, HotSpot>,
    /// By CPU and task.
    pub owners: BTreeMap<CpuId, BTreeMap<Pid, Owner>>,
    /// Functions of work items, with their samples.
    pub work: BTreeMap<String, u64>,
    /// Spin on rw-semaphores that no tracepoint sees, by the function that wants one.
    pub rwsem_spin: BTreeMap<String, u64>,
    /// Where attempts were counted, and fail.
    pub tried: BTreeMap<AttemptSite, Tried>,
    /// Whether who has one lock was seen to try for another, and who has that one for the first.
    pub has_crossed_tries: bool,
}

/// Whose instruction, and which. Ordered, unlike [`CodeSpace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HotKey {
    /// Process; `None`: the kernel.
    pub tgid: Option<Tgid>,
    /// Address.
    pub addr: CodeAddr,
}

impl HotKey {
    /// Of an address.
    #[must_use]
    pub const fn new(space: CodeSpace, addr: CodeAddr) -> Self {
        let tgid = match space {
            CodeSpace::Kernel => None,
            CodeSpace::User(tgid) => Some(tgid),
        };
        Self { tgid, addr }
    }
}

/// A sample with what its functions mean.
pub(super) struct Read<'a> {
    pub(super) sample: &'a SampleEvent,
    pub(super) class: Option<(CauseClass, &'a str)>,
    pub(super) is_untraced_spin: bool,
    pub(super) innermost: Option<&'a str>,
    pub(super) work: Option<&'a str>,
    /// Whether a file system that traces its transactions is in the stack.
    pub(super) in_transactions: bool,
    /// Who wants the rw-semaphore that is spun for.
    pub(super) rwsem_wanted_by: Option<&'a str>,
}

impl Profile {
    /// Books a sample of a busy CPU.
    pub(super) fn book(&mut self, read: &Read<'_>) {
        let sample = read.sample;
        let is_user = matches!(sample.mode, crate::event::SampleMode::User);
        self.nr_busy += 1;
        self.nr_user += u64::from(is_user);
        self.nr_transactions += u64::from(read.in_transactions);
        if let Some((class, function)) = read.class {
            let mine = self.classes.entry(class).or_default();
            mine.nr += 1;
            mine.nr_untraced_spin += u64::from(read.is_untraced_spin);
            mine.cpus.insert(sample.cpu);
            mine.threads.insert(sample.task.pid);
            bump(&mut mine.functions, function, 1, NR_FUNCTIONS_KEPT);
            if class == CauseClass::FaultLoop {
                *self.faulting.entry(sample.cpu).or_default() += 1;
            }
        }
        if let Some(work) = read.work {
            bump(&mut self.work, work, 1, NR_FUNCTIONS_KEPT);
        }
        if let Some(function) = read.rwsem_wanted_by {
            bump(&mut self.rwsem_spin, function, 1, NR_FUNCTIONS_KEPT);
        }
        let at = if is_user {
            let space = CodeSpace::User(sample.task.tgid);
            sample.user_ip.map(|ip| HotKey::new(space, ip))
        } else {
            let innermost = sample.frames.first();
            innermost.map(|&ip| HotKey::new(CodeSpace::Kernel, ip))
        };
        if let Some(key) = at {
            let spot = self.hot.entry(key).or_default();
            spot.nr += 1;
            spot.cpus.insert(sample.cpu);
            spot.threads.insert(sample.task.pid);
            spot.comm.clone_from(&sample.task.comm);
            spot.polls |= read
                .class
                .is_some_and(|(class, _)| class == CauseClass::LegitimatePolling);
            if spot.function.is_none() {
                spot.function = read.innermost.map(str::to_owned);
            }
        }
        let owners = self.owners.entry(sample.cpu).or_default();
        let owner = owners.entry(sample.task.pid).or_default();
        owner.nr += 1;
        owner.nr_user += u64::from(is_user);
        owner.nr_untraced_spin += u64::from(read.is_untraced_spin);
        owner.prio = least(owner.prio, sample.prio);
        owner.comm.clone_from(&sample.task.comm);
    }

    /// Adds what code is like at sampled instructions.
    pub(super) fn explain(&mut self, facts: &[(CodeSpace, CodeAddr, CodeFacts)]) {
        for (space, addr, facts) in facts {
            if let Some(spot) = self.hot.get_mut(&HotKey::new(*space, *addr)) {
                spot.facts = Some(*facts);
            }
        }
    }

    /// Adds a later profile.
    pub fn merge(&mut self, later: &Self) {
        self.nr_busy += later.nr_busy;
        self.nr_user += later.nr_user;
        self.nr_polling_idle += later.nr_polling_idle;
        self.cannot_halt |= later.cannot_halt;
        for (cpu, samples) in &later.waiters {
            self.waiters.entry(*cpu).or_default().merge(samples);
        }
        self.nr += later.nr;
        self.nr_transactions += later.nr_transactions;
        for (class, samples) in &later.classes {
            let mine = self.classes.entry(*class).or_default();
            mine.nr += samples.nr;
            mine.nr_untraced_spin += samples.nr_untraced_spin;
            mine.cpus.extend(&samples.cpus);
            mine.threads.extend(&samples.threads);
            shorten(&mut mine.threads);
            for (function, nr) in &samples.functions {
                bump(&mut mine.functions, function, *nr, NR_FUNCTIONS_KEPT);
            }
        }
        for (cpu, nr) in &later.faulting {
            *self.faulting.entry(*cpu).or_default() += nr;
        }
        for (key, spot) in &later.hot {
            let mine = self.hot.entry(*key).or_default();
            mine.nr += spot.nr;
            mine.cpus.extend(&spot.cpus);
            mine.threads.extend(&spot.threads);
            shorten(&mut mine.threads);
            mine.comm.clone_from(&spot.comm);
            mine.polls |= spot.polls;
            mine.function = mine.function.take().or_else(|| spot.function.clone());
            mine.facts = spot.facts.or(mine.facts);
        }
        keep_most(&mut self.hot, NR_HOT_KEPT, |spot| spot.nr);
        for (cpu, owners) in &later.owners {
            let mine = self.owners.entry(*cpu).or_default();
            for (pid, owner) in owners {
                let sum = mine.entry(*pid).or_default();
                sum.nr += owner.nr;
                sum.nr_user += owner.nr_user;
                sum.nr_untraced_spin += owner.nr_untraced_spin;
                sum.prio = least(sum.prio, owner.prio);
                sum.comm.clone_from(&owner.comm);
            }
            keep_most(mine, NR_OWNERS_KEPT, |owner| owner.nr);
        }
        for (work, nr) in &later.work {
            bump(&mut self.work, work, *nr, NR_FUNCTIONS_KEPT);
        }
        for (function, nr) in &later.rwsem_spin {
            bump(&mut self.rwsem_spin, function, *nr, NR_FUNCTIONS_KEPT);
        }
        self.has_crossed_tries |= later.has_crossed_tries;
        for (site, tried) in &later.tried {
            if self.tried.len() < NR_FUNCTIONS_KEPT || self.tried.contains_key(site) {
                self.tried.entry(*site).or_default().merge(tried);
            }
        }
    }

    /// Share of the busy samples that went into attempts of `kind` in vain. 0 of trylocks on one CPU: it takes two.
    #[must_use]
    pub fn tried_in_vain(&self, kind: AttemptKind) -> f64 {
        let sites = || self.tried.iter().filter(|(site, _)| site.kind == kind);
        let cpus: BTreeSet<_> = sites().flat_map(|(_, tried)| &tried.cpus).collect();
        let nr: f64 = sites().map(|(_, tried)| tried.nr_in_vain(kind)).sum();
        if self.nr_busy < at::NR_MIN_SAMPLES || (kind == AttemptKind::Trylock && cpus.len() < 2) {
            return 0.0;
        }
        nr / self.nr_busy as f64
    }

    /// Share of the busy samples that are page faults which start over, if of each CPU (repeated faults, all faults) are
    /// these; 0 of too few samples. The faults of a CPU are taken to last equally long, those of another are not.
    #[must_use]
    pub fn vain_fault_share(&self, faults: &BTreeMap<CpuId, (u64, u64)>) -> f64 {
        let in_vain = |(cpu, nr): (&CpuId, &u64)| {
            let (nr_same, nr_all) = faults.get(cpu).copied().unwrap_or_default();
            *nr as f64 * nr_same as f64 / nr_all.max(1) as f64
        };
        let nr: f64 = self.faulting.iter().map(in_vain).sum();
        if self.nr_busy < at::NR_MIN_SAMPLES {
            return 0.0;
        }
        nr / self.nr_busy as f64
    }

    /// A real-time task that had a CPU nearly to itself.
    #[must_use]
    pub fn rt_hog(&self) -> Option<Pid> {
        self.owners.values().find_map(|owners| {
            let nr_cpu: u64 = owners.values().map(|owner| owner.nr).sum();
            let hog = owners.iter().find(|(pid, owner)| {
                let is_rt = owner.prio.is_some_and(|prio| prio < MAX_RT_PRIO);
                is_rt && pid.0 != 0 && owner.nr as f64 >= at::BUSY_FOR_LIVELOCK * nr_cpu as f64
            });
            hog.filter(|_| nr_cpu >= at::NR_MIN_SAMPLES)
                .map(|(pid, _)| *pid)
        })
    }

    /// Samples of a class.
    #[must_use]
    pub fn class(&self, class: CauseClass) -> Option<&ClassSamples> {
        self.classes.get(&class)
    }

    /// Share of the busy samples; `None` without any.
    #[must_use]
    pub fn share(&self, nr: u64) -> Option<f64> {
        (self.nr_busy > 0).then(|| nr as f64 / self.nr_busy as f64)
    }
}

fn least(a: Option<u32>, b: Option<u32>) -> Option<u32> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

fn shorten(threads: &mut BTreeSet<Pid>) {
    while threads.len() > NR_THREADS_KEPT {
        threads.pop_last();
    }
}

fn bump(sums: &mut BTreeMap<String, u64>, key: &str, nr: u64, most: usize) {
    if let Some(sum) = sums.get_mut(key) {
        *sum += nr;
    } else if sums.len() < most {
        sums.insert(key.to_owned(), nr);
    }
}

/// Drops the least, down to half of what would be too many.
fn keep_most<K: Ord + Copy, V>(map: &mut BTreeMap<K, V>, most: usize, nr: impl Fn(&V) -> u64) {
    if map.len() <= most {
        return;
    }
    let mut by_nr: Vec<(u64, K)> = map.iter().map(|(key, value)| (nr(value), *key)).collect();
    by_nr.sort_unstable();
    for (_, key) in by_nr.iter().take(map.len() - most / 2) {
        map.remove(key);
    }
}
