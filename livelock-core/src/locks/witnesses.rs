//! What samples and further waits tell of those who hold.
//!
//! In: a window, the spans in which holders are known and those in which nobody is. Out: samples of holders, samples of whoever
//! may or must be one, links between locks. Refuses: to call a sample a holder's that lies after its lock was let go.

use std::collections::BTreeMap;

use super::charge::{Span, Spans};
use super::cover::Cover;
use super::path::Task;
use super::tally::LocksTally;
use crate::event::{LockKind, SampleEvent, SampleMode, WaitEvent};
use crate::ids::{CpuId, LockAddr, MonotonicNs};
use crate::thresholds::NEAR_SAMPLE_NS;
use crate::window::Window;

/// When a lock was waited for, and nobody who had waited for it is known to have had it.
pub(super) type Unseen = BTreeMap<LockAddr, Cover>;

/// Samples of the kernel code that holders ran while they held: evidence that owes nothing to who acquired by which path.
pub(super) fn sample_holders(tally: &mut LocksTally, window: &Window, spans: &Spans) {
    for sample in window.samples.iter().filter(|sample| is_of_kernel(sample)) {
        let pid = sample.task.pid;
        // Idle tasks share a thread id, and a spinlock's holder stays where it is.
        let is_there = |span: &&Span| {
            span.holder.end < sample.taken
                && sample.taken < span.until
                && (span.holder.cpu == sample.cpu || (pid.0 != 0 && !span.holder.stays_on_cpu()))
        };
        // A function that wants a lock has its address for an argument.
        let wanted = sample.first_arg.map(LockAddr);
        let wanted = wanted.filter(|lock| tally.by_lock.contains_key(&Some(*lock)));
        for span in spans.get(&pid).into_iter().flatten().filter(is_there) {
            if let (Some(wanted), Some(&at)) = (wanted, sample.frames.first())
                && wanted != span.lock
                && span.is_held_at(sample.taken)
            {
                tally.links.update((span.lock, wanted), |link| {
                    *link.sampled_at.entry(at).or_default() += 1;
                    link.count(&Task::of_sample(sample), 1);
                });
            }
            if let Some(lock) = tally.by_lock.get_mut(&Some(span.lock)) {
                let task = Task::of_sample(sample);
                lock.inside
                    .update(&sample.frames, |path| path.count(task, 1));
            }
        }
    }
}

fn is_of_kernel(sample: &SampleEvent) -> bool {
    sample.mode == SampleMode::Kernel && !sample.in_self && !sample.frames.is_empty()
}

/// Samples of kernel code taken while a lock was waited for and nobody who had waited for it is known to have had it. Whoever
/// took it when it was free may be among them, and is, if its code is below a function that acquires it; of a spinlock whoever
/// is the only one that can be, is.
pub(super) fn sample_unseen(
    tally: &mut LocksTally,
    window: &Window,
    waits: &[&WaitEvent],
    unseen: &Unseen,
) {
    let nr_ticks: u64 = window.cpu_counters.values().map(|cpu| cpu.nr_ticks).sum();
    let Some(tick_ns) = window.capacity_ns().checked_div(nr_ticks) else {
        return;
    };
    let others = Others::new(window, waits);
    // Of a live lock nearly all samples spin: they are passed over once, not for every lock.
    let candidates = window
        .samples
        .iter()
        .filter(|sample| !sample.in_traced_spin && sample.task.pid.0 != 0 && is_of_kernel(sample));
    let candidates: Vec<&SampleEvent> = candidates.collect();
    for (lock, unseen) in unseen {
        let Some(mine) = tally.by_lock.get_mut(&Some(*lock)) else {
            continue;
        };
        let of_lock = candidates
            .iter()
            .filter(|sample| sample.first_arg != Some(lock.0) && unseen.has(sample.taken));
        for &sample in of_lock {
            let is_alone = mine.kind == LockKind::Spinlock && others.cannot_hold(*lock, sample);
            let paths = match is_alone {
                true => &mut mine.alone,
                false => &mut mine.suspects,
            };
            paths.update(&sample.frames, |path| {
                path.count(Task::of_sample(sample), 1);
                path.tied_ns = path.tied_ns.saturating_add(tick_ns);
            });
        }
    }
}

