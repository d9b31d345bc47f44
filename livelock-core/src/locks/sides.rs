//! Both sides of a lock: who waits, who holds.
//!
//! In: paths, names, a filter. Out: [`LockSide`]s, largest share first. Refuses: shares of paths that nobody sampled.

use std::collections::BTreeMap;

use super::frames::printed_stack;
use super::path::{PathTally, Paths, Task, TaskShare};
use super::user_paths::{self, UserPaths};
use crate::cgroup_place::CgroupPlace;
use crate::filter::Filter;
use crate::hold_hist::HoldHistogram;
use crate::holder_report::{Hindrance, HolderSource, KnownBy, NotRunning};
use crate::ids::{CgroupId, CodeAddr, Pid};
use crate::ledger::time::share;
use crate::names::Names;
use crate::thresholds::NR_SIDES_REPORTED;
use crate::verdict::{Confidence, LockSide};

/// A path by its printed stack: addresses that differ only in the frames trimmed off are one path.
#[derive(Default)]
pub(super) struct Side {
    /// Time that it stands for.
    pub(super) score: f64,
    /// What of the score is how sure; empty for waiters.
    pub(super) sure: BTreeMap<Confidence, f64>,
    pub(super) nr_samples: u64,
    pub(super) tasks: BTreeMap<Task, u64>,
    pub(super) nr_released: u64,
    /// Upper bounds of its holds.
    pub(super) bounds: HoldHistogram,
    /// Time in which it was seen to run meanwhile.
    pub(super) seen_ns: u64,
    pub(super) nr_by_source: BTreeMap<HolderSource, u64>,
    /// Observations that found it running.
    pub(super) nr_running: u64,
    /// Innermost functions that the holder was sampled in.
    pub(super) doing: BTreeMap<String, u64>,
    /// What ran in the holder's place.
    pub(super) hindered: BTreeMap<(Hindrance, Option<String>), u64>,
    /// How its tasks came into the kernel; empty if nobody asked.
    pub(super) user_paths: UserPaths,
}

impl Side {
    /// Counts the observations of `path`.
    pub(super) fn add(&mut self, path: &PathTally) {
        self.nr_samples += path.nr_samples;
        self.nr_released += path.nr_released;
        for (task, share) in &path.tasks {
            *self.tasks.entry(task.clone()).or_default() += share.weight;
        }
    }

    /// Counts `nr` observations of a kind.
    pub(super) fn know(&mut self, source: HolderSource, nr: u64) {
        *self.nr_by_source.entry(source).or_default() += nr;
    }

    /// Adds time.
    pub(super) fn score(&mut self, score: f64, sure: Confidence) {
        self.score += score;
        *self.sure.entry(sure).or_default() += score;
    }

    /// Forgets its time.
    pub(super) fn unscore(&mut self) {
        self.score = 0.0;
        self.sure.clear();
    }
}

/// Sides by their printed stack.
pub(super) type Sides = BTreeMap<Vec<String>, Side>;

/// The paths that `filter` lets pass. A filter by task takes of a path what its tasks have of it.
pub(super) fn by_stack(paths: &Paths, filter: &Filter, names: &dyn Names) -> Sides {
    let mut sides = Sides::new();
    for (frames, path, score) in paths.scores() {
        let has_caller = filter
            .caller
            .as_ref()
            .is_none_or(|caller| passes(frames, caller, names));
        let Some((part, nr_samples)) = part_of(path, filter).filter(|_| has_caller) else {
            continue;
        };
        let side = sides.entry(printed_stack(frames, names)).or_default();
        side.score += score * part;
        side.nr_samples += nr_samples;
        side.nr_released += path.nr_released;
        side.bounds.merge(&path.bounds);
        side.seen_ns = side.seen_ns.saturating_add(path.seen_ns);
        for (task, share) in &path.tasks {
            if filter.has_comm(task.comm.as_deref()) {
                *side.tasks.entry(task.clone()).or_default() += share.weight;
            }
        }
        user_paths::add(&mut side.user_paths, &path.user_paths, filter);
    }
    sides
}

