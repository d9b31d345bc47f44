//! When windows close, and when an observation of limited length is over.
//!
//! In: how long to look, how long a window is, how many closed. Out: the next close, and whether it is the last. Refuses: to end
//! before there are as many windows as the rule looks at, if there would have been on a host that runs this process in time; but twice the
//! asked time is the end.

use std::time::{Duration, Instant};

use livelock_core::thresholds::NR_RULE_WINDOWS;

/// The closes of one observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closes {
    window: Duration,
    next: Instant,
    nr_closed: usize,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    asked: Instant,
    latest: Instant,
    nr_needed: usize,
}

impl Closes {
    /// The first window begins at `started`; without a `duration` there is always another one.
    pub(super) fn begin(started: Instant, window: Duration, duration: Option<Duration>) -> Self {
        let end = duration.map(|duration| {
            let nr_asked = duration.as_nanos() / window.as_nanos().max(1);
            End {
                asked: started + duration,
                latest: started + 2 * duration,
                nr_needed: usize::try_from(nr_asked)
                    .map_or(NR_RULE_WINDOWS, |nr| nr.min(NR_RULE_WINDOWS)),
            }
        });
        let mut closes = Self {
            window,
            next: started,
            nr_closed: 0,
            end,
        };
        closes.next = closes.after(started, end.map(|end| end.asked));
        closes
    }

    /// When the present window is to close.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// The present window was closed, and the next one begins at `now`; says whether it was the last.
    pub(super) fn closed(&mut self, now: Instant) -> bool {
        self.nr_closed += 1;
        let Some(end) = self.end else {
            self.next = self.after(now, None);
            return false;
        };
        let limit = if self.nr_closed >= end.nr_needed {
            end.asked
        } else {
            end.latest
        };
        let is_in_time = now < end.asked;
        self.next = self.after(now, Some(if is_in_time { end.asked } else { end.latest }));
        now >= limit
    }

    /// When the window that begins at `begin` closes: a rest before `limit` that is shorter than half a window joins it.
    fn after(&self, begin: Instant, limit: Option<Instant>) -> Instant {
        let close = begin + self.window;
        match limit {
            Some(limit) if close + self.window / 2 > limit => limit,
            _ => close,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// Ends of windows in milliseconds, each closed `late_ms` after it should be.
    fn ends(window_ms: u64, duration_ms: u64, late_ms: u64) -> Vec<u128> {
        let started = Instant::now();
        let mut closes = Closes::begin(started, ms(window_ms), Some(ms(duration_ms)));
        let mut ends = Vec::new();
        loop {
            let now = closes.next() + ms(late_ms);
            ends.push((now - started).as_millis());
            if closes.closed(now) {
                return ends;
            }
            assert!(ends.len() < 100, "{ends:?}");
        }
    }

    #[test]
    fn a_host_with_time_is_looked_at_as_long_as_asked() {
        assert_eq!(ends(300, 900, 0), [300, 600, 900]);
        // A rest of less than half a window joins the last one, a longer one is a window.
        assert_eq!(ends(300, 1000, 0), [300, 600, 1000]);
        assert_eq!(ends(300, 1060, 0), [300, 600, 900, 1060]);
        assert_eq!(ends(300, 100, 0), [100]);
    }

    #[test]
    fn late_windows_are_waited_for_until_there_are_enough() {
        // Two seconds late each: six of them, or twice the asked time.
        assert_eq!(ends(300, 5000, 2000), [2300, 4600, 7000, 9300, 11_600]);
        assert_eq!(ends(300, 5000, 700), [1000, 2000, 3000, 4000, 5000, 6000]);
        // A host that grants nothing ends it all the same.
        assert_eq!(ends(300, 5000, 20_000), [20_300]);
        assert_eq!(ends(300, 5000, 6000), [6300, 12_600]);
    }

    #[test]
    fn who_asks_for_few_windows_gets_them() {
        assert_eq!(ends(300, 600, 1000), [1300]);
        assert_eq!(ends(300, 300, 250), [550]);
    }

    #[test]
    fn without_an_end_there_is_another_window() {
        let started = Instant::now();
        let mut closes = Closes::begin(started, ms(300), None);
        for _ in 0..50 {
            let now = closes.next();
            assert!(!closes.closed(now));
            assert_eq!(closes.next() - now, ms(300));
        }
    }
}
