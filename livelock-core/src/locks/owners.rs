//! WordOwners of sleeping locks, by the owner words that waiters read as they began to wait.
//!
//! In: sampled stacks, samples. Out: [`WordOwners`]: who had the lock, and whether they ran. Refuses: more than [`NR_OWNERS_KEPT`]
//! owners of a lock, and to say what ran in an owner's place where no sample is near.
//!
//! Waits begin without regard to who holds, so that each owner is found as often as it holds while somebody comes.

use std::collections::BTreeMap;

use super::path::{Task, bounded_entry};
use crate::event::{LockOwner, OwnerTask, SampleEvent, StackEvent};
use crate::holder_report::Hindrance;
use crate::ids::{CpuId, MonotonicNs, Pid};
use crate::thresholds::{NEAR_SAMPLE_NS, NR_OWNERS_KEPT};

/// One owner.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Owner {
    /// Begins of waits that found it, those that they stand for included.
    pub(super) weight: u64,
    /// Begins that found it.
    pub(super) nr: u64,
    /// Of those that tell, how many found it running.
    pub(super) nr_running: u64,
    /// And how many did not, by what ran instead.
    pub(super) hindered: BTreeMap<(Hindrance, Option<String>), u64>,
}

impl Owner {
    fn merge(&mut self, later: &Self) {
        self.weight += later.weight;
        self.nr += later.nr;
        self.nr_running += later.nr_running;
        for (why, nr) in &later.hindered {
            *self.hindered.entry(why.clone()).or_default() += nr;
        }
    }
}

/// The owners of one lock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WordOwners {
    by_task: BTreeMap<Task, Owner>,
}

/// Who ran on each CPU, by time.
pub(super) type Ran<'w> = BTreeMap<CpuId, Vec<(MonotonicNs, Pid, Option<&'w str>)>>;

/// Who ran on each CPU by `samples`, which are in the order of time.
pub(super) fn ran(samples: &[SampleEvent]) -> Ran<'_> {
    let mut ran = Ran::new();
    for sample in samples {
        let seen = (sample.taken, sample.task.pid, sample.task.comm.as_deref());
        ran.entry(sample.cpu).or_default().push(seen);
    }
    ran
}

impl WordOwners {
    /// Takes what the waiter of `stack` found.
    pub(super) fn see(&mut self, stack: &StackEvent, ran: &Ran<'_>) {
        let Some(LockOwner::Task(owner)) = &stack.owner else {
            return;
        };
        let task = Task::new(&owner.task, None);
        let hindrance = hindrance(owner);
        self.update(&task, |mine| {
            mine.weight += u64::from(stack.weight);
            mine.nr += 1;
            mine.nr_running += u64::from(owner.is_on_cpu == Some(true));
            if let Some(why) = hindrance {
                // What runs while somebody sleeps keeps nobody from running.
                let instead = match why {
                    Hindrance::Preempted => instead(owner, stack.taken, ran),
                    _ => None,
                };
                *mine.hindered.entry((why, instead)).or_default() += 1;
            }
        });
    }

    /// Adds what was found later.
    pub(super) fn merge(&mut self, later: &Self) {
        for (task, owner) in &later.by_task {
            self.update(task, |mine| mine.merge(owner));
        }
    }

    /// WordOwners with what was found of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Task, &Owner)> {
        self.by_task.iter()
    }

    fn update(&mut self, task: &Task, change: impl FnOnce(&mut Owner)) {
        let rank = |owner: &Owner| owner.weight;
        bounded_entry(&mut self.by_task, task, NR_OWNERS_KEPT, rank, change);
    }
}

/// Why `owner` did not run; `None` if it did, or if that is not known.
fn hindrance(owner: &OwnerTask) -> Option<Hindrance> {
    if owner.is_on_cpu? {
        return None;
    }
    Some(if owner.wants_to_run? {
        Hindrance::Preempted
    } else {
        Hindrance::Asleep
    })
}

/// Who was sampled on the owner's CPU next to `at`.
fn instead(owner: &OwnerTask, at: MonotonicNs, ran: &Ran<'_>) -> Option<String> {
    let seen = ran.get(&owner.cpu?)?;
    let after = seen.partition_point(|(taken, ..)| *taken < at);
    let near = |sample: &&(MonotonicNs, Pid, Option<&str>)| {
        let (taken, pid, _) = sample;
        taken.since(at).max(at.since(*taken)) <= NEAR_SAMPLE_NS && *pid != owner.task.pid
    };
    let before = after.checked_sub(1).and_then(|before| seen.get(before));
    let nearest = [seen.get(after), before];
    let (_, _, comm) = nearest.into_iter().flatten().find(near)?;
    comm.map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{LockKind, TaskRef};
    use crate::ids::{CgroupId, LockAddr, StackId, Tgid};

    fn stack(is_on_cpu: bool, wants_to_run: bool, at_ns: u64) -> StackEvent {
        StackEvent {
            id: StackId {
                cpu: CpuId(0),
                number: 1,
            },
            weight: 10,
            taken: MonotonicNs(at_ns),
            lock: LockAddr(1),
            kind: LockKind::Mutex,
            task: TaskRef {
                pid: Pid(1),
                tgid: Tgid(1),
                comm: None,
            },
            cgroup: CgroupId(1),
            place: None,
            owner: Some(LockOwner::Task(OwnerTask {
                task: TaskRef {
                    pid: Pid(7),
                    tgid: Tgid(7),
                    comm: None,
                },
                is_on_cpu: Some(is_on_cpu),
                wants_to_run: Some(wants_to_run),
                cpu: Some(CpuId(3)),
            })),
            user_frames: Vec::new(),
            frames: Vec::new(),
        }
    }

    #[test]
    fn an_owner_that_does_not_run_is_told_with_what_ran() {
        let hog = (MonotonicNs(1_000_000), Pid(9), Some("hog"));
        let ran = Ran::from([(CpuId(3), vec![hog])]);
        let mut owners = WordOwners::default();
        owners.see(&stack(true, true, 900_000), &ran);
        owners.see(&stack(false, true, 1_100_000), &ran);
        owners.see(&stack(false, true, 1_000_000_000), &ran);
        owners.see(&stack(false, false, 1_000_000), &ran);
        let mut later = WordOwners::default();
        later.merge(&owners);
        let (task, owner) = later.iter().next().unwrap();
        assert_eq!(task.pid, Pid(7));
        assert_eq!((owner.nr, owner.weight, owner.nr_running), (4, 40, 1));
        let hindered: Vec<_> = owner
            .hindered
            .iter()
            .map(|(why, nr)| (why.clone(), *nr))
            .collect();
        assert_eq!(
            hindered,
            [
                ((Hindrance::Preempted, None), 1),
                ((Hindrance::Preempted, Some("hog".to_owned())), 1),
                ((Hindrance::Asleep, None), 1),
            ]
        );
    }
}
