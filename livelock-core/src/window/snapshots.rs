//! Cumulative facts at two moments, and their difference.
//!
//! In: snapshots. Out: what was added between them. Refuses: a difference of what is missing at one end.

use std::collections::BTreeMap;

use crate::activity::{Activity, HostCounters};
use crate::counters::zip_progress;
use crate::event::{CpuCounters, CpuTimes, OwnProcess, ProgressCounters};
use crate::ids::CpuId;
use crate::tasks::TaskCounters;

/// Cumulative facts at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Snapshots {
    pub(super) counters: BTreeMap<CpuId, CpuCounters>,
    pub(super) times: BTreeMap<CpuId, CpuTimes>,
    pub(super) progress: Option<ProgressCounters>,
    /// Of the CPUs in scope, if it is one of CPUs.
    pub(super) cpu_progress: BTreeMap<CpuId, ProgressCounters>,
    pub(super) nr_recursion_misses: Option<u64>,
    pub(super) own: Option<OwnProcess>,
    pub(super) nr_undecodable: u64,
    pub(super) host: Option<HostCounters>,
    pub(super) activity: BTreeMap<CpuId, Activity>,
    pub(super) tasks: Option<TaskCounters>,
}

pub(super) fn differences<T>(
    old: &BTreeMap<CpuId, T>,
    new: &BTreeMap<CpuId, T>,
    since: impl Fn(&T, &T) -> T,
) -> BTreeMap<CpuId, T> {
    new.iter()
        .filter_map(|(cpu, now)| Some((*cpu, since(now, old.get(cpu)?))))
        .collect()
}

pub(super) fn newest(mut last: Snapshots, now: Snapshots) -> Snapshots {
    last.counters.extend(now.counters);
    last.times.extend(now.times);
    for (cpu, progress) in now.cpu_progress {
        // Each source of its own: packets are there when a CPU does not answer.
        let mine = last.cpu_progress.entry(cpu).or_default();
        *mine = zip_progress(&progress, mine, Option::or);
    }
    last.progress = now.progress.or(last.progress);
    last.nr_recursion_misses = now.nr_recursion_misses.or(last.nr_recursion_misses);
    last.own = now.own.or(last.own);
    last.nr_undecodable = last.nr_undecodable.max(now.nr_undecodable);
    last.host = now.host.or(last.host);
    // What was done while nobody looked belongs to no window.
    last.tasks = now.tasks;
    // Programs that are not attached count nothing: what they count after the next attach is new.
    last.activity = now.activity;
    last
}

/// Keeps the later of two snapshots of one CPU, field by field, since counters only grow.
pub(super) fn later_counters(mine: &mut CpuCounters, theirs: &CpuCounters) {
    let nr_waits_left_out = mine.nr_waits_left_out.max(theirs.nr_waits_left_out);
    let nr_releases_left_out = mine.nr_releases_left_out.max(theirs.nr_releases_left_out);
    let slice_mask = mine.slice_mask.max(theirs.slice_mask);
    *mine = zip_counters(mine, theirs, u64::max);
    mine.nr_waits_left_out = nr_waits_left_out;
    mine.nr_releases_left_out = nr_releases_left_out;
    mine.slice_mask = slice_mask;
    mine.nr_open_spin = mine.nr_open_spin.max(theirs.nr_open_spin);
}

pub(super) fn counters_since(new: &CpuCounters, old: &CpuCounters) -> CpuCounters {
    CpuCounters {
        nr_open_spin: new.nr_open_spin,
        ..zip_counters(new, old, u64::saturating_sub)
    }
}

fn zip_counters(a: &CpuCounters, b: &CpuCounters, f: impl Fn(u64, u64) -> u64) -> CpuCounters {
    CpuCounters {
        nr_begun: f(a.nr_begun, b.nr_begun),
        nr_completed: f(a.nr_completed, b.nr_completed),
        nr_open_spin: a.nr_open_spin,
        lost: zip_map(&a.lost, &b.lost, &f),
        detail_lost: zip_map(&a.detail_lost, &b.detail_lost, &f),
        nr_end_unmatched: f(a.nr_end_unmatched, b.nr_end_unmatched),
        nr_phases: f(a.nr_phases, b.nr_phases),
        spin_ns: f(a.spin_ns, b.spin_ns),
        nr_ticks: f(a.nr_ticks, b.nr_ticks),
        nr_ticks_in_self: f(a.nr_ticks_in_self, b.nr_ticks_in_self),
        nr_stacks: f(a.nr_stacks, b.nr_stacks),
        nr_waits_left_out: a
            .nr_waits_left_out
            .zip(b.nr_waits_left_out)
            .map(|(a, b)| f(a, b)),
        nr_releases_left_out: a
            .nr_releases_left_out
            .zip(b.nr_releases_left_out)
            .map(|(a, b)| f(a, b)),
        slice_mask: a.slice_mask,
        self_ns: f(a.self_ns, b.self_ns),
        lockdep_self_ns: f(a.lockdep_self_ns, b.lockdep_self_ns),
    }
}

fn zip_map<K: Ord + Copy>(
    a: &BTreeMap<K, u64>,
    b: &BTreeMap<K, u64>,
    f: &impl Fn(u64, u64) -> u64,
) -> BTreeMap<K, u64> {
    a.keys()
        .chain(b.keys())
        .map(|k| {
            let at = |map: &BTreeMap<K, u64>| map.get(k).copied().unwrap_or(0);
            (*k, f(at(a), at(b)))
        })
        .collect()
}
