//! Lock reports of a verdict.
//!
//! In: tallies, names and a filter. Out: [`LockReport`]s by burn. Refuses: shares of paths that nobody sampled.

use std::collections::BTreeMap;

use super::frames::printed_stack;
use super::name::name_lock;
use super::path::{PathTally, Paths, Task, TaskShare};
use super::tally::{LockTally, LocksTally};
use super::user_paths::{self, UserPaths};
use crate::filter::Filter;
use crate::ids::{CodeAddr, LockAddr};
use crate::ledger::time::share;
use crate::names::Names;
use crate::thresholds::{NR_LOCKS_NAMED, NR_LOCKS_REPORTED, NR_MIN_GAPS, NR_SIDES_REPORTED};
use crate::topology::Topology;
use crate::verdict::{GapTimes, LockReport, LockSide, WaitTimes};

/// What a list of locks is made with.
#[derive(Clone, Copy)]
pub struct Listing<'a> {
    /// Length of the span.
    pub duration_ns: u64,
    /// CPUs that shares are of.
    pub nr_cpus: f64,
    /// Where the CPUs are.
    pub topology: &'a Topology,
    /// What is listed.
    pub filter: &'a Filter,
    /// Names.
    pub names: &'a dyn Names,
}

/// The heaviest locks of a span, of those that are listed.
#[must_use]
pub fn reports(locks: &LocksTally, of: &Listing<'_>) -> Vec<LockReport> {
    locks
        .by_burn()
        .into_iter()
        .filter(|(_, tally)| tally.nr_waits > 0 || tally.nr_in_flight > 0 || tally.spin_ns > 0)
        .filter(|(lock, tally)| of.filter.has_lock(*lock, tally.kind))
        .filter_map(|(lock, tally)| report(lock, tally, of))
        .take(NR_LOCKS_REPORTED)
        .collect()
}

/// Share of the spin time that is on locks whose kind has a name, of the heaviest [`NR_LOCKS_NAMED`]; the rest counts
/// as without one.
#[must_use]
pub fn named_burn_pct(locks: &LocksTally, names: &dyn Names) -> Option<f64> {
    let named_ns: u64 = locks
        .by_burn()
        .into_iter()
        .take(NR_LOCKS_NAMED)
        .filter(|(_, tally)| tally.spin_ns > 0)
        .filter(|(lock, tally)| name_lock(*lock, tally, names).source.names_class())
        .map(|(_, tally)| tally.spin_ns)
        .sum();
    share(named_ns, locks.spin_ns()).map(|share| 100.0 * share)
}

/// `None` if it is not listed.
fn report(lock: Option<LockAddr>, tally: &LockTally, of: &Listing<'_>) -> Option<LockReport> {
    let &Listing {
        duration_ns,
        nr_cpus,
        topology,
        filter,
        names,
    } = of;
    if filter
        .min_wait_ns
        .is_some_and(|least_ns| tally.max_ns < least_ns)
    {
        return None;
    }
    let named = name_lock(lock, tally, names);
    if !filter.has_name(&named.name) {
        return None;
    }
    let waiters = match filter.min_wait_ns {
        Some(_) => sides(&tally.long_waiters, filter, names),
        None => sides(&tally.waiters, filter, names),
    };
    // Of a lock without a stack nobody knows who waits; long waits are known without.
    if waiters.is_empty() && (filter.caller.is_some() || filter.comm.is_some()) {
        return None;
    }
    let burn_cpus = share(tally.spin_ns, duration_ns).unwrap_or(0.0);
    let percentile = |percent| {
        tally
            .hist
            .percentile_ns(percent)
            .map(|ns| ns.min(tally.max_ns))
    };
    let gap = |percent| tally.gaps.percentile_ns(percent);
    let handoff_gap_ns = match (gap(50.0), gap(99.0)) {
        (Some(p50), Some(p99)) if tally.gaps.count() >= NR_MIN_GAPS => Some(GapTimes { p50, p99 }),
        _ => None,
    };
    Some(LockReport {
        name: named.name,
        name_source: named.source,
        instance: named.instance,
        addr: lock.map(|addr| addr.to_string()),
        kind: tally.kind,
        burn_pct: 100.0 * burn_cpus / nr_cpus.max(f64::MIN_POSITIVE),
        burn_cpus,
        nr_waits: tally.nr_waits,
        wait_ns: WaitTimes {
            total: tally.wait_ns,
            p50: percentile(50.0),
            p99: percentile(99.0),
            max: tally.max_ns,
        },
        nr_in_flight: tally.nr_in_flight,
        oldest_in_flight_ns: tally.oldest_in_flight_ns,
        handoff_gap_ns,
        handoffs: tally.handoffs.report(tally.kind, topology),
        waiters,
        // Whoever holds the lock against the waits that are shown.
        holders: sides(&tally.holders, &Filter::default(), names),
        cpus: tally.cpus.iter().copied().collect(),
    })
}

