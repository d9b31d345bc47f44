//! When a mutex was let go, as its traced release tells it.
//!
//! In: releases, and the waits of the same time. Out: the releases, no later than known. Refuses: to move any of which no wait of the
//! releaser shows that it came late, and those that lockdep tells, which come before the release.
//!
//! `lock:contended_release` of a mutex comes after the lock of its wait list was taken (`__mutex_unlock_slowpath`, kernel/locking/mutex.c,
//! v7.2). Whoever has to wait for that one has called `mutex_unlock`, and its critical section is over.

use std::collections::BTreeMap;

use crate::event::{LockKind, ReleaseEvent, WaitEvent};
use crate::ids::{LockAddr, MonotonicNs, Pid};

/// Bytes from a mutex to the lock of its wait list (`struct mutex` begins with `owner` and `wait_lock`, include/linux/mutex_types.h, v7.2 and
/// v7.3; RT kernels have another one, whose lock comes first).
const WAIT_LOCK_BYTES: u64 = 8;

/// Longest time in nanoseconds from the end of the wait for that lock to the trace, which follows it: some instructions, and
/// programs on tracepoints. An emulated CPU takes some microseconds.
const JUST_NOW_NS: u64 = 50_000;

/// `releases`, each at the moment at which its holder began to wait for the lock of the wait list, if it did.
pub(super) fn no_later_than_known<'a>(
    releases: &[ReleaseEvent],
    waits: impl Iterator<Item = &'a WaitEvent>,
) -> Vec<ReleaseEvent> {
    if releases.is_empty() {
        return Vec::new();
    }
    let is_traced = |release: &&ReleaseEvent| release.taken_at.is_none();
    let mut by_wait_lock: BTreeMap<(LockAddr, Pid), Vec<(MonotonicNs, MonotonicNs)>> = releases
        .iter()
        .filter(is_traced)
        .map(|release| (wait_lock(release), Vec::new()))
        .collect();
    for wait in waits.filter(|wait| wait.kind == LockKind::Spinlock) {
        if let Some(mine) = by_wait_lock.get_mut(&(wait.lock, wait.pid)) {
            mine.push((wait.end, wait.begin));
        }
    }
    by_wait_lock
        .values_mut()
        .for_each(|mine| mine.sort_unstable());
    let moved = |release: &ReleaseEvent| {
        let mine = by_wait_lock.get(&wait_lock(release))?;
        let before = mine.partition_point(|(end, _)| *end <= release.released);
        let &(end, begin) = mine.get(before.checked_sub(1)?)?;
        let is_late = begin > release.acquired && release.released.since(end) <= JUST_NOW_NS;
        is_late.then_some(begin)
    };
    releases
        .iter()
        .map(|release| {
            let moved = Some(release).filter(is_traced).and_then(moved);
            ReleaseEvent {
                released: moved.unwrap_or(release.released),
                ..release.clone()
            }
        })
        .collect()
}

fn wait_lock(release: &ReleaseEvent) -> (LockAddr, Pid) {
    let addr = release.lock.0.wrapping_add(WAIT_LOCK_BYTES);
    (LockAddr(addr), release.pid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CodeAddr, CpuId, Tgid};

    const LOCK: LockAddr = LockAddr(0x1000);

    fn wait(lock: u64, pid: u32, begin_us: u64, end_us: u64) -> WaitEvent {
        WaitEvent {
            lock: LockAddr(lock),
            kind: LockKind::Spinlock,
            begin: MonotonicNs(1000 * begin_us),
            in_line_after_ns: None,
            end: MonotonicNs(1000 * end_us),
            spin_ns: 1000 * (end_us - begin_us),
            pid: Pid(pid),
            tgid: Tgid(pid),
            cpu: CpuId(1),
            stack: None,
            acquired: true,
        }
    }

    /// The release of thread 1, which has had the lock since 100 us, traced after `released_us`.
    fn release(released_us: u64) -> ReleaseEvent {
        ReleaseEvent {
            lock: LOCK,
            acquired: MonotonicNs(100_000),
            released: MonotonicNs(1000 * released_us),
            pid: Pid(1),
            tgid: Tgid(1),
            cpu: CpuId(0),
            stack: None,
            taken_at: None,
        }
    }

    fn known_us(release: ReleaseEvent, waits: &[WaitEvent]) -> u64 {
        let known = no_later_than_known(&[release], waits.iter());
        known[0].released.0 / 1000
    }

    #[test]
    fn who_waits_for_the_wait_list_has_let_go() {
        let released_us = |waits: &[WaitEvent]| known_us(release(900), waits);
        assert_eq!(released_us(&[]), 900);
        assert_eq!(released_us(&[wait(0x1008, 1, 300, 890)]), 300);
        // Somebody else; neighbours, such as what follows a mutex; the mutex itself; on the way to it; long before the release.
        assert_eq!(released_us(&[wait(0x1008, 2, 300, 890)]), 900);
        assert_eq!(released_us(&[wait(0x1018, 1, 300, 890)]), 900);
        assert_eq!(released_us(&[wait(0x1000, 1, 300, 890)]), 900);
        assert_eq!(released_us(&[wait(0x1008, 1, 50, 890)]), 900);
        assert_eq!(released_us(&[wait(0x1008, 1, 300, 840)]), 900);
        // The last of them.
        let all = [wait(0x1008, 1, 850, 895), wait(0x1008, 1, 300, 400)];
        assert_eq!(released_us(&all), 850);
        // Lockdep tells it before.
        let told = ReleaseEvent {
            taken_at: Some(CodeAddr(0xa)),
            ..release(900)
        };
        assert_eq!(known_us(told, &[wait(0x1008, 1, 300, 890)]), 900);
    }

    #[test]
    fn a_release_before_its_acquisition_stays_where_it_is() {
        assert_eq!(known_us(release(50), &[wait(0x1008, 1, 20, 49)]), 50);
    }
}
