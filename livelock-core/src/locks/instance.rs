//! Whose lock it is.
//!
//! In: the tasks that waited for a lock in a structure of theirs. Out: a phrase for a human. Refuses: a process for a
//! lock that lies elsewhere; who waits for it does not own it.

use std::collections::BTreeMap;

use super::tally::LockTally;
use crate::event::{ObjectKind, ObjectPlace, StackEvent};
use crate::ids::{Pid, Tgid};
use crate::thresholds::NR_TASKS_KEPT;

/// A task, or a process, whose structure has the lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// The structure of one thread.
    Task(Pid),
    /// One that the threads of a process share.
    Process(Tgid),
}

/// How often an owner was seen, with the name of its own thread or else of the first one seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    nr: u64,
    comm: Option<String>,
    has_own_comm: bool,
}

impl Seen {
    pub(super) fn merge(&mut self, other: &Self) {
        self.nr += other.nr;
        if self.comm.is_none() || (other.has_own_comm && !self.has_own_comm) {
            self.comm.clone_from(&other.comm);
            self.has_own_comm = other.has_own_comm;
        }
    }
}

/// Owners, the first [`NR_TASKS_KEPT`] that were seen.
pub(super) type Owners = BTreeMap<Owner, Seen>;

/// Counts the task of `stack`, whose lock is at `place`.
pub(super) fn count(owners: &mut Owners, place: ObjectPlace, stack: &StackEvent) {
    let task = &stack.task;
    let owner = match place.object {
        ObjectKind::TaskStruct => Owner::Task(task.pid),
        _ => Owner::Process(task.tgid),
    };
    let seen = Seen {
        nr: u64::from(stack.weight),
        comm: task.comm.clone(),
        has_own_comm: task.pid.0 == task.tgid.0,
    };
    merge(owners, owner, &seen);
}

/// Adds what was seen of an owner.
pub(super) fn merge(owners: &mut Owners, owner: Owner, seen: &Seen) {
    if owners.len() < NR_TASKS_KEPT || owners.contains_key(&owner) {
        owners.entry(owner).or_default().merge(seen);
    }
}

/// Whose structure it is that has the lock at `place`.
pub(super) fn owner(tally: &LockTally, place: ObjectPlace) -> Option<String> {
    let is_of_task = place.object == ObjectKind::TaskStruct;
    let fits = |owner: &Owner| matches!(owner, Owner::Task(_)) == is_of_task;
    let owners = || tally.owners.iter().filter(|(owner, _)| fits(owner));
    let (owner, seen) = owners().max_by_key(|(_, seen)| seen.nr)?;
    let (what, id) = match owner {
        Owner::Task(pid) => ("task", pid.0),
        Owner::Process(tgid) => ("process", tgid.0),
    };
    let whose = match place.object {
        ObjectKind::ParentSighand | ObjectKind::ParentSignal => "the parent of ",
        ObjectKind::TtyStruct => "the terminal of ",
        ObjectKind::IpcNamespace | ObjectKind::Net => "the namespace of ",
        _ => "",
    };
    let comm = seen.comm.as_deref().unwrap_or("unknown");
    Some(match owners().count() - 1 {
        0 => format!("{whose}{what} {id} ({comm})"),
        nr => format!("{whose}{what} {id} ({comm}) and {nr} more"),
    })
}
