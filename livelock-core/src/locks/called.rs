//! What the dictionary calls locks, by the functions that wait for them.
//!
//! In: stacks of waiters, names. Out: addresses with names. Refuses: to look a path up twice; a window has thousands of stacks,
//! and few paths.

use std::collections::BTreeSet;

use super::frames::acquiring_function;
use crate::event::{LockKind, StackEvent};
use crate::ids::{CodeAddr, LockAddr};
use crate::lock_dictionary;
use crate::names::Names;
use crate::window::Window;

/// Each lock that is waited for at `stacks`, with every name that the dictionary has for it.
#[must_use]
pub fn called<'a>(
    stacks: impl Iterator<Item = &'a StackEvent>,
    names: &dyn Names,
) -> BTreeSet<(LockAddr, String)> {
    let paths: BTreeSet<(LockAddr, LockKind, &[CodeAddr])> = stacks
        .map(|stack| (stack.lock, stack.kind, stack.frames.as_slice()))
        .collect();
    let known = paths.into_iter().filter_map(|(lock, kind, frames)| {
        let function = acquiring_function(frames, names)?;
        Some((lock, lock_dictionary::name_of(&function, kind)?))
    });
    known.collect()
}

/// The same of the `nr` locks of `window` that burn most.
#[must_use]
pub fn heaviest_called(
    window: &Window,
    nr: usize,
    names: &dyn Names,
) -> BTreeSet<(LockAddr, String)> {
    let mut heaviest: Vec<_> = window.locks.iter().collect();
    heaviest.sort_by_key(|lock| std::cmp::Reverse((lock.spin_ns, lock.wait_ns)));
    let heaviest = heaviest.iter().take(nr);
    let heaviest: BTreeSet<LockAddr> = heaviest.filter_map(|lock| lock.lock).collect();
    let stacks = window.stacks.iter();
    called(stacks.filter(|stack| heaviest.contains(&stack.lock)), names)
}

/// A wait for the spinlock at `lock`, by functions at these addresses.
#[cfg(test)]
pub(crate) fn waits_at(lock: u64, frames: &[u64]) -> StackEvent {
    use crate::event::TaskRef;
    use crate::ids::{CgroupId, CpuId, MonotonicNs, Pid, StackId, Tgid};

    StackEvent {
        id: StackId {
            cpu: CpuId(0),
            number: 1,
        },
        weight: 1,
        taken: MonotonicNs(0),
        lock: LockAddr(lock),
        kind: LockKind::Spinlock,
        task: TaskRef {
            pid: Pid(1),
            tgid: Tgid(1),
            comm: None,
        },
        cgroup: CgroupId(1),
        place: None,
        owner: None,
        frames: frames.iter().copied().map(CodeAddr).collect(),
        user_frames: Vec::new(),
    }
}

/// Names of functions at addresses from 0 on.
#[cfg(test)]
pub(super) fn functions_at(functions: &[&str]) -> crate::recording::NameTable {
    use crate::names::FunctionName;
    use crate::recording::{NameTable, NewNames};

    let function = |(at, name): (u64, &&str)| {
        let name = FunctionName {
            name: (*name).to_owned(),
            offset_bytes: 1,
        };
        (CodeAddr(at), name)
    };
    let mut names = NameTable::default();
    names.learn(&NewNames {
        functions: (0..).zip(functions).map(function).collect(),
        ..NewNames::default()
    });
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, LockTotals};
    use crate::hist::WaitHistogram;
    use crate::ids::{CpuId, MonotonicNs};
    use crate::window::WindowBuilder;

    #[test]
    fn a_heavy_lock_is_called_by_any_of_its_waiters_that_the_dictionary_knows() {
        let functions = ["_raw_spin_lock", "nobody_knows", "iput", "igrab"];
        let names = functions_at(&functions);
        let mut builder = WindowBuilder::new(1);
        for lock in 1..=3 {
            builder.fold(Event::LockTotals(LockTotals {
                cpu: CpuId(0),
                lock: Some(LockAddr(lock)),
                kind: LockKind::Spinlock,
                nr_begun: 1,
                nr_waits: 1,
                wait_ns: lock,
                spin_ns: lock,
                max_ns: lock,
                nr_failed: 0,
                hist: WaitHistogram::default(),
            }));
        }
        for (lock, function) in [(3, 1), (3, 2), (3, 3), (2, 1), (1, 2)] {
            builder.fold(Event::Stack(waits_at(lock, &[0, function])));
        }
        let window = builder.close(MonotonicNs(0), MonotonicNs(1000));
        let heaviest = |nr| {
            let called = heaviest_called(&window, nr, &names).into_iter();
            called
                .map(|(lock, name)| (lock.0, name))
                .collect::<Vec<_>>()
        };
        let inode = |lock| (lock, "inode.i_lock".to_owned());
        assert_eq!(heaviest(2), [inode(3)], "the first waiter is unknown");
        assert_eq!(heaviest(3), [inode(1), inode(3)]);
    }
}
