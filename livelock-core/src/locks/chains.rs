//! Who waits for whom through several locks.
//!
//! In: what holders of locks were seen to want meanwhile. Out: [`WaitChain`]s. Refuses: to join what was not seen to belong
//! together: a link is a task that had one lock and, in that hold, waited or tried for another.

use std::collections::{BTreeMap, BTreeSet};

use super::name::name_lock;
use super::path::{Task, bounded_entry};
use super::tally::{LockTally, LocksTally};
use crate::event::LockKind;
use crate::holder_report::{ChainLink, ChainTask, WaitChain, Want, WantKind};
use crate::ids::{CodeAddr, LockAddr};
use crate::names::Names;
use crate::thresholds::{MIN_CHAIN_SIGHTINGS, NR_CHAINS_REPORTED, NR_LINKS_KEPT, NR_TASKS_KEPT};

/// From the lock that a task had to the one that it wanted.
pub(super) type Pair = (LockAddr, LockAddr);

/// What was seen of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Link {
    /// Waits for the second lock by holders of the first.
    pub(super) nr_waits: u64,
    /// Their time.
    pub(super) wait_ns: u64,
    /// Tries for the second lock, each of them seen between the call that took the first and the one that let it go.
    pub(super) nr_tries: u64,
    /// Samples of holders of the first with the second for an argument, by where they were.
    pub(super) sampled_at: BTreeMap<CodeAddr, u64>,
    /// Age of the oldest such wait that is still open.
    pub(super) oldest_open_ns: Option<u64>,
    /// Who.
    pub(super) tasks: BTreeMap<Task, u64>,
}

impl Link {
    fn merge(&mut self, later: &Self) {
        self.nr_waits += later.nr_waits;
        self.wait_ns = self.wait_ns.saturating_add(later.wait_ns);
        self.nr_tries += later.nr_tries;
        for (at, nr) in &later.sampled_at {
            *self.sampled_at.entry(*at).or_default() += nr;
        }
        self.oldest_open_ns = later.oldest_open_ns;
        for (task, nr) in &later.tasks {
            self.count(task, *nr);
        }
    }

    /// Counts `nr` sightings of `task`.
    pub(super) fn count(&mut self, task: &Task, nr: u64) {
        bounded_entry(
            &mut self.tasks,
            task,
            NR_TASKS_KEPT,
            |mine| *mine,
            |mine| *mine += nr,
        );
    }
}

/// Links by their locks, the lightest dropped beyond [`NR_LINKS_KEPT`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Links {
    by_pair: BTreeMap<Pair, Link>,
}

impl Links {
    /// Changes the link of `pair`.
    pub(super) fn update(&mut self, pair: Pair, change: impl FnOnce(&mut Link)) {
        let rank = |link: &Link| (link.wait_ns, link.nr_waits + link.nr_tries);
        bounded_entry(&mut self.by_pair, &pair, NR_LINKS_KEPT, rank, change);
    }

    /// Links by the locks that were held and wanted.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Pair, &Link)> {
        self.by_pair.iter()
    }

    /// Adds what was seen later; waits that are no longer open are not.
    pub(super) fn merge(&mut self, later: &Self) {
        for link in self.by_pair.values_mut() {
            link.oldest_open_ns = None;
        }
        for (pair, theirs) in &later.by_pair {
            self.update(*pair, |mine| mine.merge(theirs));
        }
    }
}

/// A link as it is told.
struct Told<'a> {
    link: &'a Link,
    want: Want,
}

/// The chains of a span: waits that do not end first, then cycles, then by time.
#[must_use]
pub fn chains(locks: &LocksTally, names: &dyn Names) -> Vec<WaitChain> {
    let told: BTreeMap<Pair, Told<'_>> = locks
        .links
        .iter()
        .filter_map(|(pair, link)| {
            let held = locks.get(Some(pair.0));
            let want = match held.is_some_and(LockTally::is_handover_slow) {
                true => watched(link)?,
                false => want(link, names)?,
            };
            Some((*pair, Told { link, want }))
        })
        .collect();
    let mut found = Vec::new();
    let mut used = BTreeSet::new();
    for &pair in told.keys() {
        if used.contains(&pair) {
            continue;
        }
        if let Some(cycle) = cycle_from(pair, &told) {
            used.extend(cycle.iter().copied());
            found.push(chain(&cycle, true, &told, locks, names));
        }
    }
    let mut rest: Vec<Pair> = told
        .keys()
        .copied()
        .filter(|pair| !used.contains(pair))
        .collect();
    // Begin where nobody is known to wait for the first lock while holding another.
    rest.sort_by_key(|(held, _)| told.keys().any(|(_, wanted)| wanted == held));
    for pair in rest {
        if used.insert(pair) {
            let path = path_from(pair, &told, &mut used);
            found.push(chain(&path, false, &told, locks, names));
        }
    }
    found.sort_by_key(|chain| {
        let open_ns = chain.oldest_open_ns.unwrap_or(0);
        std::cmp::Reverse((open_ns, chain.is_cycle, chain.wait_ns))
    });
    found.truncate(NR_CHAINS_REPORTED);
    found
}

