//! Who stood in line for a lock, and since when.
//!
//! In: the waits for one lock. Out: whether a traced hold is one of a fair sample. Refuses: to count a hold for which somebody
//! came to stand in line only while it lasted. A release is traced if somebody stands in line, and the longer a hold the more likely
//! somebody has come: such holds are longer than others. Whether somebody stood there before it began does not depend on its length.

use crate::event::{InFlightWait, LockKind, ReleaseEvent, WaitEvent};
use crate::ids::MonotonicNs;

/// The line for a lock.
#[derive(Debug, Default)]
pub(super) struct Queued {
    /// Ends of waits, each with the earliest moment since when one that ended then or later had stood in line.
    since: Vec<(MonotonicNs, MonotonicNs)>,
    /// Since when one did whose wait has not ended.
    open: Option<MonotonicNs>,
}

/// Since when a wait stands in line: from the begin, but for mutexes, which are spun for first (kernel/locking/mutex.c; rwsem.c, rtmutex.c,
/// percpu-rwsem.c tell of a wait when it is queued, v6.1 to v7.3).
fn in_line(kind: LockKind, begin: MonotonicNs, after_ns: Option<u64>) -> Option<MonotonicNs> {
    match kind {
        LockKind::Mutex | LockKind::Unknown => Some(MonotonicNs(begin.0.saturating_add(after_ns?))),
        _ => Some(begin),
    }
}

