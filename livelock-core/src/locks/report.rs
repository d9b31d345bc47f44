//! Lock reports of a verdict.
//!
//! In: tallies and names. Out: [`LockReport`]s by burn. Refuses: shares of paths that nobody sampled.

use std::collections::BTreeMap;

use super::frames::printed_stack;
use super::name::name_lock;
use super::path::{Paths, Task};
use super::tally::{LockTally, LocksTally};
use crate::ids::LockAddr;
use crate::ledger::time::share;
use crate::names::Names;
use crate::thresholds::{NR_LOCKS_NAMED, NR_LOCKS_REPORTED, NR_MIN_GAPS, NR_SIDES_REPORTED};
use crate::verdict::{GapTimes, LockReport, LockSide, WaitTimes};

/// The heaviest locks of a span of `duration_ns` on `nr_cpus` CPUs.
#[must_use]
pub fn reports(
    locks: &LocksTally,
    duration_ns: u64,
    nr_cpus: f64,
    names: &dyn Names,
) -> Vec<LockReport> {
    locks
        .by_burn()
        .into_iter()
        .filter(|(_, tally)| tally.nr_waits > 0 || tally.nr_in_flight > 0 || tally.spin_ns > 0)
        .take(NR_LOCKS_REPORTED)
        .map(|(lock, tally)| report(lock, tally, duration_ns, nr_cpus, names))
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

fn report(
    lock: Option<LockAddr>,
    tally: &LockTally,
    duration_ns: u64,
    nr_cpus: f64,
    names: &dyn Names,
) -> LockReport {
    let named = name_lock(lock, tally, names);
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
    LockReport {
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
        waiters: sides(&tally.waiters, names),
        holders: sides(&tally.holders, names),
        cpus: tally.cpus.iter().copied().collect(),
    }
}

#[derive(Default)]
struct Side {
    score: f64,
    nr_samples: u64,
    tasks: BTreeMap<Task, u64>,
}

/// Paths by their printed stack: addresses that differ only in the frames trimmed off are one path.
fn sides(paths: &Paths, names: &dyn Names) -> Vec<LockSide> {
    let mut by_stack: BTreeMap<Vec<String>, Side> = BTreeMap::new();
    let mut total = 0.0;
    for (frames, path, score) in paths.scores() {
        let side = by_stack.entry(printed_stack(frames, names)).or_default();
        side.score += score;
        side.nr_samples += path.nr_samples;
        for (task, nr) in &path.tasks {
            *side.tasks.entry(task.clone()).or_default() += nr;
        }
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
                .max_by_key(|(_, nr)| *nr)
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
            }
        })
        .collect()
}
