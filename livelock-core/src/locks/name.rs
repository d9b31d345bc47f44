//! Names of locks.
//!
//! In: addresses, [`Names`]. Out: the best name with its source. Refuses: a name
//! without saying where it came from.

use std::collections::BTreeMap;

use super::frames::{LOCKING, TRACING, acquiring_function, starts_with_any};
use super::instance;
use super::tally::LockTally;
use crate::event::LockKind;
use crate::ids::LockAddr;
use crate::lock_dictionary;
use crate::names::{Names, ObjectOrigin};
use crate::verdict::NameSource;

/// A lock's name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedLock {
    /// Name.
    pub name: String,
    /// Where it came from.
    pub source: NameSource,
    /// Which of its like, if that is known without a look at it ([`Names::instance`]).
    pub instance: Option<String>,
}

/// What follows the name of an rwlock that is waited for inside: a `qrwlock` has its waiters queue at a spinlock of
/// its own, which lies behind the first word of it.
pub const RWLOCK_QUEUE: &str = " (rwlock's queue)";

/// Bytes from an rwlock to that spinlock: `struct qrwlock` in `include/asm-generic/qrwlock_types.h`, v6.18.
const QUEUE_OFFSET_BYTES: u64 = 4;

/// Functions that wait there.
const QUEUEING: &[&str] = &["queued_read_lock_slowpath", "queued_write_lock_slowpath"];

/// The best name that is to be had.
#[must_use]
pub fn name_lock(lock: Option<LockAddr>, tally: &LockTally, names: &dyn Names) -> NamedLock {
    let Some(addr) = lock else {
        return NamedLock {
            name: "locks beyond the table".to_owned(),
            source: NameSource::Address,
            instance: None,
        };
    };
    let mut named = name_object(addr, tally, names)
        .or_else(|| name_by_function(tally, names))
        .unwrap_or_else(|| NamedLock {
            name: addr.to_string(),
            source: NameSource::Address,
            instance: None,
        });
    if tally.kind == LockKind::Spinlock && is_rwlock_queue(tally, names) {
        named.name = of_rwlock(&named.name) + RWLOCK_QUEUE;
    }
    named
}

/// By where the lock lies.
fn name_object(addr: LockAddr, tally: &LockTally, names: &dyn Names) -> Option<NamedLock> {
    let place = tally
        .places
        .iter()
        .max_by_key(|(_, nr)| **nr)
        .map(|(place, _)| *place);
    if let Some((place, name)) = place.and_then(|place| Some((place, names.member(place)?))) {
        return Some(NamedLock {
            name,
            source: NameSource::TaskObject,
            instance: instance::owner(tally, place),
        });
    }
    if let Some(object) = names.object(addr) {
        return Some(NamedLock {
            name: object.name,
            source: match object.origin {
                ObjectOrigin::PerCpu => NameSource::PerCpu,
                ObjectOrigin::KernelObject => NameSource::KernelObject,
            },
            instance: object.instance,
        });
    }
    Some(NamedLock {
        name: names.data_symbol(addr)?,
        source: NameSource::Symbol,
        instance: None,
    })
}

/// By who waits for it.
fn name_by_function(tally: &LockTally, names: &dyn Names) -> Option<NamedLock> {
    let mut by_function: BTreeMap<String, f64> = BTreeMap::new();
    for (frames, _, score) in tally.waiters.scores().chain(tally.holders.scores()) {
        if let Some(function) = acquiring_function(frames, names) {
            *by_function.entry(function).or_default() += score;
        }
    }
    let mut by_known: BTreeMap<String, f64> = BTreeMap::new();
    for (function, score) in &by_function {
        if let Some(name) = lock_dictionary::name_of(function, tally.kind) {
            *by_known.entry(name).or_default() += score;
        }
    }
    if let Some((name, _)) = by_known.iter().max_by(|a, b| a.1.total_cmp(b.1)) {
        return Some(NamedLock {
            name: name.clone(),
            source: NameSource::Dictionary,
            instance: None,
        });
    }
    let (function, _) = by_function.iter().max_by(|a, b| a.1.total_cmp(b.1))?;
    Some(NamedLock {
        name: format!("{function}()'s lock"),
        source: NameSource::AcquiringFunction,
        instance: None,
    })
}

/// Whether most of who waits for a spinlock does so inside an rwlock.
fn is_rwlock_queue(tally: &LockTally, names: &dyn Names) -> bool {
    let (mut inside, mut all) = (0.0, 0.0);
    for (frames, _, score) in tally.waiters.scores() {
        all += score;
        let is_inside = frames
            .iter()
            .filter_map(|&frame| names.function(frame))
            .take_while(|f| starts_with_any(&f.name, TRACING) || starts_with_any(&f.name, LOCKING))
            .any(|f| QUEUEING.contains(&f.name.as_str()));
        if is_inside {
            inside += score;
        }
    }
    inside > 0.5 * all
}