/// Who waits by `paths`, of those that `filter` lets pass.
pub(super) fn waiters(paths: &Paths, filter: &Filter, names: &dyn Names) -> Vec<LockSide> {
    let sides = by_stack(paths, filter, names);
    let groups = groups(sides.values());
    ranked(sides.into_iter().collect(), 0.0, &groups, names)
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
    for (task, share) in &path.tasks {
        all.add(*share);
        if filter.has_comm(task.comm.as_deref()) {
            passing.add(*share);
        }
    }
    let part = share(passing.weight, all.weight)?;
    (part > 0.0).then_some((part, passing.nr_samples))
}

/// The key with the highest count.
pub(super) fn most<K: Clone + Ord>(counts: &BTreeMap<K, u64>) -> Option<K> {
    counts
        .iter()
        .max_by_key(|(_, nr)| **nr)
        .map(|(key, _)| key.clone())
}

/// cgroups of threads. Samples and owner words do not tell them, but the same threads' waits do.
pub(super) fn groups<'a>(sides: impl Iterator<Item = &'a Side>) -> BTreeMap<Pid, CgroupId> {
    let tasks = sides.flat_map(|side| side.tasks.keys());
    tasks
        .filter_map(|task| Some((task.pid, task.cgroup?)))
        .collect()
}

/// Sides as they are told. Shares are of their time and of `unknown` besides.
pub(super) fn ranked(
    sides: Vec<(Vec<String>, Side)>,
    unknown: f64,
    groups: &BTreeMap<Pid, CgroupId>,
    names: &dyn Names,
) -> Vec<LockSide> {
    let known: f64 = sides.iter().map(|(_, side)| side.score).sum();
    let total = known + unknown;
    let mut ranked: Vec<_> = sides
        .into_iter()
        .filter(|(_, side)| side.score > 0.0)
        .collect();
    ranked.sort_by(|a, b| b.1.score.total_cmp(&a.1.score).then_with(|| a.0.cmp(&b.0)));
    ranked
        .into_iter()
        .take(NR_SIDES_REPORTED)
        .map(|(stack, side)| {
            let known_by = known_by(&side);
            let not_running = not_running(&side);
            let task = most(&side.tasks);
            let cgroup = task
                .as_ref()
                .and_then(|task| task.cgroup.or_else(|| groups.get(&task.pid).copied()))
                .and_then(|cgroup| names.cgroup_path(cgroup));
            let place = cgroup.as_deref().map(CgroupPlace::of_path);
            let place = place.unwrap_or_default();
            LockSide {
                share_pct: 100.0 * side.score / total,
                stack,
                comm: task.as_ref().and_then(|task| task.comm.clone()),
                pid: task.as_ref().map(|task| task.pid),
                tgid: task.as_ref().map(|task| task.tgid),
                cgroup,
                container_id: place.container_id,
                pod_uid: place.pod_uid,
                nr_samples: side.nr_samples,
                known_by,
                confidence: surest(&side),
                doing: most(&side.doing),
                not_running,
                user_stacks: user_paths::reports(&side.user_paths, names),
            }
        })
        .collect()
}

/// How sure most of the time is.
fn surest(side: &Side) -> Option<Confidence> {
    let sure = side.sure.iter();
    sure.max_by(|a, b| a.1.total_cmp(b.1))
        .map(|(sure, _)| *sure)
}

fn known_by(side: &Side) -> Vec<KnownBy> {
    let total: u64 = side.nr_by_source.values().sum();
    let known = side.nr_by_source.iter().filter(|(_, nr)| **nr > 0);
    known
        .map(|(&source, &nr)| KnownBy {
            source,
            nr,
            share_pct: 100.0 * nr as f64 / total as f64,
        })
        .collect()
}

/// The commonest hindrance, among the observations that tell whether the holder ran.
fn not_running(side: &Side) -> Option<NotRunning> {
    let mut by_kind: BTreeMap<Hindrance, u64> = BTreeMap::new();
    for ((why, _), nr) in &side.hindered {
        *by_kind.entry(*why).or_default() += nr;
    }
    let nr_hindered: u64 = by_kind.values().sum();
    let why = most(&by_kind)?;
    let nr = by_kind.get(&why).copied().unwrap_or(0);
    let instead = side
        .hindered
        .iter()
        .filter(|((other, instead), _)| *other == why && instead.is_some())
        .max_by_key(|(_, nr)| **nr);
    Some(NotRunning {
        why,
        share_pct: 100.0 * nr as f64 / (side.nr_running + nr_hindered) as f64,
        instead: instead.and_then(|((_, instead), _)| instead.clone()),
    })
}
