//! When a lock was let go, as its traced release tells it.
//!
//! In: releases, and the waits of the same time. Out: the releases, no later than known. Refuses: to move any of which no wait of the
//! releaser shows that it came late, and those that lockdep tells, which come before the release.
//!
//! `lock:contended_release` of a mutex comes when it has no owner any more, but after the lock of its wait list was taken
//! (`__mutex_unlock_slowpath`, kernel/locking/mutex.c, v7.2). Whoever has to wait for that one has let go of the mutex already.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::{LockKind, ReleaseEvent, WaitEvent};
use crate::ids::{LockAddr, MonotonicNs, Pid};

/// Bytes of a mutex in which the lock of its wait list is (`struct mutex`, include/linux/mutex_types.h, v7.2: 32 without debugging).
const INNER_BYTES: u64 = 32;

/// Longest time from the end of the wait for that lock to the trace, which follows it: some instructions, and programs on tracepoints.
const JUST_NOW_NS: u64 = 50_000;

/// `releases`, each at the moment at which its holder began to wait for the lock of the wait list, if it did.
pub(super) fn no_later_than_known<'a>(
    releases: &[ReleaseEvent],
    waits: impl Iterator<Item = &'a WaitEvent>,
) -> Vec<ReleaseEvent> {
    let traced = releases.iter().filter(|release| release.taken_at.is_none());
    let locks: BTreeSet<LockAddr> = traced.map(|release| release.lock).collect();
    let mut inner: BTreeMap<(LockAddr, Pid, MonotonicNs), MonotonicNs> = BTreeMap::new();
    for wait in waits.filter(|wait| wait.kind == LockKind::Spinlock) {
        let around = locks.range(..wait.lock).next_back();
        let around = around.filter(|around| wait.lock.0 - around.0 < INNER_BYTES);
        if let Some(&lock) = around {
            inner.insert((lock, wait.pid, wait.end), wait.begin);
        }
    }
    let moved = |release: &ReleaseEvent| {
        if release.taken_at.is_some() {
            return None;
        }
        let key = |at| (release.lock, release.pid, at);
        let (&(.., end), &begin) = inner
            .range(key(release.acquired)..=key(release.released))
            .next_back()?;
        let is_late = begin > release.acquired && release.released.since(end) <= JUST_NOW_NS;
        is_late.then_some(begin)
    };
    releases
        .iter()
        .map(|release| ReleaseEvent {
            released: moved(release).unwrap_or(release.released),
            ..release.clone()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CodeAddr, CpuId, Tgid};

    const LOCK: LockAddr = LockAddr(0x1000);

    fn wait(lock: u64, pid: u32, begin_ns: u64, end_ns: u64) -> WaitEvent {
        WaitEvent {
            lock: LockAddr(lock),
            kind: LockKind::Spinlock,
            begin: MonotonicNs(begin_ns),
            end: MonotonicNs(end_ns),
            spin_ns: end_ns - begin_ns,
            pid: Pid(pid),
            tgid: Tgid(pid),
            cpu: CpuId(1),
            stack: None,
            acquired: true,
        }
    }

    /// When thread 1, which has had the lock since 100 us, let go of it if that was traced after 900 us.
    fn released_us(waits: &[WaitEvent]) -> u64 {
        released(waits, None)
    }

    fn released(waits: &[WaitEvent], taken_at: Option<CodeAddr>) -> u64 {
        let release = ReleaseEvent {
            lock: LOCK,
            acquired: MonotonicNs(100_000),
            released: MonotonicNs(900_000),
            pid: Pid(1),
            tgid: Tgid(1),
            cpu: CpuId(0),
            stack: None,
            taken_at,
        };
        let known = no_later_than_known(&[release], waits.iter());
        known[0].released.0 / 1000
    }

    #[test]
    fn who_waits_for_the_wait_list_has_let_go() {
        let us = |lock, pid, begin: u64, end: u64| wait(lock, pid, 1000 * begin, 1000 * end);
        assert_eq!(released_us(&[]), 900);
        assert_eq!(released_us(&[us(0x1008, 1, 300, 890)]), 300);
        // Lockdep tells it before.
        let told = released(&[us(0x1008, 1, 300, 890)], Some(CodeAddr(0xa)));
        assert_eq!(told, 900);
        // Somebody else; another lock, the mutex itself; on the way to the mutex; long before the release.
        assert_eq!(released_us(&[us(0x1008, 2, 300, 890)]), 900);
        assert_eq!(released_us(&[us(0x1020, 1, 300, 890)]), 900);
        assert_eq!(released_us(&[us(0x1000, 1, 300, 890)]), 900);
        assert_eq!(released_us(&[us(0x1008, 1, 50, 890)]), 900);
        assert_eq!(released_us(&[us(0x1008, 1, 300, 840)]), 900);
        // The last of them.
        let all = [us(0x1008, 1, 300, 400), us(0x1008, 1, 850, 895)];
        assert_eq!(released_us(&all), 850);
    }
}
