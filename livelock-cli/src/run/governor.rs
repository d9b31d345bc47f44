//! The self-governor: how much detail the tool may afford.
//!
//! In: how full the rings were, and what the tool cost in the last window. Out: the streaming mask, the time to the
//! next drain and the stack sampling period. Refuses: to touch exact counts; only detail is given up.

use std::time::Duration;

use livelock_core::event::CpuCounters;
use livelock_core::thresholds::{PLACE_SHARE, SELF_BUDGET_PCT as BUDGET_PCT};
use livelock_core::window::Window;

use crate::capture::Drained;

/// Records of one ring between two drains above which fewer slices are streamed: half of the ring, so
/// that a doubling of the rate until the next drain still fits.
const CROWDED: u64 = livelock_common::WAIT_RING as u64 / 2;

/// The same while recording, where each of them costs bytes of the file: 2,500 waits a second and CPU.
const CROWDED_TAPE: u64 = livelock_common::WAIT_RING as u64 / 16;

/// Records below which twice as many slices are streamed, of those that are too many.
const SPARSE_SHARE: u64 = 8;

/// Most slices between two that are streamed: 1.05 ms in 67 ms. Beyond that a window of 500 ms holds
/// too few slices to be fair to its locks.
const MAX_SLICE_MASK: u64 = 63;

/// Time between two drains: half of what fills a ring at 50,000 waits a second and CPU.
pub(super) const DRAIN_EVERY: Duration = Duration::from_millis(25);

/// The same while rings stay nearly empty: at rates up to [`SPARSE`] a drain. Each wake-up of the process costs some
/// 20 us, and a ring still holds ten times that rate until the next drain.
pub(super) const DRAIN_SELDOM: Duration = Duration::from_millis(50);

/// The same after a quiet window that was too dear, where most of a wake-up is fetching into the caches what the load has thrown
/// out of them. The process costs half a percent of two CPUs beside a web server; wake-ups are a part of that.
const DRAIN_RARELY: Duration = Duration::from_millis(100);

/// Share of any other ring that may fill until the next drain, for that to come as late as [`DRAIN_RARELY`]. Half of what fits where
/// records are read one drain late.
const MOST_FILLED: f64 = 0.25;

/// Records of one ring between two drains below which drains become seldom.
const SPARSE: u64 = livelock_common::WAIT_RING as u64 / 16;

/// One slice in 16 at the start: a ring holds that at 250,000 waits a second and CPU, and where there are
/// few waits all are streamed after four drains.
const INITIAL_SLICE_MASK: u64 = 15;

/// Stacks a window that the governor leaves however dear they are: fewer do not tell a waiting path from
/// another, and then the tool would be cheap and say nothing.
const MIN_STACKS: u64 = 32;

/// The same after a window in which next to nothing was spun away or slept: nobody asks it who waits where, and the window after one that
/// is otherwise has all of them again. A walk of the deep stacks of a network server takes some 50 us where nothing of its tables
/// is in the caches (measured on a host with two CPUs, 5,000 waits a second).
const MIN_STACKS_QUIET: u64 = 8;

/// Decisions so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Governor {
    /// For `Control::slice_mask`: a power of two less one.
    pub(super) slice_mask: u64,
    /// For `Control::min_stack_period`.
    pub(super) min_stack_period: u32,
    /// Time to the next drain.
    pub(super) drain_after: Duration,
    /// Records of one ring that are too many.
    crowded: u64,
    /// Whether [`CROWDED_TAPE`] are too many, after a quiet window that was too dear: each record costs the process about a
    /// microsecond.
    is_thinned: bool,
}

impl Default for Governor {
    fn default() -> Self {
        Self {
            slice_mask: INITIAL_SLICE_MASK,
            min_stack_period: 1,
            drain_after: DRAIN_EVERY,
            crowded: CROWDED,
            is_thinned: false,
        }
    }
}

impl Governor {
    /// For a session that is recorded.
    pub(super) fn of_recording() -> Self {
        Self {
            crowded: CROWDED_TAPE,
            ..Self::default()
        }
    }