/// What is known where nobody knows until when the first lock was held: the tries that were watched inside of it.
fn watched(link: &Link) -> Option<Want> {
    (link.nr_tries >= MIN_CHAIN_SIGHTINGS).then_some(Want {
        kind: WantKind::Tries,
        nr: link.nr_tries,
        wait_ns: 0,
    })
}

/// How the second lock was wanted; `None` if too little was seen to say so.
fn want(link: &Link, names: &dyn Names) -> Option<Want> {
    let mut nr_tries = link.nr_tries;
    let mut nr_inside = 0;
    for (at, nr) in &link.sampled_at {
        match names.function(*at) {
            Some(function) if function.name.contains("trylock") => nr_tries += nr,
            Some(function) if function.name.contains("lock") => nr_inside += nr,
            _ => {}
        }
    }
    let enough = |nr: u64| nr >= MIN_CHAIN_SIGHTINGS;
    let (kind, nr) = if enough(link.nr_waits) || link.oldest_open_ns.is_some() {
        (WantKind::Waits, link.nr_waits.max(1))
    } else if enough(nr_tries) {
        (WantKind::Tries, nr_tries)
    } else if enough(nr_tries + nr_inside + link.nr_waits) {
        (WantKind::Takes, nr_tries + nr_inside + link.nr_waits)
    } else {
        return None;
    };
    Some(Want {
        kind,
        nr,
        wait_ns: link.wait_ns,
    })
}

/// The shortest way from the wanted lock of `pair` back to the one held.
fn cycle_from(pair: Pair, told: &BTreeMap<Pair, Told<'_>>) -> Option<Vec<Pair>> {
    let mut ways = vec![vec![pair]];
    let mut visited = BTreeSet::from([pair.1]);
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in &ways {
            let end = way.last()?.1;
            if end == pair.0 {
                return Some(way.clone());
            }
            for &next in told.keys().filter(|(held, _)| *held == end) {
                if next.1 == pair.0 || visited.insert(next.1) {
                    longer.push(way.iter().copied().chain([next]).collect());
                }
            }
        }
        ways = longer;
    }
    None
}

/// From link to heaviest link, until nothing goes on.
fn path_from(pair: Pair, told: &BTreeMap<Pair, Told<'_>>, used: &mut BTreeSet<Pair>) -> Vec<Pair> {
    let mut path = vec![pair];
    let mut end = pair.1;
    loop {
        let next = told
            .iter()
            .filter(|((held, _), _)| *held == end)
            .max_by_key(|(_, told)| told.want.wait_ns)
            .map(|(pair, _)| *pair);
        match next {
            Some(next) if used.insert(next) => {
                path.push(next);
                end = next.1;
            }
            _ => return path,
        }
    }
}

fn chain(
    pairs: &[Pair],
    is_cycle: bool,
    told: &BTreeMap<Pair, Told<'_>>,
    locks: &LocksTally,
    names: &dyn Names,
) -> WaitChain {
    let mut links: Vec<ChainLink> = Vec::new();
    let mut wait_ns = 0_u64;
    let mut oldest_open_ns = None;
    for pair in pairs {
        let Some(told) = told.get(pair) else { continue };
        wait_ns = wait_ns.saturating_add(told.want.wait_ns);
        if told.want.kind != WantKind::Tries {
            oldest_open_ns = oldest_open_ns.max(told.link.oldest_open_ns);
        }
        links.push(ChainLink {
            lock: name(pair.0, locks, names),
            addr: pair.0.to_string(),
            held_by: commonest(&told.link.tasks),
            wants: Some(told.want.clone()),
        });
    }
    if let Some((_, last)) = pairs.last().filter(|_| !is_cycle) {
        links.push(ChainLink {
            lock: name(*last, locks, names),
            addr: last.to_string(),
            held_by: locks
                .get(Some(*last))
                .and_then(|lock| lock.commonest_holder()),
            wants: None,
        });
    }
    WaitChain {
        is_cycle,
        wait_ns,
        oldest_open_ns,
        links,
    }
}

