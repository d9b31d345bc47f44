//! Neighbours of the guests: threads of this machine that compute now and then.
//!
//! In: how many, and a seed. Out: load while the guard lives. Refuses: a load that nobody can repeat; phases come from
//! the seed. What a guest's CPUs get of them depends on the machine all the same.

use std::hint::black_box;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

/// Length in milliseconds of a phase of computing, and of one of rest: from some time slices of the host to a few windows of the tool.
const PHASE_MS: RangeInclusive<u64> = 100..=2000;

/// Steps of a computation between two looks at the clock: some 10 us.
const NR_STEPS: u64 = 10_000;

/// Which load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct HostLoad {
    pub(super) nr_threads: u32,
    pub(super) seed: u64,
}

/// The load, until this is dropped.
pub(super) struct Running {
    is_over: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl HostLoad {
    /// Starts it.
    pub(super) fn start(self) -> anyhow::Result<Running> {
        let mut running = Running {
            is_over: Arc::default(),
            threads: Vec::new(),
        };
        let mut seeds = fastrand::Rng::with_seed(self.seed);
        for number in 0..self.nr_threads {
            let is_over = Arc::clone(&running.is_over);
            let rng = seeds.fork();
            let thread = thread::Builder::new()
                .name(format!("host-load-{number}"))
                .spawn(move || compute_now_and_then(rng, &is_over))
                .context("failed to start a thread of the host's load")?;
            running.threads.push(thread);
        }
        Ok(running)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.thread().unpark();
            if thread.join().is_err() {
                eprintln!("corpus: warning: a thread of the host's load had died");
            }
        }
    }
}

fn compute_now_and_then(mut rng: fastrand::Rng, is_over: &AtomicBool) {
    let goes_on = |until: Instant| !is_over.load(Ordering::Relaxed) && Instant::now() < until;
    let mut phase = || Instant::now() + Duration::from_millis(rng.u64(PHASE_MS));
    let mut value = 1_u64;
    while !is_over.load(Ordering::Relaxed) {
        let end = phase();
        while goes_on(end) {
            for _ in 0..NR_STEPS {
                value = black_box(
                    value
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1),
                );
            }
        }
        let end = phase();
        while goes_on(end) {
            thread::park_timeout(end.saturating_duration_since(Instant::now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_runs_as_many_threads_as_asked_for_and_ends_with_its_guard() {
        let load = HostLoad {
            nr_threads: 3,
            seed: 1,
        };
        let running = load.start().unwrap();
        assert_eq!(running.threads.len(), 3);
        assert!(running.threads.iter().all(|thread| !thread.is_finished()));
        let is_over = Arc::downgrade(&running.is_over);
        drop(running);
        // Each thread had a share in it.
        assert!(is_over.upgrade().is_none());
    }
}