    /// After a drain, so long after the one before. Says whether the mask changed.
    pub(super) fn drained(&mut self, drained: Drained, after: Duration) -> bool {
        let before = self.slice_mask;
        let nr_in_fullest = drained.nr_waits;
        // A drain at a close comes early: what it finds is of a shorter time.
        let filled = drained.other_share * DRAIN_RARELY.as_secs_f64();
        let has_room = filled < MOST_FILLED * after.as_secs_f64();
        let crowded = if self.is_thinned {
            CROWDED_TAPE
        } else {
            self.crowded
        };
        if nr_in_fullest >= crowded {
            // Once in one step: at a ring a drain the rate is unknown, only that it is too high.
            self.slice_mask = (self.slice_mask * 4 + 3).min(MAX_SLICE_MASK);
        } else if nr_in_fullest < crowded / SPARSE_SHARE {
            self.slice_mask /= 2;
        }
        self.drain_after = if nr_in_fullest >= SPARSE {
            DRAIN_EVERY
        } else if self.is_thinned && has_room {
            DRAIN_RARELY
        } else if self.slice_mask == 0 {
            // Once all waits are streamed: until then each drain learns something.
            DRAIN_SELDOM
        } else {
            DRAIN_EVERY
        };
        self.slice_mask != before
    }

    /// After a window. Says whether the period changed.
    pub(super) fn closed_window(&mut self, cost: Cost, waits: Waits) -> bool {
        let before = self.min_stack_period;
        let is_quiet = waits.waited_share < PLACE_SHARE;
        let least = if is_quiet {
            MIN_STACKS_QUIET
        } else {
            MIN_STACKS
        };
        let is_dear = cost.rest_pct + cost.programs_pct > BUDGET_PCT;
        // Until it is cheap enough to double what is given up, so that it does not come and go.
        let is_cheap = cost.rest_pct + cost.programs_pct < BUDGET_PCT / 2.0;
        self.is_thinned = is_quiet && (is_dear || (self.is_thinned && !is_cheap));
        let longest = u32::try_from(waits.nr_begun / least)
            .unwrap_or(u32::MAX)
            .max(1);
        if is_dear {
            self.min_stack_period = self.min_stack_period.saturating_mul(4);
        } else if cost.rest_pct + 2.0 * cost.programs_pct < BUDGET_PCT {
            // Twice the stacks cost at most twice what all programs cost.
            self.min_stack_period /= 2;
        }
        self.min_stack_period = self.min_stack_period.clamp(1, longest);
        self.min_stack_period != before
    }
}

/// The waits of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Waits {
    /// That the programs saw begin.
    pub(super) nr_begun: u64,
    /// Time spun and slept for them, as a share of what the CPUs have.
    pub(super) waited_share: f64,
}

/// What the tool cost in a window, in percent of the host's CPUs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    /// The programs of level 0.
    pub(super) programs_pct: f64,
    /// Probe level 1, and the process once it has started up: rarer stacks make it little cheaper, but the budget is
    /// one.
    pub(super) rest_pct: f64,
}

