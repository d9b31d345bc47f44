//! What was achieved in a window, by whom the window is about.
//!
//! In: two moments and the scope. Out: the difference of their counters. Refuses: to let what other CPUs achieved speak for
//! those of the scope, and the sum of some of its CPUs for all of them.

use std::collections::BTreeSet;

use super::snapshots::{Snapshots, differences};
use crate::counters::zip_progress;
use crate::event::ProgressCounters;
use crate::ids::CpuId;
use crate::scope::Scope;
use crate::tasks::TaskCounters;

/// Of `scope`, between `last` and `now`; `tasks` is what its tasks did meanwhile, if it is one of tasks.
pub(super) fn of_scope(
    scope: &Scope,
    now: &Snapshots,
    last: &Snapshots,
    tasks: Option<&TaskCounters>,
) -> ProgressCounters {
    if scope.is_of_tasks() {
        return tasks.map_or_else(ProgressCounters::default, |tasks| tasks.progress);
    }
    let host = match (now.progress, last.progress) {
        (Some(new), Some(old)) => since(&new, &old),
        _ => ProgressCounters::default(),
    };
    match &scope.cpus {
        None => host,
        // Reclaim is asked for by whoever runs anywhere; whether it is in vain only the host's counters tell.
        Some(cpus) => ProgressCounters {
            nr_pages_scanned: host.nr_pages_scanned,
            nr_pages_reclaimed: host.nr_pages_reclaimed,
            ..of_cpus(cpus, now, last)
        },
    }
}

fn of_cpus(cpus: &BTreeSet<CpuId>, now: &Snapshots, last: &Snapshots) -> ProgressCounters {
    let moved = differences(&last.cpu_progress, &now.cpu_progress, since);
    let each = cpus
        .iter()
        .map(|cpu| moved.get(cpu).copied().unwrap_or_default());
    let add = |a: Option<u64>, b: Option<u64>| Some(a?.saturating_add(b?));
    each.reduce(|sum, cpu| zip_progress(&sum, &cpu, add))
        .unwrap_or_default()
}

fn since(new: &ProgressCounters, old: &ProgressCounters) -> ProgressCounters {
    zip_progress(new, old, |new, old| Some(new?.saturating_sub(old?)))
}