/// What the CPUs did beside the one that was sampled.
struct Others<'a> {
    /// Traced spin waits, by lock and CPU.
    spinning: BTreeMap<(LockAddr, CpuId), Cover>,
    samples: BTreeMap<CpuId, Vec<&'a SampleEvent>>,
    cpus: Vec<CpuId>,
}

impl<'a> Others<'a> {
    fn new(window: &'a Window, waits: &[&WaitEvent]) -> Self {
        let mut spans: BTreeMap<(LockAddr, CpuId), Vec<(MonotonicNs, MonotonicNs)>> =
            BTreeMap::new();
        for wait in waits.iter().filter(|wait| wait.stays_on_cpu()) {
            let span = (wait.begin, wait.end);
            let key = (wait.lock, wait.cpu);
            spans.entry(key).or_default().push(span);
        }
        for wait in &window.in_flight {
            if matches!(wait.kind, LockKind::Spinlock | LockKind::Rwlock) {
                let span = (wait.begin, window.end);
                let key = (wait.lock, wait.cpu);
                spans.entry(key).or_default().push(span);
            }
        }
        let mut samples: BTreeMap<CpuId, Vec<&SampleEvent>> = BTreeMap::new();
        for sample in &window.samples {
            samples.entry(sample.cpu).or_default().push(sample);
        }
        Self {
            spinning: spans
                .into_iter()
                .map(|(key, spans)| (key, Cover::new(spans)))
                .collect(),
            samples,
            cpus: window.cpu_counters.keys().copied().collect(),
        }
    }

    /// Whether no CPU but that of `sample` is likely to have had `lock`, a spinlock, at that moment: each spins for it, or
    /// was sampled before and after where it wanted it, in user mode or in its idle task.
    fn cannot_hold(&self, lock: LockAddr, sample: &SampleEvent) -> bool {
        let at = sample.taken;
        let mut others = self.cpus.iter().filter(|cpu| **cpu != sample.cpu);
        others.all(|&cpu| {
            let spins = self.spinning.get(&(lock, cpu));
            spins.is_some_and(|cover| cover.has(at)) || self.is_elsewhere(cpu, lock, at)
        })
    }

    fn is_elsewhere(&self, cpu: CpuId, lock: LockAddr, at: MonotonicNs) -> bool {
        let Some(samples) = self.samples.get(&cpu) else {
            return false;
        };
        let after = samples.partition_point(|sample| sample.taken < at);
        let before = after.checked_sub(1).and_then(|before| samples.get(before));
        let is_elsewhere = |sample: Option<&&SampleEvent>| {
            sample.is_some_and(|sample| {
                let distance_ns = at.since(sample.taken).max(sample.taken.since(at));
                distance_ns <= NEAR_SAMPLE_NS
                    && (sample.mode == SampleMode::User
                        || sample.task.pid.0 == 0
                        || sample.first_arg == Some(lock.0))
            })
        };
        is_elsewhere(before) && is_elsewhere(samples.get(after))
    }
}

/// Waits that began while their task held another lock.
pub(super) fn link_waits(
    tally: &mut LocksTally,
    waits: &[&WaitEvent],
    window: &Window,
    spans: &Spans,
) {
    let completed = waits
        .iter()
        .map(|w| (w.lock, w.pid, w.tgid, w.cpu, w.begin, Some(w.end)));
    let open = window
        .in_flight
        .iter()
        .map(|w| (w.lock, w.pid, w.tgid, w.cpu, w.begin, None));
    for (lock, pid, tgid, cpu, begin, end) in completed.chain(open) {
        let holds = |span: &&Span| {
            span.lock != lock
                && span.holder.end <= begin
                && span.is_held_at(begin)
                && (pid.0 != 0 || span.holder.cpu == cpu)
        };
        for span in spans.get(&pid).into_iter().flatten().filter(holds) {
            let until = end.unwrap_or(window.end).min(span.until);
            let task = Task {
                pid,
                tgid,
                comm: None,
                cgroup: None,
            };
            tally.links.update((span.lock, lock), |link| {
                link.nr_waits += 1;
                link.wait_ns = link.wait_ns.saturating_add(until.since(begin));
                if end.is_none() {
                    let age_ns = window.end.since(begin);
                    link.oldest_open_ns = link.oldest_open_ns.max(Some(age_ns));
                }
                link.count(&task, 1);
            });
        }
    }
}