/// What the tool cost in `window`, and the waits of that. `is_steady`: it has started up.
pub(super) fn cost(window: &Window, is_steady: bool) -> (Cost, Waits) {
    let counters = window.cpu_counters.values();
    let sum = |of: fn(&CpuCounters) -> u64| counters.clone().map(of).fold(0, u64::saturating_add);
    let (self_ns, lockdep_ns) = (sum(|cpu| cpu.self_ns), sum(|cpu| cpu.lockdep_self_ns));
    let nr_begun = sum(|cpu| cpu.nr_begun);
    let capacity_ns = window.capacity_ns().max(1);
    let pct = |ns: u64| ns as f64 / capacity_ns as f64 * 100.0;
    let own_ns = window.own_cpu_ns().filter(|_| is_steady);
    let level1_ns = window.programs_cpu_ns().saturating_sub(self_ns);
    let cost = Cost {
        // What the governor can make no cheaper would only cost detail.
        programs_pct: pct(self_ns.saturating_sub(lockdep_ns)),
        rest_pct: pct(level1_ns.saturating_add(own_ns.unwrap_or(0))),
    };
    // Who sleeps for a lock may have spun before, where no tracepoint sees it.
    let waited_ns = window.locks.iter().map(|lock| lock.spin_ns + lock.sleep_ns);
    let waits = Waits {
        nr_begun,
        waited_share: waited_ns.sum::<u64>() as f64 / capacity_ns as f64,
    };
    (cost, waits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn waits_of(nr_waits: u64) -> Drained {
        Drained {
            nr_waits,
            other_share: 0.0,
        }
    }

    #[test]
    fn crowded_rings_thin_the_stream_and_sparse_ones_widen_it() {
        let mut governor = Governor::default();
        assert!(governor.drained(waits_of(CROWDED), DRAIN_EVERY));
        assert_eq!(governor.slice_mask, MAX_SLICE_MASK);
        for _ in 0..5 {
            governor.drained(waits_of(CROWDED), DRAIN_EVERY);
        }
        assert_eq!(governor.slice_mask, MAX_SLICE_MASK);
        assert!(!governor.drained(waits_of(CROWDED), DRAIN_EVERY));
        assert!(!governor.drained(waits_of(CROWDED - 1), DRAIN_EVERY));
        for _ in 0..6 {
            assert!(governor.drained(waits_of(0), DRAIN_EVERY));
            assert_eq!(
                (governor.slice_mask + 1) & governor.slice_mask,
                0,
                "a power of two less one"
            );
        }
        assert_eq!(governor.slice_mask, 0);
    }

    #[test]
    fn nearly_empty_rings_are_drained_seldom() {
        let mut governor = Governor::default();
        let mut nr_drains = 0;
        while governor.drain_after == DRAIN_EVERY {
            governor.drained(waits_of(SPARSE - 1), DRAIN_EVERY);
            nr_drains += 1;
        }
        assert_eq!((nr_drains, governor.slice_mask), (4, 0));
        assert_eq!(governor.drain_after, DRAIN_SELDOM);
        governor.drained(waits_of(SPARSE), DRAIN_EVERY);
        assert_eq!(governor.drain_after, DRAIN_EVERY);
    }

    #[test]
    fn a_dear_window_makes_stacks_rarer_but_leaves_some() {
        let mut governor = Governor::default();
        let storm = |nr_begun| Waits {
            nr_begun,
            waited_share: 0.5,
        };
        let waits = storm(1000 * MIN_STACKS);
        let cost = |programs, rest| Cost {
            programs_pct: BUDGET_PCT * programs,
            rest_pct: BUDGET_PCT * rest,
        };
        assert!(governor.closed_window(cost(1.1, 0.0), waits));
        assert_eq!(governor.min_stack_period, 4);
        assert!(!governor.closed_window(cost(0.7, 0.0), waits));
        assert!(
            !governor.closed_window(cost(0.4, 0.3), waits),
            "twice the stacks might be too dear"
        );
        assert!(governor.closed_window(cost(0.1, 0.0), waits));
        assert_eq!(governor.min_stack_period, 2);
        assert!(
            governor.closed_window(cost(0.6, 0.5), waits),
            "the budget is for all"
        );
        assert_eq!(governor.min_stack_period, 8);
        for _ in 0..20 {
            governor.closed_window(cost(100.0, 0.0), waits);
        }
        assert_eq!(governor.min_stack_period, 1000);
        assert!(
            governor.closed_window(cost(100.0, 0.0), storm(MIN_STACKS)),
            "few waits: each may have its stack"
        );
        assert_eq!(governor.min_stack_period, 1);
    }

    #[test]
    fn where_next_to_nothing_is_spun_away_less_is_looked_at_until_it_is() {
        let dear = Cost {
            programs_pct: BUDGET_PCT,
            rest_pct: BUDGET_PCT,
        };
        let waits = |waited_share| Waits {
            nr_begun: 1000 * MIN_STACKS,
            waited_share,
        };
        let mut governor = Governor::default();
        for _ in 0..20 {
            governor.closed_window(dear, waits(PLACE_SHARE / 2.0));
        }
        assert_eq!(governor.min_stack_period, 4000);
        governor.slice_mask = 0;
        assert!(
            governor.drained(waits_of(CROWDED_TAPE), DRAIN_EVERY),
            "half a ring is too much"
        );
        assert_eq!(governor.drain_after, DRAIN_EVERY);
        governor.drained(waits_of(SPARSE - 1), DRAIN_EVERY);
        assert_eq!(
            (governor.drain_after, governor.slice_mask),
            (DRAIN_RARELY, 3)
        );
        // Unless another ring would run full: half a percent in a millisecond is half of it in 100.
        for (other_share, ms, wanted) in [
            (0.06, 25, DRAIN_RARELY),
            (0.07, 25, DRAIN_EVERY),
            (0.24, 100, DRAIN_RARELY),
            (0.26, 100, DRAIN_EVERY),
            (0.005, 1, DRAIN_EVERY),
            (0.0, 0, DRAIN_EVERY),
        ] {
            let nr_waits = SPARSE - 1;
            let drained = Drained {
                nr_waits,
                other_share,
            };
            governor.slice_mask = 3;
            governor.drained(drained, Duration::from_millis(ms));
            assert_eq!(governor.drain_after, wanted, "{other_share} in {ms} ms");
        }
        governor.closed_window(dear, waits(PLACE_SHARE));
        assert_eq!(governor.min_stack_period, 1000);
        governor.slice_mask = 0;
        assert!(!governor.drained(waits_of(CROWDED_TAPE), DRAIN_EVERY));
        governor.drained(waits_of(0), DRAIN_EVERY);
        assert_eq!(governor.drain_after, DRAIN_SELDOM);
    }
}
