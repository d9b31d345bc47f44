//! A closed window with its verdict, as the screen keeps it.
//!
//! In: a window, its observation, the verdict over the recent windows, names. Out: [`Snapshot`], plain data. Refuses:
//! to keep events; of samples the few heaviest tasks and functions of each CPU remain.

use std::collections::BTreeMap;
use std::rc::Rc;

use livelock_core::detect::Observation;
use livelock_core::event::{SampleEvent, SampleMode};
use livelock_core::ids::{CodeAddr, CpuId, Pid};
use livelock_core::names::Names;
use livelock_core::verdict::{LockReport, LockSide, TimeLedger, Verdict};
use livelock_core::window::{LockWindow, Window};
use rustc_hash::FxHashMap;

use crate::render::WindowSummary;

/// Locks of a window that are kept; the verdict has fewer.
const NR_LOCKS_KEPT: usize = 32;
/// Tasks and functions of a CPU that are kept.
const NR_SAMPLED_KEPT: usize = 3;

/// Where windows come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// This host, now.
    Host,
    /// A recording.
    Recording {
        /// Its name.
        name: String,
    },
}

/// What samples say of one CPU, with their number.
pub(super) type Sampled = Vec<(String, u64)>;

/// A CPU in a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct CpuNow {
    pub(super) cpu: CpuId,
    pub(super) time: TimeLedger,
    /// Samples of it, idle ones included.
    pub(super) nr_samples: u64,
    /// Who ran, most samples first.
    pub(super) tasks: Sampled,
    /// In which functions, innermost ones.
    pub(super) functions: Sampled,
    /// Waits open on it at the close, oldest first.
    pub(super) open: Vec<OpenWait>,
}

/// A wait open at a close.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct OpenWait {
    pub(super) addr: String,
    pub(super) pid: Pid,
    pub(super) age_ns: u64,
    pub(super) is_spinning: bool,
}

/// A lock in a window.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct LockNow {
    /// As in the verdict.
    pub(super) addr: Option<String>,
    pub(super) burn_cpus: f64,
    pub(super) nr_waits: u64,
    /// Completed waits by bucket.
    pub(super) buckets: Vec<u64>,
}

/// A window and the verdict of the recent ones.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub(super) summary: WindowSummary,
    pub(super) verdict: Verdict,
    /// The time ledger of the window alone; `None`: not known.
    pub(super) time: Option<TimeLedger>,
    /// Tokens per busy second, and what is usual.
    pub(super) tokens_per_busy_sec: Option<f64>,
    pub(super) baseline_per_busy_sec: Option<f64>,
    /// By number.
    pub(super) cpus: Vec<CpuNow>,
    /// Most burn first.
    pub(super) locks: Vec<LockNow>,
}

impl Snapshot {
    /// Of a window that was just judged.
    #[must_use]
    pub fn new(
        summary: WindowSummary,
        verdict: Verdict,
        window: &Window,
        seen: &Observation,
        names: &dyn Names,
    ) -> Self {
        Self {
            summary,
            verdict,
            time: seen.time,
            tokens_per_busy_sec: seen.pi,
            baseline_per_busy_sec: seen.pi0,
            cpus: cpus(window, &seen.cpus, names),
            locks: locks(window, seen.burned_part.unwrap_or(1.0)),
        }
    }

    /// The verdict of the windows up to this one.
    #[must_use]
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// Its close, in milliseconds since 1970.
    #[must_use]
    pub const fn ended_unix_ms(&self) -> u64 {
        self.summary.ended_unix_ms
    }

    pub(super) fn lock(&self, addr: Option<&str>) -> Option<&LockNow> {
        self.locks.iter().find(|lock| lock.addr.as_deref() == addr)
    }

    /// Memory that it takes, roughly: texts and vectors, not what holds them.
    pub(super) fn size_bytes(&self) -> usize {
        const A_CPU: usize = size_of::<CpuNow>() + 64;
        let sampled = |sampled: &Sampled| -> usize {
            let texts = sampled.iter().map(|(text, _)| text.len());
            texts.sum::<usize>() + sampled.len() * size_of::<(String, u64)>()
        };
        let cpus = self.cpus.iter();
        let cpus = cpus.map(|cpu| A_CPU + sampled(&cpu.tasks) + sampled(&cpu.functions));
        let locks = self.locks.iter();
        let locks = locks.map(|lock| size_of::<LockNow>() + 8 * lock.buckets.len());
        let reports = self.verdict.locks.iter().map(report_bytes);
        // Evidence, blind spots, remedies: sentences, a few KiB in all.
        const SENTENCES: usize = 16 << 10;
        size_of::<Self>()
            + SENTENCES
            + size_of_val(self.verdict.cpus.as_slice())
            + cpus.sum::<usize>()
            + locks.sum::<usize>()
            + reports.sum::<usize>()
    }
}

fn report_bytes(lock: &LockReport) -> usize {
    let side = |side: &LockSide| {
        let frames = side.stack.iter().map(|frame| frame.len() + 24);
        size_of::<LockSide>() + frames.sum::<usize>()
    };
    let sides = lock.waiters.iter().chain(&lock.holders);
    size_of::<LockReport>() + 4 * lock.cpus.len() + sides.map(side).sum::<usize>()
}

