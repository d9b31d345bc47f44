//! When windows close, and when an observation of limited length is over.
//!
//! In: how long to look, how long a window is, how many closed, whether the answer is open. Out: the next close, and whether it is
//! the last. Refuses: to end before there are as many windows as the rule looks at, if there would have been on a host that runs this
//! process in time, or before an open question is answered; but twice the asked time is the end, four times if there is no verdict without
//! more windows.

use std::time::{Duration, Instant};

use livelock_core::thresholds::{NR_MIN_WINDOWS, NR_RULE_WINDOWS};

/// How many times the asked time an observation takes at most: what is asked for is a wish for an answer by then.
const MOST_TIMES: u32 = 2;

/// The same while there are too few windows for any answer: on emulated hosts with six of eight CPUs missing a window takes up to 7 s
/// (docs/testing.md, results), and half an answer helps nobody.
const MOST_TIMES_WITHOUT: u32 = 4;

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
    /// The end where there are too few windows to tell anything.
    latest_without: Instant,
    nr_least: usize,
}

impl End {
    const fn latest(&self, nr_closed: usize) -> Instant {
        if nr_closed < self.nr_least {
            self.latest_without
        } else {
            self.latest
        }
    }
}

impl Closes {
    /// The first window begins at `started`; without a `duration` there is always another one.
    pub(super) fn begin(started: Instant, window: Duration, duration: Option<Duration>) -> Self {
        let end = duration.map(|duration| {
            let nr_asked = duration.as_nanos() / window.as_nanos().max(1);
            let nr_asked = usize::try_from(nr_asked).unwrap_or(usize::MAX);
            End {
                asked: started + duration,
                latest: started + MOST_TIMES * duration,
                nr_needed: nr_asked.min(NR_RULE_WINDOWS),
                latest_without: started + MOST_TIMES_WITHOUT * duration,
                nr_least: nr_asked.min(NR_MIN_WINDOWS),
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

    /// The present window was closed, and the next one begins at `now`.
    pub(super) fn closed(&mut self, now: Instant) {
        self.nr_closed += 1;
        let limit = self.end.map(|end| {
            if now < end.asked {
                end.asked
            } else {
                end.latest(self.nr_closed)
            }
        });
        self.next = self.after(now, limit);
    }

    /// Whether the window closed at `now` was the last. When the asked time is over, `is_open` says whether the question is open.
    pub(super) fn is_over(&self, now: Instant, is_open: impl FnOnce() -> bool) -> bool {
        self.end.is_some_and(|end| {
            let is_due = now >= end.asked && self.nr_closed >= end.nr_needed;
            now >= end.latest(self.nr_closed) || (is_due && !is_open())
        })
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
        ends_of((window_ms, duration_ms, late_ms), |_| false)
    }

    /// Likewise, if the window that ended after so many milliseconds left the question open.
    fn ends_of(
        (window_ms, duration_ms, late_ms): (u64, u64, u64),
        is_open: impl Fn(u128) -> bool,
    ) -> Vec<u128> {
        let started = Instant::now();
        let mut closes = Closes::begin(started, ms(window_ms), Some(ms(duration_ms)));
        let mut ends = Vec::new();
        loop {
            let now = closes.next() + ms(late_ms);
            let end_ms = (now - started).as_millis();
            ends.push(end_ms);
            closes.closed(now);
            let is_open = || {
                assert!(end_ms >= u128::from(duration_ms), "asked in the asked time");
                is_open(end_ms)
            };
            if closes.is_over(now, is_open) {
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
        // Below three windows nothing can be told.
        assert_eq!(ends(300, 5000, 4000), [4300, 8600, 12_900]);
        assert_eq!(ends(300, 5000, 6000), [6300, 12_600, 18_900]);
        // A host that grants nothing ends it all the same.
        assert_eq!(ends(300, 5000, 9500), [9800, 19_600, 29_500]);
        assert_eq!(ends(300, 5000, 20_000), [20_300]);
    }

    #[test]
    fn an_open_question_is_waited_for() {
        let until = |ms| move |end_ms| end_ms < ms;
        assert_eq!(ends_of((300, 900, 0), until(900)), [300, 600, 900]);
        assert_eq!(
            ends_of((300, 900, 0), until(1300)),
            [300, 600, 900, 1200, 1500]
        );
        // Without an answer as well it ends.
        assert_eq!(
            ends_of((300, 900, 0), |_| true),
            [300, 600, 900, 1200, 1500, 1800]
        );
        assert_eq!(ends_of((300, 900, 2000), |_| true), [2300, 4600]);
    }

    #[test]
    fn who_asks_for_few_windows_gets_them() {
        assert_eq!(ends(300, 600, 1000), [1300, 2600]);
        assert_eq!(ends(300, 300, 250), [550]);
    }

    #[test]
    fn without_an_end_there_is_another_window() {
        let started = Instant::now();
        let mut closes = Closes::begin(started, ms(300), None);
        for _ in 0..50 {
            let now = closes.next();
            closes.closed(now);
            assert!(!closes.is_over(now, || false));
            assert_eq!(closes.next() - now, ms(300));
        }
    }
}
