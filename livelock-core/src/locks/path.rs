//! Code paths on one side of a lock.
//!
//! In: stacks with weights. Out: [`Paths`], which merge. Refuses: more than [`NR_PATHS_KEPT`] paths
//! and [`NR_TASKS_KEPT`] tasks on each; the lightest go.

use std::collections::BTreeMap;

use crate::event::{SampleEvent, StackEvent, TaskRef};
use crate::hold_hist::HoldHistogram;
use crate::ids::{CgroupId, CodeAddr, Pid, Tgid};
use crate::lock_call::LockCallEvent;
use crate::thresholds::{NR_PATHS_KEPT, NR_TASKS_KEPT, NR_USER_PATHS_KEPT};

/// Task as it is told apart on a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Task {
    pub(super) pid: Pid,
    pub(super) tgid: Tgid,
    pub(super) comm: Option<String>,
    /// `None`: not looked at.
    pub(super) cgroup: Option<CgroupId>,
}

impl Task {
    pub(super) fn new(task: &TaskRef, cgroup: Option<CgroupId>) -> Self {
        Self {
            pid: task.pid,
            tgid: task.tgid,
            comm: task.comm.clone(),
            cgroup,
        }
    }

    /// The task that calls.
    pub(super) fn of_call(call: &LockCallEvent) -> Self {
        Self::new(&call.task, None)
    }

    /// The task that was sampled.
    pub(super) fn of_sample(sample: &SampleEvent) -> Self {
        Self::new(&sample.task, None)
    }
}

/// User side of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UserPath {
    pub(super) process: Tgid,
    pub(super) comm: Option<String>,
    /// Innermost first.
    pub(super) frames: Vec<CodeAddr>,
}

/// What of a path is one task's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TaskShare {
    /// Sum of the weights of its stacks.
    pub(super) weight: u64,
    /// Its stacks.
    pub(super) nr_samples: u64,
}

impl TaskShare {
    pub(super) const fn add(&mut self, other: Self) {
        self.weight += other.weight;
        self.nr_samples += other.nr_samples;
    }
}

/// One path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PathTally {
    /// Time of the tied waits (or gaps), each times its weight.
    pub(super) tied_ns: u64,
    /// Weight of stacks with a tied wait.
    pub(super) tied_weight: i64,
    /// Weight of stacks without; negative in the window where a wait was tied to an earlier stack.
    pub(super) untied_weight: i64,
    /// Stacks.
    pub(super) nr_samples: u64,
    /// Of a holder: those whose release was traced.
    pub(super) nr_released: u64,
    /// Of a holder: upper bounds of holds.
    pub(super) bounds: HoldHistogram,
    /// Of a holder: time in which it was seen to run meanwhile.
    pub(super) seen_ns: u64,
    /// Tasks by weight.
    pub(super) tasks: BTreeMap<Task, TaskShare>,
    /// How they came into the kernel; empty if nobody asked.
    pub(super) user_paths: BTreeMap<UserPath, TaskShare>,
}

impl PathTally {
    /// Counts `stack` with `weight` for its task.
    pub(super) fn sample(&mut self, stack: &StackEvent) {
        let task = Task::new(&stack.task, Some(stack.cgroup));
        let weight = u64::from(stack.weight);
        if !stack.user_frames.is_empty() {
            let path = UserPath {
                process: stack.task.tgid,
                comm: stack.task.comm.clone(),
                frames: stack.user_frames.clone(),
            };
            let share = TaskShare {
                weight,
                nr_samples: 1,
            };
            add_share(&mut self.user_paths, &path, NR_USER_PATHS_KEPT, share);
        }
        self.count(task, weight);
    }

    /// Counts one observation with `weight` for `task`.
    pub(super) fn count(&mut self, task: Task, weight: u64) {
        self.nr_samples += 1;
        let share = TaskShare {
            weight,
            nr_samples: 1,
        };
        add_share(&mut self.tasks, &task, NR_TASKS_KEPT, share);
    }

    /// Adds `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        self.tied_ns = self.tied_ns.saturating_add(other.tied_ns);
        self.tied_weight += other.tied_weight;
        self.untied_weight += other.untied_weight;
        self.nr_samples += other.nr_samples;
        self.nr_released += other.nr_released;
        self.bounds.merge(&other.bounds);
        self.seen_ns = self.seen_ns.saturating_add(other.seen_ns);
        for (task, share) in &other.tasks {
            add_share(&mut self.tasks, task, NR_TASKS_KEPT, *share);
        }
        for (path, share) in &other.user_paths {
            add_share(&mut self.user_paths, path, NR_USER_PATHS_KEPT, *share);
        }
    }

    fn rank(&self) -> (u64, i64) {
        (self.tied_ns, self.tied_weight + self.untied_weight)
    }
}

/// Paths by their addresses, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Paths {
    by_frames: BTreeMap<Vec<CodeAddr>, PathTally>,
}

impl Paths {
    /// Changes the path of `frames`.
    pub(super) fn update(&mut self, frames: &Vec<CodeAddr>, change: impl FnOnce(&mut PathTally)) {
        bounded_entry(
            &mut self.by_frames,
            frames,
            NR_PATHS_KEPT,
            PathTally::rank,
            change,
        );
    }

    /// Adds `other`.
    pub(super) fn merge(&mut self, other: &Self) {
        for (frames, theirs) in &other.by_frames {
            self.update(frames, |mine| mine.merge(theirs));
        }
    }

    /// Paths with the time that each stands for. A stack without a tied wait stands for the mean tied
    /// wait; if no wait was tied, weights alone count.
    pub(super) fn scores(&self) -> impl Iterator<Item = (&[CodeAddr], &PathTally, f64)> {
        let tied_ns: u64 = self.by_frames.values().map(|path| path.tied_ns).sum();
        let tied_weight: i64 = self.by_frames.values().map(|path| path.tied_weight).sum();
        let mean_ns = if tied_ns > 0 && tied_weight > 0 {
            tied_ns as f64 / tied_weight as f64
        } else {
            1.0
        };
        self.by_frames.iter().map(move |(frames, path)| {
            let untied_ns = path.untied_weight.max(0) as f64 * mean_ns;
            (frames.as_slice(), path, path.tied_ns as f64 + untied_ns)
        })
    }
}

fn add_share<K: Ord + Clone>(
    map: &mut BTreeMap<K, TaskShare>,
    key: &K,
    nr_kept: usize,
    share: TaskShare,
) {
    bounded_entry(map, key, nr_kept, |mine| *mine, |mine| mine.add(share));
}

/// Changes the entry of `key`; a new one pushes out the lightest if the map is full.
pub(super) fn bounded_entry<K: Ord + Clone, V: Default, R: Ord>(
    map: &mut BTreeMap<K, V>,
    key: &K,
    nr_kept: usize,
    rank: impl Fn(&V) -> R,
    change: impl FnOnce(&mut V),
) {
    if map.len() >= nr_kept && !map.contains_key(key) {
        let lightest = map
            .iter()
            .min_by_key(|(_, value)| rank(value))
            .map(|(k, _)| k.clone());
        if let Some(lightest) = lightest {
            map.remove(&lightest);
        }
    }
    change(map.entry(key.clone()).or_default());
}
