//! Locks that were tried for while another was held, as watched calls show it.
//!
//! In: the watched calls of a window. Out: links between locks. Refuses: a link unless the same thread was seen to take the
//! first lock, then to try for the second, then to let the first go, with nothing of the first in between.

use std::collections::{BTreeMap, BTreeSet};

use super::chains::Pair;
use super::path::Task;
use super::tally::LocksTally;
use crate::ids::{CpuId, LockAddr, MonotonicNs, Pid};
use crate::lock_call::{LockCallEvent, LockCallKind};
use crate::thresholds::{BURST_NS, MIN_CHAIN_SIGHTINGS};
use crate::window::Window;

/// Locks of a thread, tries in a hold of one, and threads of a pair that are told apart: more than there are watched calls.
const NR_FOLLOWED: usize = 8;

/// A lock that was taken, and what was tried for since.
struct Held {
    lock: LockAddr,
    tried: Vec<LockAddr>,
}

/// A try for one lock in a hold of another, and the call that ended the hold.
type Inside<'w> = (Pair, &'w LockCallEvent);

/// Counts tries for one lock in holds of another.
pub(super) fn link_tries(tally: &mut LocksTally, window: &Window) {
    for (pair, call) in tries_inside(window) {
        tally.links.update(pair, |link| {
            link.nr_tries += 1;
            link.count(&Task::of_call(call), 1);
        });
    }
}

/// Tries for a lock in holds of another.
#[derive(Clone, Debug)]
struct Sightings {
    /// End of the last window with one.
    last: MonotonicNs,
    nr: u64,
    by: BTreeSet<Pid>,
}

/// Pairs of locks each of which is tried for by who has the other.
#[derive(Clone, Debug, Default)]
pub struct CrossedTries {
    seen: BTreeMap<Pair, Sightings>,
}

impl CrossedTries {
    /// Takes the next window; says whether there is such a pair, of two threads and more. Calls are watched now and then
    /// only, so that what was seen holds for as long as a burst may last.
    pub fn observe(&mut self, window: &Window) -> bool {
        self.seen
            .retain(|_, seen| window.end.since(seen.last) <= BURST_NS);
        for (pair, call) in tries_inside(window) {
            let seen = self.seen.entry(pair).or_insert_with(|| Sightings {
                last: window.end,
                nr: 0,
                by: BTreeSet::new(),
            });
            seen.last = window.end;
            seen.nr += 1;
            if seen.by.len() < NR_FOLLOWED {
                seen.by.insert(call.task.pid);
            }
        }
        self.seen.iter().any(|(&(held, wanted), there)| {
            let back = self.seen.get(&(wanted, held));
            back.is_some_and(|back| {
                let nr = there.nr.min(back.nr);
                nr >= MIN_CHAIN_SIGHTINGS && there.by.union(&back.by).count() >= 2
            })
        })
    }
}

fn tries_inside(window: &Window) -> Vec<Inside<'_>> {
    let mut found = Vec::new();
    let mut threads: BTreeMap<(Pid, Option<CpuId>), Vec<Held>> = BTreeMap::new();
    for call in &window.lock_calls {
        let pid = call.task.pid;
        // Idle tasks share a thread id.
        let thread = (pid, (pid.0 == 0).then_some(call.cpu));
        let held = threads.entry(thread).or_default();
        match call.kind {
            LockCallKind::Lock => take(held, call.lock),
            LockCallKind::Trylock => {
                for each in held.iter_mut().filter(|each| each.lock != call.lock) {
                    if each.tried.len() < NR_FOLLOWED {
                        each.tried.push(call.lock);
                    }
                }
            }
            LockCallKind::Unlock => {
                if let Some(at) = held.iter().position(|each| each.lock == call.lock) {
                    let Held { lock, tried } = held.swap_remove(at);
                    found.extend(tried.into_iter().map(|wanted| ((lock, wanted), call)));
                }
            }
        }
    }
    found
}

fn take(held: &mut Vec<Held>, lock: LockAddr) {
    // Taken twice, it was let go unseen in between.
    held.retain(|each| each.lock != lock);
    if held.len() < NR_FOLLOWED {
        held.push(Held {
            lock,
            tried: Vec::new(),
        });
    }
}

#[cfg(test)]
mod tests {
    use LockCallKind::{Lock, Trylock, Unlock};

