//! Names of the recorded host.
//!
//! In: what somebody could name while recording. Out: [`Names`], also where that host is not. Refuses: guessing; what
//! nobody named stays unknown, and more than [`MAX_NAMES`] of a kind.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::event::{Event, ObjectPlace};
use crate::ids::{CgroupId, CodeAddr, LockAddr, Tgid};
use crate::locks::called;
use crate::names::{FunctionName, KernelObject, Names, UserFunction, user_look_up};

/// Names kept of each kind. Call sites on the paths of one host are a few thousand; cgroups come and go.
const MAX_NAMES: usize = 65_536;

/// Locks a window that are asked whose they are; who is asked reads the kernel's memory for it.
const MAX_INSTANCES_ASKED: usize = 256;

/// Names in the order in which they were learned.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewNames {
    /// Kernel functions.
    pub functions: Vec<(CodeAddr, FunctionName)>,
    /// Code of processes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub user_functions: Vec<((Tgid, CodeAddr), UserFunction)>,
    /// Kernel data.
    pub data_symbols: Vec<(LockAddr, String)>,
    /// Objects of the kernel.
    #[serde(default)]
    pub objects: Vec<(LockAddr, KernelObject)>,
    /// Whose locks are, by their addresses and what they are called by who acquires them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub instances: Vec<((LockAddr, String), String)>,
    /// Members of structures.
    pub members: Vec<(ObjectPlace, String)>,
    /// Paths of cgroups.
    pub cgroup_paths: Vec<(CgroupId, String)>,
}

impl NewNames {
    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.functions.is_empty()
            && self.user_functions.is_empty()
            && self.data_symbols.is_empty()
            && self.objects.is_empty()
            && self.instances.is_empty()
            && self.members.is_empty()
            && self.cgroup_paths.is_empty()
    }
}

/// The names that a recording holds so far. A live session that records judges by them too, so that its verdict is
/// the one of a replay.
#[derive(Clone, Debug, Default)]
pub struct NameTable {
    functions: BTreeMap<CodeAddr, FunctionName>,
    user_functions: BTreeMap<(Tgid, CodeAddr), UserFunction>,
    data_symbols: BTreeMap<LockAddr, String>,
    objects: BTreeMap<LockAddr, KernelObject>,
    instances: BTreeMap<(LockAddr, String), String>,
    members: BTreeMap<ObjectPlace, String>,
    cgroup_paths: BTreeMap<CgroupId, String>,
    /// User code that nobody could name when its window closed. Debug information takes long to read.
    unnamed: BTreeSet<(Tgid, CodeAddr)>,
}

impl NameTable {
    /// Takes names.
    pub fn learn(&mut self, new: &NewNames) {
        insert(&mut self.functions, &new.functions);
        insert(&mut self.user_functions, &new.user_functions);
        insert(&mut self.data_symbols, &new.data_symbols);
        insert(&mut self.objects, &new.objects);
        insert(&mut self.instances, &new.instances);
        insert(&mut self.members, &new.members);
        insert(&mut self.cgroup_paths, &new.cgroup_paths);
    }

    /// All of them.
    #[must_use]
    pub fn all(&self) -> NewNames {
        NewNames {
            functions: pairs(&self.functions),
            user_functions: pairs(&self.user_functions),
            data_symbols: pairs(&self.data_symbols),
            objects: pairs(&self.objects),
            instances: pairs(&self.instances),
            members: pairs(&self.members),
            cgroup_paths: pairs(&self.cgroup_paths),
        }
    }

    /// Asks `names` for whatever a judge of `events` may want to name, and learns it.
    pub fn resolve(&mut self, events: &[Event], names: &dyn Names) -> NewNames {
        let mut frames = BTreeSet::new();
        let mut user_frames = BTreeSet::new();
        let mut locks = BTreeSet::new();
        let mut places = BTreeSet::new();
        let mut cgroups = BTreeSet::new();
        for event in events {
            match event {
                Event::Stack(stack) => {
                    frames.extend(&stack.frames);
                    let process = stack.task.tgid;
                    let user = stack.user_frames.iter().enumerate();
                    user_frames.extend(user.map(|(i, &addr)| (process, user_look_up(i, addr))));
                    locks.insert(stack.lock);
                    places.extend(stack.place);
                    cgroups.insert(stack.cgroup);
                }
                Event::Sample(sample) => frames.extend(&sample.frames),
                Event::LockTotals(totals) => locks.extend(totals.lock),
                Event::Wait(wait) => drop(locks.insert(wait.lock)),
                Event::Release(release) => {
                    locks.insert(release.lock);
                    frames.extend(release.taken_at);
                }
                Event::LockCall(call) => drop(locks.insert(call.lock)),
                Event::InFlight(wait) => drop(locks.insert(wait.lock)),
                Event::Unfolded(wait) => drop(locks.insert(wait.lock)),
                _ => {}
            }
        }
        let mut asked = user_frames.clone();
        let new = NewNames {
            functions: ask(frames, &self.functions, |addr| names.function(addr)),
            user_functions: ask(user_frames, &self.user_functions, |(process, addr)| {
                names.user_function(process, addr)
            }),
            objects: ask(locks.clone(), &self.objects, |addr| names.object(addr)),
            instances: self.changed_instances(events, names),
            data_symbols: ask(locks, &self.data_symbols, |addr| names.data_symbol(addr)),
            members: ask(places, &self.members, |place| names.member(place)),
            cgroup_paths: ask(cgroups, &self.cgroup_paths, |id| names.cgroup_path(id)),
        };
        self.learn(&new);
        let named = &self.user_functions;
        asked.retain(|place| !named.contains_key(place));
        if self.unnamed.len() + asked.len() > MAX_NAMES {
            self.unnamed.clear();
        }
        self.unnamed.append(&mut asked);
        new
    }

