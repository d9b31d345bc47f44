//! What the threads of a scope waited for, and where they may run.
//!
//! In: thread ids at each reading. Out: sums that only grow, and the CPUs allowed. Refuses: more than
//! [`MAX_THREADS`]; then all of it is unknown.

use std::collections::HashMap;

use livelock_core::ids::Pid;

use super::process::{SchedStat, parse_schedstat};

/// Threads looked at in one window: at 5 us each, measured in a two-CPU guest, 5 ms.
const MAX_THREADS: usize = 1024;

/// The threads of a scope from reading to reading.
#[derive(Clone, Debug, Default)]
pub(super) struct Threads {
    last: HashMap<u32, SchedStat>,
    total: SchedStat,
}

/// What they did, all together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ThreadSums {
    /// Threads that live.
    pub(super) nr: usize,
    /// Times; `None`: could not see.
    pub(super) sched: Option<SchedStat>,
    /// CPUs that at least one of them may run on; `None`: could not see.
    pub(super) nr_allowed_cpus: Option<u32>,
    /// Whether this process is among them.
    pub(super) has_own: bool,
}

impl Threads {
    /// Takes a reading. A thread counts from its second reading on.
    pub(super) fn update(&mut self, ids: &[u32]) -> ThreadSums {
        let own = std::process::id();
        let mut sums = ThreadSums {
            nr: ids.len(),
            has_own: ids.contains(&own),
            ..ThreadSums::default()
        };
        if ids.len() > MAX_THREADS {
            self.last.clear();
            return sums;
        }
        let mut now = HashMap::with_capacity(ids.len());
        for &id in ids {
            let text = std::fs::read_to_string(format!("/proc/{id}/schedstat"));
            // Ended meanwhile, or a kernel without it.
            let Some(stat) = text.ok().as_deref().and_then(parse_schedstat) else {
                continue;
            };
            if let Some(before) = self.last.get(&id) {
                let add = |sum: &mut u64, new: u64, old: u64| {
                    *sum = sum.saturating_add(new.saturating_sub(old));
                };
                add(&mut self.total.wait_ns, stat.wait_ns, before.wait_ns);
                add(&mut self.total.nr_runs, stat.nr_runs, before.nr_runs);
            }
            now.insert(id, stat);
        }
        let is_seen = !now.is_empty() || ids.is_empty();
        self.last = now;
        sums.sched = is_seen.then_some(self.total);
        sums.nr_allowed_cpus = nr_allowed_cpus(ids);
        sums
    }

    /// Whether a thread lived at the last reading.
    pub(super) fn has(&self, thread: Pid) -> bool {
        self.last.contains_key(&thread.0)
    }
}

/// CPUs in at least one of the masks; `None` if no mask could be had.
fn nr_allowed_cpus(ids: &[u32]) -> Option<u32> {
    // SAFETY: a set of bits, for which zero is valid.
    let mut all: libc::cpu_set_t = unsafe { std::mem::zeroed() };
    for &id in ids {
        let Ok(id) = libc::pid_t::try_from(id) else {
            continue;
        };
        // SAFETY: as above.
        let mut mask: libc::cpu_set_t = unsafe { std::mem::zeroed() };
        let size = size_of::<libc::cpu_set_t>();
        // SAFETY: `mask` outlives the call, which writes at most `size` bytes.
        if unsafe { libc::sched_getaffinity(id, size, &raw mut mask) } != 0 {
            continue;
        }
        for cpu in 0..8 * size {
            // SAFETY: `cpu` is inside both sets.
            unsafe {
                if libc::CPU_ISSET(cpu, &mask) {
                    libc::CPU_SET(cpu, &mut all);
                }
            }
        }
    }
    // SAFETY: a set of bits.
    let nr = u32::try_from(unsafe { libc::CPU_COUNT(&all) }).ok();
    nr.filter(|&nr| nr > 0)
}
