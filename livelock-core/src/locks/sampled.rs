//! Spin on rw-semaphores that only samples see, tied to locks.
//!
//! In: samples by the function that wants a lock, and the waits of the few that came to sleep for one. Out: nanoseconds by
//! lock. Refuses: to tie a sample to a lock that nobody was seen to wait for.
//!
//! `contention_begin` of an rw-semaphore comes after optimistic spinning has failed (`rwsem_down_write_slowpath` in
//! kernel/locking/rwsem.c, v6.1 to v7.3), and its spin loops have no register with the lock in it that a sample would show:
//! `rwsem_spin_on_owner` has the CPU's number as its first argument.

use std::collections::BTreeMap;

use super::frames::acquiring_function;
use super::name::name_lock;
use super::tally::LocksTally;
use crate::event::LockKind;
use crate::ids::LockAddr;
use crate::ledger::profile::Profile;
use crate::lock_dictionary;
use crate::names::Names;
use crate::thresholds::NR_MIN_SAMPLES;

/// Samples of such spin.
#[derive(Clone, Copy, Debug)]
pub struct SampledSpin<'a> {
    /// By the function that wants the lock.
    by_function: &'a BTreeMap<String, u64>,
    /// Time that a sample stands for; `None`: too few samples to say.
    ns_per_sample: Option<f64>,
}

/// How likely each lock is, in any unit.
type Weights = BTreeMap<LockAddr, f64>;

impl<'a> SampledSpin<'a> {
    /// Of a span with this profile, whose CPUs were busy for `busy_ns`.
    #[must_use]
    pub fn of(profile: &'a Profile, busy_ns: u64) -> Self {
        let is_enough = profile.nr_busy >= NR_MIN_SAMPLES;
        Self {
            by_function: &profile.rwsem_spin,
            ns_per_sample: is_enough.then(|| busy_ns as f64 / profile.nr_busy as f64),
        }
    }

    /// Time by lock: where the same function waited for it, else where waits for locks of that name were. Of several locks each
    /// has its share of those waits.
    pub(super) fn by_lock(&self, locks: &LocksTally, names: &dyn Names) -> BTreeMap<LockAddr, u64> {
        let Some(ns_per_sample) = self.ns_per_sample.filter(|_| !self.by_function.is_empty())
        else {
            return BTreeMap::new();
        };
        let mut by_function: BTreeMap<String, Weights> = BTreeMap::new();
        let mut by_name: BTreeMap<String, Weights> = BTreeMap::new();
        let rwsems = locks.by_lock.iter().filter_map(|(lock, tally)| {
            let is_rwsem = tally.kind == LockKind::Rwsem;
            lock.filter(|_| is_rwsem).map(|lock| (lock, tally))
        });
        for (lock, tally) in rwsems {
            let mut waited_ns = 0.0;
            for (frames, _, score) in tally.waiters.scores().filter(|(.., score)| *score > 0.0) {
                waited_ns += score;
                if let Some(function) = acquiring_function(frames, names) {
                    let weights = by_function.entry(function).or_default();
                    *weights.entry(lock).or_default() += score;
                }
            }
            if waited_ns > 0.0 {
                let named = name_lock(Some(lock), tally, names);
                by_name
                    .entry(named.name)
                    .or_default()
                    .insert(lock, waited_ns);
            }
        }
        let mut found: BTreeMap<LockAddr, f64> = BTreeMap::new();
        for (function, nr) in self.by_function {
            let same_name = || by_name.get(&lock_dictionary::name_of(function, LockKind::Rwsem)?);
            let Some(weights) = by_function.get(function).or_else(same_name) else {
                continue;
            };
            let all: f64 = weights.values().sum();
            for (lock, weight) in weights {
                *found.entry(*lock).or_default() += *nr as f64 * ns_per_sample * weight / all;
            }
        }
        found
            .into_iter()
            .map(|(lock, ns)| (lock, ns as u64))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::CodeAddr;
    use crate::locks::called::functions_at;
    use crate::locks::tally::LockTally;

    const FUNCTIONS: [&str; 4] = ["down_write", "vm_mmap_pgoff", "__vm_munmap", "nobody_knows"];

    /// A lock for which function `function` waited for `weight` nanoseconds.
    fn lock(kind: LockKind, function: u64, weight: i64) -> LockTally {
        let mut tally = LockTally::empty(kind);
        let frames = vec![CodeAddr(0), CodeAddr(function)];
        tally
            .waiters
            .update(&frames, |path| path.untied_weight += weight);
        tally
    }

    fn spin(locks: Vec<(u64, LockTally)>, sampled: &[(&str, u64)]) -> Vec<(u64, u64)> {
        let by_function: BTreeMap<String, u64> = sampled
            .iter()
            .map(|(name, nr)| ((*name).to_owned(), *nr))
            .collect();
        let sampled = SampledSpin {
            by_function: &by_function,
            ns_per_sample: Some(10.0),
        };
        let locks = LocksTally {
            by_lock: locks
                .into_iter()
                .map(|(lock, tally)| (Some(LockAddr(lock)), tally))
                .collect(),
            ..LocksTally::default()
        };
        let found = sampled
            .by_lock(&locks, &functions_at(&FUNCTIONS))
            .into_iter();
        found.map(|(lock, ns)| (lock.0, ns)).collect()
    }

    #[test]
    fn a_sample_is_of_the_lock_that_the_same_function_waits_for() {
        let two = || {
            vec![
                (0x10, lock(LockKind::Rwsem, 1, 3)),
                (0x20, lock(LockKind::Rwsem, 1, 1)),
                (0x30, lock(LockKind::Rwsem, 3, 7)),
                (0x40, lock(LockKind::Mutex, 1, 9)),
            ]
        };
        assert_eq!(
            spin(two(), &[("vm_mmap_pgoff", 100)]),
            [(0x10, 750), (0x20, 250)]
        );
        assert_eq!(spin(two(), &[("nobody_knows", 4)]), [(0x30, 40)]);
        // Nobody was seen to wait for it there, but for another lock of that name.
        assert_eq!(spin(two(), &[("__vm_munmap", 4)]), [(0x10, 30), (0x20, 10)]);
    }

    #[test]
    fn a_sample_whose_lock_nobody_waits_for_is_of_none() {
        assert_eq!(
            spin(
                vec![(0x30, lock(LockKind::Rwsem, 3, 7))],
                &[("vm_mmap_pgoff", 4)]
            ),
            []
        );
        assert_eq!(
            spin(
                vec![(0x10, lock(LockKind::Mutex, 1, 7))],
                &[("vm_mmap_pgoff", 4)]
            ),
            []
        );
    }
}
