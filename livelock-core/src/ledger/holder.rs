//! The time of those who hold locks that are never free, and do not get on.
//!
//! In: a window. Out: CPU time that such locks leave their holders. Refuses: locks whose waiters may sleep, scopes of
//! tasks, whose holder may be a stranger, holders of whom nobody knows how long they held, and hosts that get on elsewhere.

use std::collections::BTreeSet;

use crate::event::LockKind;
use crate::ids::Pid;
use crate::ledger::progress::{achieved, pi, tokens};
use crate::ledger::time::TimeBooks;
use crate::tasks::Subject;
use crate::thresholds as at;
use crate::window::{LockWindow, Window};

/// Nanoseconds in which CPUs held locks that others spun for all the time, while those stood still, a CPU for each; 0
/// without such locks.
///
/// A spinlock has one holder, so that of `n` CPUs at most `n - 1` can spin for it: on a small host that bounds
/// `omega` well below 1 however deep the collapse is. The holder's time is set aside only where it is no sign of
/// progress: a lock that passes from hand to hand in microseconds may be doing all the work there is, and so may one
/// that is passed on with a batch of it, which then shows elsewhere.
#[must_use]
pub fn idle_holder_ns(window: &Window, books: &TimeBooks) -> u64 {
    if !matches!(window.subject, Subject::Cpus) {
        return 0;
    }
    let wall_ns = window.duration_ns();
    let standstill_ns = at::STANDSTILL_SHARE * wall_ns as f64;
    let stands_still = |lock: &&LockWindow| {
        matches!(lock.kind, LockKind::Spinlock | LockKind::Rwlock)
            // Somebody wants it all the time: a lock that nobody wants stands still as well.
            && lock.spin_ns >= wall_ns
            && still_ns(window, lock).is_some_and(|still_ns| still_ns as f64 >= standstill_ns)
    };
    let locks: Vec<&LockWindow> = window.locks.iter().filter(stands_still).collect();
    let spin_ns: u64 = locks.iter().map(|lock| lock.spin_ns).sum();
    let pi = pi(&achieved(window, tokens(window)), books.busy_ns());
    let is_held_up = pi.is_some_and(|pi| pi <= at::STANDSTILL_TOKENS_PER_SEC)
        && spin_ns >= at::NR_SPINNERS_SATURATED * wall_ns
        && spin_ns as f64 >= at::MAJORITY * books.waste_ns() as f64;
    if is_held_up {
        (nr_holders(window, &locks) * wall_ns).min(books.busy_ns().saturating_sub(books.waste_ns()))
    } else {
        0
    }
}

/// Holders of `locks` that spin for none of them: who holds one and spins for another is waste already. One at least, the holder
/// of the last.
fn nr_holders(window: &Window, locks: &[&LockWindow]) -> u64 {
    let of = |lock: &LockWindow, is_holder: bool| -> BTreeSet<Pid> {
        let mine = window
            .waits
            .iter()
            .filter(|wait| Some(wait.lock) == lock.lock);
        let mine = mine.filter(|wait| wait.acquired || !is_holder);
        mine.map(|wait| wait.pid).collect()
    };
    let nr_apart = locks.iter().filter(|lock| {
        let holders = of(lock, true);
        let others = locks.iter().filter(|other| other.lock != lock.lock);
        others
            .into_iter()
            .all(|other| of(other, false).is_disjoint(&holders))
    });
    (nr_apart.count() as u64).max(1)
}