/// The name of the rwlock around the queue called `name`.
fn of_rwlock(name: &str) -> String {
    for part in [".raw_lock.wait_lock", ".rwlock.wait_lock", ".wait_lock"] {
        if let Some(lock) = name.strip_suffix(part) {
            return lock.to_owned();
        }
    }
    let offset = name
        .rsplit_once("+0x")
        .and_then(|(symbol, digits)| Some((symbol, u64::from_str_radix(digits, 16).ok()?)));
    match offset {
        Some((symbol, QUEUE_OFFSET_BYTES)) => symbol.to_owned(),
        Some((symbol, offset)) if offset > QUEUE_OFFSET_BYTES => {
            format!("{symbol}+{:#x}", offset - QUEUE_OFFSET_BYTES)
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::ObjectPlace;
    use crate::ids::{CgroupId, CodeAddr};
    use crate::names::FunctionName;

    struct Table(&'static [&'static str]);

    impl Names for Table {
        fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
            let name = self
                .0
                .get(addr.0 as usize)
                .filter(|name| !name.is_empty())?;
            Some(FunctionName {
                name: (*name).to_owned(),
                offset_bytes: 4,
            })
        }
        fn data_symbol(&self, _: LockAddr) -> Option<String> {
            None
        }
        fn member(&self, _: ObjectPlace) -> Option<String> {
            None
        }
        fn cgroup_path(&self, _: CgroupId) -> Option<String> {
            None
        }
    }

    fn waited(kind: LockKind, functions: &'static [&'static str]) -> LockTally {
        let mut tally = LockTally::empty(kind);
        let frames: Vec<_> = (0..functions.len() as u64).map(CodeAddr).collect();
        tally
            .waiters
            .update(&frames, |path| path.untied_weight += 1);
        tally
    }

    #[test]
    fn the_queue_of_an_rwlock_has_the_name_of_the_rwlock() {
        const WRITER: &[&str] = &[
            "native_queued_spin_lock_slowpath",
            "queued_write_lock_slowpath",
            "_raw_write_lock_irq",
            "release_task",
        ];
        let name = |kind, functions| {
            let tally = waited(kind, functions);
            name_lock(Some(LockAddr(4)), &tally, &Table(functions)).name
        };
        assert_eq!(
            name(LockKind::Spinlock, WRITER),
            "tasklist_lock (rwlock's queue)"
        );
        assert_eq!(name(LockKind::Rwlock, &WRITER[1..]), "tasklist_lock");
        // A function that takes an rwlock further up does not wait in its queue.
        const BELOW: &[&str] = &["_raw_spin_lock", "alloc_fd", "queued_write_lock_slowpath"];
        assert_eq!(name(LockKind::Spinlock, BELOW), "files_struct.file_lock");
    }

    #[test]
    fn a_function_names_only_locks_of_the_family_that_it_takes() {
        const READER: &[&str] = &["__mutex_lock", "pipe_double_lock"];
        const OWNER: &[&str] = &["_raw_spin_lock", "alloc_fd"];
        let name = |kind, functions| {
            let named = name_lock(
                Some(LockAddr(8)),
                &waited(kind, functions),
                &Table(functions),
            );
            (named.name, named.source)
        };
        let by = |name: &str, source| (name.to_owned(), source);
        assert_eq!(
            name(LockKind::Mutex, READER),
            by("pipe_inode_info.mutex", NameSource::Dictionary)
        );
        assert_eq!(
            name(LockKind::Spinlock, READER),
            by("pipe_inode_info.mutex.wait_lock", NameSource::Dictionary)
        );
        assert_eq!(
            name(LockKind::Mutex, OWNER),
            by("alloc_fd()'s lock", NameSource::AcquiringFunction)
        );
        assert_eq!(
            name(LockKind::Rtmutex, OWNER),
            by("files_struct.file_lock", NameSource::Dictionary)
        );
    }

    #[test]
    fn the_rwlock_lies_before_its_queue() {
        assert_eq!(of_rwlock("truth_storm_rwlock+0x4"), "truth_storm_rwlock");
        assert_eq!(of_rwlock("table+0x14"), "table+0x10");
        assert_eq!(of_rwlock("table+0x2"), "table+0x2");
        assert_eq!(
            of_rwlock("fs_struct.lock.raw_lock.wait_lock"),
            "fs_struct.lock"
        );
    }
}
