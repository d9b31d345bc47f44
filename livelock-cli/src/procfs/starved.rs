//! Tasks that are said to wait to run: whether they do.
//!
//! In: candidates of the kernel programs. Out: those that are runnable and got no CPU time since the last look.
//! Refuses: the first look; a task that was woken while it ran looks starved to the tracepoints.

use std::collections::HashMap;
use std::fs;

use livelock_core::activity::StarvedTask;
use livelock_core::ids::{CpuId, Pid};
use livelock_core::scope::Scope;

/// Candidates looked at in one window, the longest waits first.
const MAX_LOOKED_AT: usize = 64;

/// Tasks that run when nobody else wants to, include/uapi/linux/sched.h, v6.1: they may wait for ever.
const SCHED_IDLE: u32 = 5;

/// Those read in one window to find as many within the scope: at 5 us each, 5 ms.
const MAX_READ: usize = 1024;

/// A thread, as proc(5) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Thread {
    state: char,
    /// User and system.
    cpu_ticks: u64,
    /// Where it runs, or in whose queue it waits.
    cpu: CpuId,
    policy: u32,
}

/// CPU times of the candidates at the last look.
#[derive(Debug, Default)]
pub struct Starvation {
    cpu_ticks: HashMap<Pid, u64>,
}

impl Starvation {
    /// The candidates that really wait, on CPUs of `scope`.
    pub fn confirm(&mut self, mut candidates: Vec<StarvedTask>, scope: &Scope) -> Vec<StarvedTask> {
        candidates.sort_by_key(|task| std::cmp::Reverse(task.age_ns));
        candidates.truncate(MAX_READ);
        let before = std::mem::take(&mut self.cpu_ticks);
        candidates
            .into_iter()
            .filter_map(|task| {
                // `/proc/TID/stat` would have the CPU time of the whole process.
                let stat = fs::read_to_string(format!("/proc/{0}/task/{0}/stat", task.pid.0));
                let thread = parse(&stat.ok()?)?;
                scope.has(thread.cpu).then_some((task, thread))
            })
            .take(MAX_LOOKED_AT)
            .filter(|(task, thread)| {
                if thread.state != 'R' || thread.policy == SCHED_IDLE {
                    return false;
                }
                self.cpu_ticks.insert(task.pid, thread.cpu_ticks);
                before.get(&task.pid) == Some(&thread.cpu_ticks)
            })
            .map(|(task, _)| task)
            .collect()
    }
}

/// What `/proc/TID/stat` says. The command name may hold spaces and brackets.
fn parse(stat: &str) -> Option<Thread> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut words = rest.split_ascii_whitespace();
    let state = words.next()?.chars().next()?;
    let user: u64 = words.nth(10)?.parse().ok()?;
    let system: u64 = words.next()?.parse().ok()?;
    let cpu = CpuId(words.nth(23)?.parse().ok()?);
    let policy = words.nth(1)?.parse().ok()?;
    Some(Thread {
        state,
        cpu_ticks: user.saturating_add(system),
        cpu,
        policy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_may_hold_anything() {
        let stat = "12 (a) b) (c) R 1 2 3 4 5 6 7 8 9 10 70 5 0 0 20 0 1 0 9 100 50 18446744073709551615 1 1 1 0 0 0 0 0 0 0 0 \
                    0 17 3 0 5 0 0 0 0 0 0 0 0 0 0 0";
        let thread = Thread {
            state: 'R',
            cpu_ticks: 75,
            cpu: CpuId(3),
            policy: 5,
        };
        assert_eq!(parse(stat), Some(thread));
        assert_eq!(parse("12 (short) R 1"), None);
    }

    #[test]
    fn a_task_that_runs_or_sleeps_is_not_starved() {
        let mut starvation = Starvation::default();
        // This thread runs, and pid 1 sleeps.
        let of = |pid| StarvedTask {
            pid: Pid(pid),
            age_ns: 2_000_000_000,
            prio: None,
        };
        let ours = std::process::id();
        assert!(
            starvation
                .confirm(vec![of(ours), of(1)], &Scope::default())
                .is_empty()
        );
        let began = std::time::Instant::now();
        while began.elapsed() < std::time::Duration::from_millis(60) {
            std::hint::black_box(began);
        }
        assert!(
            starvation
                .confirm(vec![of(ours), of(1)], &Scope::default())
                .is_empty()
        );
    }
}