/// Whether the path goes through `function`.
fn passes(frames: &[CodeAddr], function: &str, names: &dyn Names) -> bool {
    let is_it = |&frame: &CodeAddr| {
        let found = names.function(frame);
        found.is_some_and(|found| found.name == function)
    };
    frames.iter().any(is_it)
}

/// What part of a path the tasks have that pass, and how many of its stacks; `None`: none.
fn part_of(path: &PathTally, filter: &Filter) -> Option<(f64, u64)> {
    if filter.comm.is_none() {
        return Some((1.0, path.nr_samples));
    }
    let (mut all, mut passing) = (TaskShare::default(), TaskShare::default());
    for ((_, comm, _), share) in &path.tasks {
        all.add(*share);
        if filter.has_comm(comm.as_deref()) {
            passing.add(*share);
        }
    }
    let part = share(passing.weight, all.weight)?;
    (part > 0.0).then_some((part, passing.nr_samples))
}

#[derive(Default)]
struct Side {
    score: f64,
    nr_samples: u64,
    tasks: BTreeMap<Task, TaskShare>,
    user_paths: UserPaths,
}

/// Paths by their printed stack: addresses that differ only in the frames trimmed off are one path. Shares are of
/// what `filter` lets pass.
fn sides(paths: &Paths, filter: &Filter, names: &dyn Names) -> Vec<LockSide> {
    let mut by_stack: BTreeMap<Vec<String>, Side> = BTreeMap::new();
    let mut total = 0.0;
    for (frames, path, score) in paths.scores() {
        let has_caller = filter
            .caller
            .as_ref()
            .is_none_or(|caller| passes(frames, caller, names));
        let Some((part, nr_samples)) = part_of(path, filter).filter(|_| has_caller) else {
            continue;
        };
        let score = score * part;
        let side = by_stack.entry(printed_stack(frames, names)).or_default();
        side.score += score;
        side.nr_samples += nr_samples;
        for (task, share) in &path.tasks {
            if filter.has_comm(task.1.as_deref()) {
                side.tasks.entry(task.clone()).or_default().add(*share);
            }
        }
        user_paths::add(&mut side.user_paths, &path.user_paths, filter);
        total += score;
    }
    let mut ranked: Vec<_> = by_stack
        .into_iter()
        .filter(|(_, side)| side.score > 0.0)
        .collect();
    ranked.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then_with(|| a.0.cmp(&b.0)));
    ranked
        .into_iter()
        .take(NR_SIDES_REPORTED)
        .map(|(stack, side)| {
            let task = side
                .tasks
                .into_iter()
                .max_by_key(|(_, share)| share.weight)
                .map(|(task, _)| task);
            let cgroup = task
                .as_ref()
                .and_then(|(_, _, cgroup)| names.cgroup_path(*cgroup));
            LockSide {
                share_pct: 100.0 * side.score / total,
                stack,
                comm: task.as_ref().and_then(|(_, comm, _)| comm.clone()),
                pid: task.as_ref().map(|(pid, _, _)| *pid),
                cgroup,
                nr_samples: side.nr_samples,
                user_stacks: user_paths::reports(&side.user_paths, names),
            }
        })
        .collect()
}
