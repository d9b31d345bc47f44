//! What the tasks of a scope did, at each close of a window.
//!
//! In: a scope that was found. Out: cumulative [`TaskCounters`]. Refuses: more than [`MAX_PROCESSES`]; then nothing
//! is told.

use livelock_core::event::ProgressCounters;
use livelock_core::ids::{Pid, Tgid};
use livelock_core::scope::Scope;
use livelock_core::tasks::TaskCounters;

use super::ScopeError;
use super::cgroup::{Cgroup, Presence, quota_of_process};
use super::process::{SchedStat, Spent};
use super::processes::Processes;
use super::threads::{ThreadSums, Threads};
use super::tree;
use crate::capture::{KernelOffsets, Members, TaskFilter};
use crate::procfs::user_hz;

/// Processes looked at in one window: at 8 us each, measured in a two-CPU guest, 8 ms.
const MAX_PROCESSES: usize = 1024;

/// Said once of a scope without tasks.
const EMPTY: &str = "the control group has no task any more; if some come, they count";
const ENDED: &str =
    "the process and all its descendants have ended: the scope has no task any more";
const REMOVED: &str = "the control group was removed: the scope has no task any more, and a group made anew under its \
    name is another one; start livelock again for that";
const REPLACED: &str = "the control group was removed and made anew (a service that was started again?): nothing of the \
    new one is seen; start livelock again for that";

/// A scope of tasks that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// A control group and those below it.
    Cgroup(Cgroup),
    /// A process and its descendants.
    Tree(Tgid),
}

/// Looks for the tasks that `scope` names; `None`: it names none.
///
/// # Errors
///
/// If there are none that the kernel programs could know.
pub fn find(scope: &Scope, offsets: &KernelOffsets) -> Result<Option<Found>, ScopeError> {
    if let Some(path) = &scope.cgroup {
        return Cgroup::find(path).map(|found| Some(Found::Cgroup(found)));
    }
    let Some(root) = scope.pid else {
        return Ok(None);
    };
    if offsets.task_pid.is_none() || offsets.task_tgid.is_none() {
        return Err(ScopeError::Unfollowed { pid: root.0 });
    }
    tree::find(root)?;
    Ok(Some(Found::Tree(root)))
}

impl Found {
    /// Which tasks the kernel programs count.
    #[must_use]
    pub const fn filter(&self) -> TaskFilter {
        match self {
            Self::Cgroup(found) => TaskFilter::Cgroup {
                id: found.id,
                level: found.level,
            },
            Self::Tree(_) => TaskFilter::Tree,
        }
    }

    /// The scope, a control group by its path below the root however it was typed.
    #[must_use]
    pub fn scope(&self) -> Scope {
        match self {
            Self::Cgroup(found) => Scope::of_cgroup(found.path.clone()),
            Self::Tree(root) => Scope::of_tree(*root),
        }
    }
}

/// Reads a scope again and again.
#[derive(Debug)]
pub struct TaskReader {
    found: Found,
    threads: Threads,
    processes: Processes,
    last: TaskCounters,
    user_hz: u64,
    nr_threads: usize,
    note: Option<&'static str>,
}

impl TaskReader {
    /// Of a scope whose forks are followed from now on.
    #[must_use]
    pub fn begin(found: Found, members: &Members) -> Self {
        if let Found::Tree(root) = found {
            tree::seed(root, members);
        }
        Self {
            found,
            threads: Threads::default(),
            processes: Processes::default(),
            last: TaskCounters::default(),
            user_hz: user_hz(),
            nr_threads: 0,
            note: None,
        }
    }

    /// The counters now; `None`: too many tasks to look at, or not those that the kernel programs know.
    pub fn read(&mut self, members: &Members) -> Option<TaskCounters> {
        let now = match &self.found {
            Found::Cgroup(found) => {
                let presence = found.presence();
                if presence != Presence::Here {
                    self.note = Some(match presence {
                        Presence::Replaced => REPLACED,
                        _ => REMOVED,
                    });
                    // Nobody counts for another one, and a group that is gone does nothing.
                    return None;
                }
                let sums = self.threads.update(&found.threads());
                self.nr_threads = sums.nr;
                let cpu = found.cpu();
                TaskCounters {
                    // Removed since: it adds nothing to what it had.
                    user_ns: cpu.map_or(self.last.user_ns, |cpu| cpu.user_ns),
                    system_ns: cpu.map_or(self.last.system_ns, |cpu| cpu.system_ns),
                    quota_ns_per_sec: found.quota_ns_per_sec(),
                    ..of_threads(&sums, found.progress())
                }
            }
            Found::Tree(root) => {
                let living = tree::living(members, MAX_PROCESSES)?;
                let ids: Vec<u32> = living.keys().flat_map(|&pid| tree::threads(pid)).collect();
                let sums = self.threads.update(&ids);
                self.nr_threads = sums.nr;
                let spent: Spent = self.processes.update(living);
                let faults = ProgressCounters {
                    nr_page_faults: Some(spent.nr_faults),
                    ..ProgressCounters::default()
                };
                TaskCounters {
                    user_ns: self.ns(spent.user_ticks),
                    system_ns: self.ns(spent.system_ticks),
                    quota_ns_per_sec: quota_of_process(root.0),
                    ..of_threads(&sums, faults)
                }
            }
        };
        self.last = now;
        if self.nr_threads == 0 {
            self.note = Some(match self.found {
                Found::Cgroup(_) => EMPTY,
                Found::Tree(_) => ENDED,
            });
        }
        Some(now)
    }

    /// Whether a thread was part of the scope at the last reading.
    #[must_use]
    pub fn has(&self, thread: Pid) -> bool {
        self.threads.has(thread)
    }

    /// What to say of a scope of which nobody is left.
    #[must_use]
    pub const fn note(&self) -> Option<&'static str> {
        self.note
    }

    fn ns(&self, ticks: u64) -> u64 {
        ticks.saturating_mul(1_000_000_000 / self.user_hz.max(1))
    }
}

/// What threads tell, in the units of the scope.
fn of_threads(sums: &ThreadSums, progress: ProgressCounters) -> TaskCounters {
    let sched: Option<SchedStat> = sums.sched;
    TaskCounters {
        wait_ns: sched.map(|sched| sched.wait_ns),
        nr_allowed_cpus: sums.nr_allowed_cpus,
        has_own: sums.has_own,
        progress: ProgressCounters {
            nr_context_switches: sched.map(|sched| sched.nr_runs),
            ..progress
        },
        ..TaskCounters::default()
    }
}
