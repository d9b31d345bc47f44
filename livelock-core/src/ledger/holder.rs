//! The time of the one who holds a lock that is never free, and does not get on.
//!
//! In: a window. Out: CPU time that such a lock leaves its holder. Refuses: locks whose waiters may sleep, scopes of
//! tasks, whose holder may be a stranger, and holders of whom nobody knows how long they held.

use crate::event::LockKind;
use crate::ledger::time::TimeBooks;
use crate::tasks::Subject;
use crate::thresholds as at;
use crate::window::{LockWindow, Window};

/// Nanoseconds in which one CPU held a lock that others spun for all the time, while the lock stood still; 0 without
/// such a lock.
///
/// A spinlock has one holder, so that of `n` CPUs at most `n - 1` can spin for it: on a small host that bounds
/// `omega` well below 1 however deep the collapse is. The holder's time is set aside only where it is no sign of
/// progress: a lock that passes from hand to hand in microseconds may be doing all the work there is.
#[must_use]
pub fn idle_holder_ns(window: &Window, books: &TimeBooks) -> u64 {
    if !matches!(window.subject, Subject::Cpus) {
        return 0;
    }
    let wall_ns = window.duration_ns();
    let top = window
        .locks
        .iter()
        .filter(|lock| matches!(lock.kind, LockKind::Spinlock | LockKind::Rwlock))
        .max_by_key(|lock| lock.spin_ns);
    let is_held_up = top.is_some_and(|lock| {
        lock.spin_ns >= at::NR_SPINNERS_SATURATED * wall_ns
            && lock.spin_ns as f64 >= at::MAJORITY * books.waste_ns() as f64
            && standstill_ns(window, lock)
                .is_some_and(|still_ns| still_ns as f64 >= at::STANDSTILL_SHARE * wall_ns as f64)
    });
    if is_held_up {
        wall_ns.min(books.busy_ns())
    } else {
        0
    }
}

/// Time in which nobody acquired `lock` for longer than any holder that runs has business to; `None` unless all of
/// its acquisitions are known.
fn standstill_ns(window: &Window, lock: &LockWindow) -> Option<u64> {
    let waits = || {
        window
            .waits
            .iter()
            .filter(|wait| Some(wait.lock) == lock.lock)
    };
    if lock.lock.is_none() || waits().count() as u64 != lock.nr_waits {
        return None;
    }
    let mut acquired: Vec<_> = waits()
        .filter(|wait| wait.acquired)
        .map(|wait| wait.end)
        .collect();
    acquired.push(window.end);
    acquired.sort_unstable();
    let mut before = window.begin;
    let mut still_ns = 0;
    for end in acquired {
        let gap_ns = end.since(before);
        if gap_ns >= at::GAP_NOT_RUNNING_NS {
            still_ns += gap_ns;
        }
        before = end.max(before);
    }
    Some(still_ns)
}