    /// Whose locks are, where that is not what is known.
    fn changed_instances(
        &self,
        events: &[Event],
        names: &dyn Names,
    ) -> Vec<((LockAddr, String), String)> {
        let stacks = events.iter().filter_map(|event| match event {
            Event::Stack(stack) => Some(stack),
            _ => None,
        });
        let asked = called(stacks, names).into_iter().take(MAX_INSTANCES_ASKED);
        let owned = asked.filter_map(|(addr, name)| {
            let owner = names.instance(&name, addr)?;
            Some(((addr, name), owner))
        });
        owned
            .filter(|(key, owner)| self.instances.get(key) != Some(owner))
            .collect()
    }

    /// Asks again for user code that had no name in time, once, at the end.
    pub fn resolve_late(&mut self, names: &dyn Names) -> NewNames {
        let unnamed = std::mem::take(&mut self.unnamed);
        let new = NewNames {
            user_functions: ask(unnamed, &self.user_functions, |(process, addr)| {
                names.user_function(process, addr)
            }),
            ..NewNames::default()
        };
        self.learn(&new);
        new
    }
}

impl Names for NameTable {
    fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
        self.functions.get(&addr).cloned()
    }

    fn user_function(&self, process: Tgid, addr: CodeAddr) -> Option<UserFunction> {
        self.user_functions.get(&(process, addr)).cloned()
    }

    fn data_symbol(&self, addr: LockAddr) -> Option<String> {
        self.data_symbols.get(&addr).cloned()
    }

    fn object(&self, addr: LockAddr) -> Option<KernelObject> {
        self.objects.get(&addr).cloned()
    }

    fn instance(&self, lock: &str, addr: LockAddr) -> Option<String> {
        self.instances.get(&(addr, lock.to_owned())).cloned()
    }

    fn member(&self, place: ObjectPlace) -> Option<String> {
        self.members.get(&place).cloned()
    }

    fn cgroup_path(&self, cgroup: CgroupId) -> Option<String> {
        self.cgroup_paths.get(&cgroup).cloned()
    }
}

/// Answers to the questions that are not answered yet.
fn ask<K: Ord + Copy, V>(
    keys: BTreeSet<K>,
    known: &BTreeMap<K, V>,
    answer: impl Fn(K) -> Option<V>,
) -> Vec<(K, V)> {
    let unknown = keys.into_iter().filter(|key| !known.contains_key(key));
    unknown
        .filter_map(|key| Some((key, answer(key)?)))
        .collect()
}

/// One by one, so that a reader forgets at the same name as the writer did.
fn insert<K: Ord + Clone, V: Clone>(known: &mut BTreeMap<K, V>, new: &[(K, V)]) {
    for (key, value) in new {
        if known.len() >= MAX_NAMES && !known.contains_key(key) {
            known.clear();
        }
        known.insert(key.clone(), value.clone());
    }
}

fn pairs<K: Clone, V: Clone>(known: &BTreeMap<K, V>) -> Vec<(K, V)> {
    known.iter().map(|(k, v)| (k.clone(), v.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::locks::waits_at;

    /// A host whose functions are named by their addresses, and whose locks are all of one owner.
    struct Host(Cell<&'static str>);

    impl Names for Host {
        fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
            let name = *["_raw_spin_lock", "iput", "igrab"].get(addr.0 as usize)?;
            Some(FunctionName {
                name: name.to_owned(),
                offset_bytes: 1,
            })
        }
        fn data_symbol(&self, _: LockAddr) -> Option<String> {
            None
        }
        fn instance(&self, lock: &str, _: LockAddr) -> Option<String> {
            (lock == "inode.i_lock").then(|| self.0.get().to_owned())
        }
        fn member(&self, _: ObjectPlace) -> Option<String> {
            None
        }
        fn cgroup_path(&self, _: CgroupId) -> Option<String> {
            None
        }
    }

    #[test]
    fn whose_a_lock_is_stays_known_and_follows_the_host() {
        let host = Host(Cell::new("/a"));
        let mut table = NameTable::default();
        let waits = [1, 2].map(|function| Event::Stack(waits_at(7, &[0, function])));
        let resolve = |table: &mut NameTable| table.resolve(&waits, &host);
        let told = |table: &NameTable| table.instance("inode.i_lock", LockAddr(7));
        assert_eq!(resolve(&mut table).instances.len(), 1);
        assert_eq!(told(&table).as_deref(), Some("/a"));
        assert_eq!(resolve(&mut table).instances, [], "told once");
        host.0.set("/b");
        assert_eq!(resolve(&mut table).instances.len(), 1);
        assert_eq!(told(&table).as_deref(), Some("/b"));
        assert_eq!(table.instance("inode.i_rwsem", LockAddr(7)), None);
        let mut replayed = NameTable::default();
        replayed.learn(&table.all());
        assert_eq!(told(&replayed).as_deref(), Some("/b"));
    }
}