/// Time in which nobody acquired `lock` for longer than any holder that runs has business to; `None` unless nearly all
/// of its acquisitions are known.
fn still_ns(window: &Window, lock: &LockWindow) -> Option<u64> {
    let waits = || {
        window
            .waits
            .iter()
            .filter(|wait| Some(wait.lock) == lock.lock)
    };
    // What a close reads of each CPU is of a moment earlier or later than the last wait that is in the window, so a few
    // more or less are the rule.
    let nr_amiss = lock.nr_waits.abs_diff(waits().count() as u64);
    let most = (at::ACQUISITIONS_AMISS * lock.nr_waits as f64).max(at::NR_ACQUISITIONS_AMISS);
    if lock.lock.is_none() || nr_amiss as f64 > most {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Event, LockTotals, ProgressCounters, WaitEvent};
    use crate::hist::WaitHistogram;
    use crate::ids::{CpuId, LockAddr, MonotonicNs, Pid, Tgid};
    use crate::window::WindowBuilder;

    const MS: u64 = 1_000_000;
    const WALL_NS: u64 = 300 * MS;

    /// A lock: CPUs that spin for it, time between acquisitions, acquisitions that totals tell but no wait does.
    struct Load {
        pid: u32,
        addr: u64,
        spinners: f64,
        gap_ns: u64,
        nr_amiss: u64,
    }

    fn load(addr: u64, spinners: f64, gap_ns: u64, nr_amiss: u64) -> Load {
        Load {
            pid: addr as u32,
            addr,
            spinners,
            gap_ns,
            nr_amiss,
        }
    }

    /// CPU time set aside on a machine of four busy CPUs, as a multiple of the window.
    fn set_aside(loads: &[Load]) -> f64 {
        set_aside_beside(loads, 100)
    }

    /// The same, with a number of page faults.
    fn set_aside_beside(loads: &[Load], nr_page_faults: u64) -> f64 {
        let mut builder = WindowBuilder::new(4);
        let faults = |nr| {
            Event::Progress(ProgressCounters {
                nr_page_faults: Some(nr),
                ..ProgressCounters::default()
            })
        };
        builder.fold(faults(0));
        builder.baseline(MonotonicNs(0));
        builder.fold(faults(nr_page_faults));
        for load in loads {
            let lock = LockAddr(load.addr);
            let nr_seen = WALL_NS / load.gap_ns;
            for nr in 1..=nr_seen {
                builder.fold(Event::Wait(WaitEvent {
                    lock,
                    kind: LockKind::Spinlock,
                    begin: MonotonicNs(0),
                    in_line_after_ns: None,
                    end: MonotonicNs(nr * load.gap_ns),
                    spin_ns: nr * load.gap_ns,
                    pid: Pid(load.pid),
                    tgid: Tgid(7),
                    cpu: CpuId(0),
                    stack: None,
                    acquired: true,
                }));
            }
            let spin_ns = (load.spinners * WALL_NS as f64) as u64;
            builder.fold(Event::LockTotals(LockTotals {
                cpu: CpuId(0),
                lock: Some(lock),
                kind: LockKind::Spinlock,
                nr_begun: nr_seen + load.nr_amiss,
                nr_waits: nr_seen + load.nr_amiss,
                wait_ns: spin_ns,
                spin_ns,
                max_ns: spin_ns,
                nr_failed: 0,
                hist: WaitHistogram::default(),
            }));
        }
        let window = builder.close(MonotonicNs(0), MonotonicNs(WALL_NS));
        let spin_ns: f64 = loads.iter().map(|load| load.spinners).sum();
        let books = TimeBooks {
            capacity_ns: 4 * WALL_NS,
            traced_spin_ns: (spin_ns * WALL_NS as f64) as u64,
            ..TimeBooks::default()
        };
        idle_holder_ns(&window, &books) as f64 / WALL_NS as f64
    }

    #[test]
    fn the_holder_of_a_lock_that_stands_still_is_set_aside() {
        assert_eq!(set_aside(&[load(1, 2.9, 2 * MS, 0)]), 1.0);
        assert_eq!(set_aside(&[load(1, 2.9, 2 * MS, 5)]), 1.0, "the closes");
    }

    #[test]
    fn so_are_those_of_several() {
        let two = [load(1, 1.0, 5 * MS, 0), load(2, 1.0, 5 * MS, 0)];
        assert_eq!(set_aside(&two), 2.0);
        assert_eq!(set_aside(&two[..1]), 0.0, "one waiter is no crowd");
        let seldom = [load(1, 0.7, 5 * MS, 0), load(2, 1.5, 5 * MS, 0)];
        assert_eq!(
            set_aside(&seldom),
            0.0,
            "nobody wants the first one at times"
        );
    }

    #[test]
    fn who_holds_one_and_spins_for_another_is_no_second_holder() {
        let mut chain = [load(1, 1.0, 5 * MS, 0), load(2, 1.0, 5 * MS, 0)];
        chain[1].pid = chain[0].pid;
        assert_eq!(set_aside(&chain), 1.0);
    }

    #[test]
    fn a_lock_that_hardly_moves_may_lack_a_wait_at_each_close() {
        assert_eq!(set_aside(&[load(1, 2.9, 50 * MS, 2)]), 1.0);
        assert_eq!(set_aside(&[load(1, 2.9, 50 * MS, 3)]), 0.0);
    }

    #[test]
    fn a_lock_that_goes_round_may_be_all_the_work_there_is() {
        assert_eq!(set_aside(&[load(1, 2.9, MS / 10, 0)]), 0.0);
    }

    #[test]
    fn a_lock_that_comes_with_a_batch_of_work_may_be_too() {
        let batches = [load(1, 2.9, 2 * MS, 0)];
        assert_eq!(set_aside_beside(&batches, 3000), 0.0);
    }

    #[test]
    fn gaps_that_are_not_known_prove_nothing() {
        assert_eq!(set_aside(&[load(1, 2.9, 2 * MS, 20)]), 0.0);
    }

    #[test]
    fn a_lock_that_few_want_keeps_nobody_up() {
        let rare = load(2, 0.5, 5 * MS, 0);
        assert_eq!(set_aside(&[load(1, 1.5, 5 * MS, 0), rare]), 0.0);
    }
}