    use super::*;
    use crate::event::{Event, TaskRef};
    use crate::ids::{MonotonicNs, Tgid};
    use crate::locks::chains;
    use crate::recording::NameTable;
    use crate::window::WindowBuilder;

    /// Thread, what it did, with which lock; in this order.
    fn links(calls: &[(u32, LockCallKind, u64)]) -> Vec<((u64, u64), u64)> {
        let tally = tally(calls);
        let links = tally.links.iter();
        links
            .map(|((held, wanted), link)| ((held.0, wanted.0), link.nr_tries))
            .collect()
    }

    fn tally(calls: &[(u32, LockCallKind, u64)]) -> LocksTally {
        let mut tally = LocksTally::default();
        link_tries(&mut tally, &window(calls, 1000));
        tally
    }

    fn window(calls: &[(u32, LockCallKind, u64)], end_ns: u64) -> Window {
        let mut builder = WindowBuilder::new(4);
        for (i, &(pid, kind, lock)) in calls.iter().enumerate() {
            builder.fold(Event::LockCall(LockCallEvent {
                kind,
                lock: LockAddr(lock),
                at: MonotonicNs(100 + i as u64),
                cpu: CpuId(pid),
                task: TaskRef {
                    pid: Pid(pid),
                    tgid: Tgid(pid),
                    comm: Some("walker".to_owned()),
                },
            }));
        }
        builder.close(MonotonicNs(0), MonotonicNs(end_ns))
    }

    #[test]
    fn a_try_inside_a_hold_is_a_link() {
        assert_eq!(
            links(&[(1, Lock, 10), (1, Trylock, 20), (1, Unlock, 10)]),
            [((10, 20), 1)]
        );
    }

    #[test]
    fn the_end_of_the_hold_must_be_seen() {
        assert_eq!(links(&[(1, Lock, 10), (1, Trylock, 20)]), []);
        let taken_again = [
            (1, Lock, 10),
            (1, Trylock, 20),
            (1, Lock, 10),
            (1, Unlock, 10),
        ];
        assert_eq!(links(&taken_again), []);
    }

    #[test]
    fn what_others_do_and_what_comes_after_is_no_link() {
        let others = [(1, Lock, 10), (2, Trylock, 20), (1, Unlock, 10)];
        assert_eq!(links(&others), []);
        let after = [
            (1, Lock, 10),
            (1, Unlock, 10),
            (1, Trylock, 20),
            (1, Unlock, 10),
        ];
        assert_eq!(links(&after), []);
        let itself = [(1, Lock, 10), (1, Trylock, 10), (1, Unlock, 10)];
        assert_eq!(links(&itself), []);
    }

    #[test]
    fn two_in_a_hallway_are_a_cycle() {
        let mut calls = Vec::new();
        for _ in 0..2 {
            calls.extend([
                (1, Lock, 10),
                (2, Lock, 20),
                (1, Trylock, 20),
                (2, Trylock, 10),
            ]);
            calls.extend([(1, Unlock, 10), (2, Unlock, 20)]);
        }
        let told = chains(&tally(&calls), &NameTable::default());
        assert_eq!(told.len(), 1);
        assert!(told[0].is_cycle);
        assert_eq!(told[0].links.len(), 2);
        let by = told[0].links[0].held_by.as_ref().map(|task| task.pid);
        assert_eq!(by, Some(Pid(1)));
    }

    #[test]
    fn tries_that_cross_hold_for_a_while() {
        let twice = |pid, held, wanted| {
            let once = [
                (pid, Lock, held),
                (pid, Trylock, wanted),
                (pid, Unlock, held),
            ];
            [once, once].concat()
        };
        let (left, right) = (twice(1, 10, 20), twice(2, 20, 10));
        let mut tries = CrossedTries::default();
        assert!(!tries.observe(&window(&left, 1000)));
        assert!(!tries.observe(&window(&left, 2000)), "one way only");
        assert!(tries.observe(&window(&right, 3000)));
        assert!(tries.observe(&window(&[], 2000 + BURST_NS)));
        assert!(!tries.observe(&window(&[], 2001 + BURST_NS)));
        // Once may be a mistake, and one thread alone does not undo its own work.
        let once = [&left[..], &right[..3]].concat();
        assert!(!CrossedTries::default().observe(&window(&once, 1000)));
        let alone = [left, twice(1, 20, 10)].concat();
        assert!(!CrossedTries::default().observe(&window(&alone, 1000)));
    }
}