/// `burned_part`: what of the waits for each lock burned, as of those for all.
fn locks(window: &Window, burned_part: f64) -> Vec<LockNow> {
    let mut heaviest: Vec<&LockWindow> = window.locks.iter().collect();
    heaviest.sort_by_key(|lock| std::cmp::Reverse((lock.spin_ns, lock.wait_ns)));
    let seconds = (window.duration_ns() as f64).max(1.0);
    let kept = heaviest.into_iter().take(NR_LOCKS_KEPT);
    kept.map(|lock| LockNow {
        addr: lock.lock.map(|addr| addr.to_string()),
        burn_cpus: lock.spin_ns as f64 * burned_part / seconds,
        nr_waits: lock.nr_waits,
        buckets: lock.hist.buckets().to_vec(),
    })
    .collect()
}

/// What is counted of a sample.
struct Ran<'w> {
    /// `None`: idle.
    task: Option<(Pid, &'w str)>,
    /// In kernel mode.
    ip: Option<CodeAddr>,
}

fn cpus(window: &Window, times: &BTreeMap<CpuId, TimeLedger>, names: &dyn Names) -> Vec<CpuNow> {
    let mut by_cpu = ran_by_cpu(window, times.len());
    let mut known = FxHashMap::default();
    let now = |(&cpu, &time): (&CpuId, &TimeLedger)| {
        let mut mine = by_cpu.remove(&cpu).unwrap_or_default();
        CpuNow {
            cpu,
            time,
            nr_samples: mine.len() as u64,
            tasks: tasks(&mine),
            functions: functions(&mut mine, &mut known, names),
            open: open_on(window, cpu),
        }
    };
    times.iter().map(now).collect()
}

/// Samples of others than this program, in the order of time.
fn ran_by_cpu(window: &Window, nr_cpus: usize) -> FxHashMap<CpuId, Vec<Ran<'_>>> {
    let own = window.own.map(|own| own.tgid);
    let is_own = |sample: &SampleEvent| sample.in_self || Some(sample.task.tgid) == own;
    let nr_of_each = window.samples.len() / nr_cpus.max(1) + 1;
    let mut by_cpu: FxHashMap<CpuId, Vec<Ran<'_>>> = FxHashMap::default();
    for sample in window.samples.iter().filter(|&sample| !is_own(sample)) {
        let is_idle = sample.task.pid == Pid(0);
        let comm = sample.task.comm.as_deref().unwrap_or("unknown");
        let mine = by_cpu.entry(sample.cpu);
        mine.or_insert_with(|| Vec::with_capacity(nr_of_each))
            .push(Ran {
                task: (!is_idle).then_some((sample.task.pid, comm)),
                ip: (!is_idle && sample.mode == SampleMode::Kernel)
                    .then(|| sample.frames.first().copied())
                    .flatten(),
            });
    }
    by_cpu
}

fn tasks(ran: &[Ran<'_>]) -> Sampled {
    let mut sums: BTreeMap<Pid, (u64, &str)> = BTreeMap::new();
    for (pid, comm) in ran.iter().filter_map(|ran| ran.task) {
        let sum = sums.entry(pid).or_default();
        *sum = (sum.0 + 1, comm);
    }
    let sums = sums.into_iter().map(|(pid, (nr, comm))| ((comm, pid), nr));
    heaviest(sums, |(comm, pid)| format!("{comm} ({})", pid.0))
}

/// Sorts `ran` by instruction: what runs at the same one is counted at once. Names are `known` to all CPUs.
fn functions(
    ran: &mut [Ran<'_>],
    known: &mut FxHashMap<CodeAddr, Rc<str>>,
    names: &dyn Names,
) -> Sampled {
    ran.sort_unstable_by_key(|ran| ran.ip);
    let mut sums: BTreeMap<Rc<str>, u64> = BTreeMap::new();
    for same in ran.chunk_by(|a, b| a.ip == b.ip) {
        let Some(ip) = same.first().and_then(|ran| ran.ip) else {
            continue;
        };
        let name = known.entry(ip).or_insert_with(|| {
            let found = names.function(ip);
            found
                .map_or_else(|| ip.to_string(), |function| function.name)
                .into()
        });
        *sums.entry(Rc::clone(name)).or_default() += same.len() as u64;
    }
    heaviest(sums.into_iter(), |name| name.to_string())
}

/// The few that were seen most often, as they are shown.
fn heaviest<K: Ord>(all: impl Iterator<Item = (K, u64)>, show: impl Fn(K) -> String) -> Sampled {
    let mut all: Vec<_> = all.collect();
    all.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let kept = all.into_iter().take(NR_SAMPLED_KEPT);
    kept.map(|(key, nr)| (show(key), nr)).collect()
}

fn open_on(window: &Window, cpu: CpuId) -> Vec<OpenWait> {
    let mine = window.in_flight.iter().filter(|wait| wait.cpu == cpu);
    let mut open: Vec<OpenWait> = mine
        .map(|wait| OpenWait {
            addr: wait.lock.to_string(),
            pid: wait.pid,
            age_ns: window.end.since(wait.begin),
            is_spinning: wait.spinning,
        })
        .collect();
    open.sort_by_key(|wait| std::cmp::Reverse(wait.age_ns));
    open.truncate(NR_SAMPLED_KEPT);
    open
}