impl Queued {
    /// Of `waits`, by end, and of those of `open` that are for the same lock.
    pub(super) fn new<'a>(
        waits: &[&WaitEvent],
        open: impl Iterator<Item = &'a InFlightWait>,
    ) -> Self {
        let mut earliest: Option<MonotonicNs> = None;
        let mut since = Vec::with_capacity(waits.len());
        for wait in waits.iter().rev() {
            let mine = in_line(wait.kind, wait.begin, wait.in_line_after_ns);
            earliest = earliest.into_iter().chain(mine).min();
            since.extend(earliest.map(|at| (wait.end, at)));
        }
        since.reverse();
        let open = open.filter_map(|wait| in_line(wait.kind, wait.begin, wait.in_line_after_ns));
        Self {
            since,
            open: open.min(),
        }
    }

    /// Whether somebody stood in line from the acquisition to the release, or the kernel tells of holds whether or not.
    pub(super) fn is_fair(&self, release: &ReleaseEvent) -> bool {
        let later = self
            .since
            .partition_point(|(end, _)| *end < release.released);
        let ended = self.since.get(later).map(|(_, since)| *since);
        let earliest = ended.into_iter().chain(self.open).min();
        // Lockdep alone tells who took it.
        release.taken_at.is_some() || earliest.is_some_and(|since| since <= release.acquired)
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::ids::{CodeAddr, CpuId, LockAddr, Pid, Tgid};

    fn wait(kind: LockKind, begin_ns: u64, end_ns: u64, after_ns: Option<u64>) -> WaitEvent {
        WaitEvent {
            lock: LockAddr(0x10),
            kind,
            begin: MonotonicNs(begin_ns),
            in_line_after_ns: after_ns,
            end: MonotonicNs(end_ns),
            spin_ns: 0,
            pid: Pid(1),
            tgid: Tgid(1),
            cpu: CpuId(1),
            stack: None,
            acquired: true,
        }
    }

    fn open(kind: LockKind, begin_ns: u64, after_ns: Option<u64>) -> InFlightWait {
        InFlightWait {
            lock: LockAddr(0x10),
            kind,
            begin: MonotonicNs(begin_ns),
            in_line_after_ns: after_ns,
            spin_ns: 0,
            unbooked_spin_ns: 0,
            spinning: false,
            cpu: CpuId(2),
            pid: Pid(2),
            tgid: Tgid(2),
            stack: None,
        }
    }

    fn hold(acquired_ns: u64, released_ns: u64) -> ReleaseEvent {
        ReleaseEvent {
            lock: LockAddr(0x10),
            acquired: MonotonicNs(acquired_ns),
            released: MonotonicNs(released_ns),
            pid: Pid(3),
            tgid: Tgid(3),
            cpu: CpuId(3),
            stack: None,
            taken_at: None,
        }
    }

    fn fair(waits: &[&WaitEvent], open: &[InFlightWait], hold: &ReleaseEvent) -> bool {
        Queued::new(waits, open.iter()).is_fair(hold)
    }

    #[test]
    fn a_hold_that_somebody_stood_in_line_for_all_along_is_fair() {
        let mutex = |begin_ns, end_ns, after_ns| wait(LockKind::Mutex, begin_ns, end_ns, after_ns);
        let asleep = mutex(0, 500, Some(90));
        assert!(fair(&[&asleep], &[], &hold(100, 450)));
        // He spun until after it was taken, or the whole time; he came too late; he had it before the release.
        assert!(!fair(&[&mutex(0, 500, Some(110))], &[], &hold(100, 450)));
        assert!(!fair(&[&mutex(0, 500, None)], &[], &hold(100, 450)));
        assert!(!fair(&[&asleep], &[], &hold(80, 450)));
        assert!(!fair(&[&asleep], &[], &hold(100, 501)));
        // One of those who ended later is enough, however the others fared.
        let all = [&asleep, &mutex(300, 600, Some(1)), &mutex(95, 700, Some(1))];
        assert!(fair(&all, &[], &hold(100, 550)));
        assert!(!fair(&all, &[], &hold(94, 550)));
        assert!(!fair(&[], &[], &hold(100, 450)));
    }

    #[test]
    fn who_spins_for_a_spinlock_is_in_line() {
        let spinlock = |begin_ns| wait(LockKind::Spinlock, begin_ns, 500, None);
        assert!(fair(&[&spinlock(90)], &[], &hold(100, 450)));
        assert!(!fair(&[&spinlock(110)], &[], &hold(100, 450)));
    }

    #[test]
    fn so_is_who_sleeps_for_a_semaphore() {
        let rwsem = |begin_ns| wait(LockKind::Rwsem, begin_ns, 500, None);
        assert!(fair(&[&rwsem(90)], &[], &hold(100, 450)));
        assert!(!fair(&[&rwsem(110)], &[], &hold(100, 450)));
    }

    #[test]
    fn so_is_who_has_not_got_it_yet() {
        let is_fair = |wait| fair(&[], &[wait], &hold(100, 450));
        assert!(is_fair(open(LockKind::Mutex, 0, Some(90))));
        assert!(!is_fair(open(LockKind::Mutex, 0, None)));
        assert!(!is_fair(open(LockKind::Mutex, 50, Some(90))));
        assert!(is_fair(open(LockKind::Spinlock, 0, None)));
    }

    #[test]
    fn lockdep_tells_every_hold() {
        let told = ReleaseEvent {
            taken_at: Some(CodeAddr(0xa)),
            ..hold(100, 450)
        };
        assert!(fair(&[], &[], &told));
    }

    fn kinds() -> impl Strategy<Value = LockKind> {
        prop_oneof![
            3 => Just(LockKind::Mutex),
            1 => Just(LockKind::Unknown),
            1 => Just(LockKind::Spinlock),
            1 => Just(LockKind::Rwsem),
        ]
    }

    proptest! {
        #[test]
        fn it_says_what_asking_everybody_would(
            ended in vec((kinds(), 0..40_u64, 0..40_u64, option::of(0..40_u64)), 0..6),
            still in vec((kinds(), 0..60_u64, option::of(0..40_u64)), 0..3),
            acquired_ns in 0..60_u64,
            held_ns in 0..30_u64,
        ) {
            let mut waits: Vec<WaitEvent> = ended
                .iter()
                .map(|&(kind, begin_ns, took_ns, after_ns)| wait(kind, begin_ns, begin_ns + took_ns, after_ns))
                .collect();
            waits.sort_by_key(|wait| wait.end);
            let opens: Vec<InFlightWait> = still
                .iter()
                .map(|&(kind, begin_ns, after_ns)| open(kind, begin_ns, after_ns))
                .collect();
            let released_ns = acquired_ns + held_ns;
            let stood = |kind, begin: MonotonicNs, after_ns: Option<u64>| match kind {
                LockKind::Mutex | LockKind::Unknown => {
                    after_ns.is_some_and(|after_ns| begin.0 + after_ns <= acquired_ns)
                }
                _ => begin.0 <= acquired_ns,
            };
            let expected = waits
                .iter()
                .any(|w| w.end.0 >= released_ns && stood(w.kind, w.begin, w.in_line_after_ns))
                || opens.iter().any(|w| stood(w.kind, w.begin, w.in_line_after_ns));
            let waits: Vec<&WaitEvent> = waits.iter().collect();
            prop_assert_eq!(fair(&waits, &opens, &hold(acquired_ns, released_ns)), expected);
        }
    }
}