fn name(lock: LockAddr, locks: &LocksTally, names: &dyn Names) -> String {
    let never_waited_for = LockTally::empty(LockKind::Unknown);
    let tally = locks.get(Some(lock)).unwrap_or(&never_waited_for);
    name_lock(Some(lock), tally, names).name
}

pub(super) fn commonest(tasks: &BTreeMap<Task, u64>) -> Option<ChainTask> {
    let (task, _) = tasks.iter().max_by_key(|(_, nr)| **nr)?;
    Some(ChainTask {
        comm: task.comm.clone(),
        pid: task.pid,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{Pid, Tgid};
    use crate::recording::NameTable;

    fn task(pid: u32) -> Task {
        Task {
            pid: Pid(pid),
            tgid: Tgid(pid),
            comm: None,
            cgroup: None,
        }
    }

    /// Links that were waited for, with their time.
    fn told(pairs: &[(u64, u64, u64)]) -> Vec<(bool, Vec<String>)> {
        let mut locks = LocksTally::default();
        for &(held, wanted, wait_ns) in pairs {
            locks
                .links
                .update((LockAddr(held), LockAddr(wanted)), |link| {
                    link.nr_waits += MIN_CHAIN_SIGHTINGS;
                    link.wait_ns += wait_ns;
                    link.count(&task(held as u32), 1);
                });
        }
        chains(&locks, &NameTable::default())
            .into_iter()
            .map(|chain| {
                let links = chain.links.into_iter().map(|link| link.addr).collect();
                (chain.is_cycle, links)
            })
            .collect()
    }

    fn addrs(of: &[u64]) -> Vec<String> {
        of.iter().map(|&addr| LockAddr(addr).to_string()).collect()
    }

    #[test]
    fn two_that_want_each_others_lock_are_a_cycle() {
        let cycle = (true, addrs(&[1, 2]));
        let found = told(&[(1, 2, 50), (2, 1, 60)]);
        assert_eq!(found, std::slice::from_ref(&cycle));
        // What leads into it is a chain of its own.
        let into = (false, addrs(&[7, 1]));
        assert_eq!(told(&[(1, 2, 50), (2, 1, 60), (7, 1, 999)]), [cycle, into]);
    }

    #[test]
    fn a_chain_goes_on_through_the_heaviest_link() {
        assert_eq!(
            told(&[(1, 2, 50), (2, 3, 60), (2, 4, 10)]),
            [(false, addrs(&[1, 2, 3])), (false, addrs(&[2, 4]))]
        );
        assert_eq!(
            told(&[(1, 2, 1), (2, 3, 1), (3, 1, 1)]),
            [(true, addrs(&[1, 2, 3]))]
        );
    }

    #[test]
    fn a_link_seen_too_seldom_is_none() {
        let mut locks = LocksTally::default();
        locks
            .links
            .update((LockAddr(1), LockAddr(2)), |link| link.nr_waits = 1);
        assert_eq!(chains(&locks, &NameTable::default()), []);
        locks.links.update((LockAddr(1), LockAddr(2)), |link| {
            link.oldest_open_ns = Some(9)
        });
        assert_eq!(chains(&locks, &NameTable::default()).len(), 1);
    }

    #[test]
    fn where_hand_over_is_slow_nobody_knows_what_was_held() {
        let mut locks = LocksTally::default();
        let pair = (LockAddr(1), LockAddr(2));
        let seen = MIN_CHAIN_SIGHTINGS;
        locks.links.update(pair, |link| link.nr_waits = seen);
        let held = LockTally {
            gap_ns: 100,
            held_ns: 99,
            ..LockTally::empty(LockKind::Spinlock)
        };
        locks.by_lock.insert(Some(pair.0), held.clone());
        assert_eq!(chains(&locks, &NameTable::default()).len(), 1);
        let slow = LockTally {
            held_ns: 80,
            ..held
        };
        locks.by_lock.insert(Some(pair.0), slow);
        assert_eq!(chains(&locks, &NameTable::default()), []);
        // But for tries that were watched in its holds.
        locks.links.update(pair, |link| link.nr_tries = seen);
        let told = chains(&locks, &NameTable::default());
        let want = told[0].links[0]
            .wants
            .as_ref()
            .map(|want| (want.kind, want.nr));
        assert_eq!(want, Some((WantKind::Tries, seen)));
    }
}
