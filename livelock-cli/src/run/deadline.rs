//! When windows close, and when an observation of limited length is over.
//!
//! In: how long to look, how long a window is, how many closed, whether the answer is open. Out: the next close, and whether it is
//! the last. Refuses: to end before there are as many windows as the rule looks at, if there would have been on a host that runs this
//! process in time, or before an open question is answered; but twice the asked time is the end, four times if there is no verdict without
//! more windows, or without more of them that tell what is being counted.

use std::time::{Duration, Instant};

use livelock_core::thresholds::{NR_MIN_WINDOWS, NR_RULE_WINDOWS};

/// How many times the asked time an observation takes at most: what is asked for is a wish for an answer by then.
const MOST_TIMES: u32 = 2;

/// The same while there are too few windows for any answer, or too few that tell what was counted on demand: on emulated hosts with six of eight CPUs missing a window takes up to 7 s
/// (docs/testing.md, results), and half an answer helps nobody.
const MOST_TIMES_WITHOUT: u32 = 4;

/// What is known of what is counted on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Counts {
    /// Nothing is to be counted, or it gave nothing.
    None,
    /// It is under way, and the window tells nothing of it.
    UnderWay,
    /// The window tells it, or there is nothing left to count.
    Told,
}

/// The closes of one observation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closes {
    window: Duration,
    next: Instant,
    nr_closed: usize,
    /// Windows that told what is counted; `None` before something was to be.
    nr_telling: Option<usize>,
    counts: Counts,
    end: Option<End>,
}

#[derive(Clone, Copy, Debug)]
struct End {
    asked: Instant,
    latest: Instant,
    nr_needed: usize,
    /// The end where there are too few windows.
    latest_without: Instant,
    nr_least: usize,
}

impl End {
    const fn latest(&self, lacks_windows: bool) -> Instant {
        if lacks_windows {
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
            nr_telling: None,
            counts: Counts::None,
            end,
        };
        closes.next = closes.after(started, end.map(|end| end.asked));
        closes
    }

    /// When the present window is to close.
    pub(super) const fn next(&self) -> Instant {
        self.next
    }

    /// Windows that were closed.
    pub(super) const fn nr_closed(&self) -> usize {
        self.nr_closed
    }

    /// The present window was closed, and the next one begins at `now`.
    pub(super) fn closed(&mut self, now: Instant, counts: Counts) {
        self.nr_closed += 1;
        if counts != Counts::None {
            *self.nr_telling.get_or_insert_default() += usize::from(counts == Counts::Told);
        }
        self.counts = counts;
        let limit = self.end.map(|end| {
            if now < end.asked {
                end.asked
            } else {
                end.latest(self.lacks_windows(&end))
            }
        });
        self.next = self.after(now, limit);
    }

    /// Whether what is counted on demand is not yet told by as many windows as the rule looks at: those before speak against it.
    pub(super) fn lacks_counts(&self) -> bool {
        let few = |nr| self.end.is_some_and(|end| nr < end.nr_needed);
        self.counts != Counts::None && self.nr_telling.is_some_and(few)
    }

    fn lacks_windows(&self, end: &End) -> bool {
        self.nr_closed < end.nr_least || self.lacks_counts()
    }

    /// Whether the window closed at `now` was the last. When the asked time is over, `is_open` says whether the question is open.
    pub(super) fn is_over(&self, now: Instant, is_open: impl FnOnce() -> bool) -> bool {
        self.end.is_some_and(|end| {
            let is_due = now >= end.asked && self.nr_closed >= end.nr_needed;
            now >= end.latest(self.lacks_windows(&end)) || (is_due && !is_open())
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
    fn ends_of(times_ms: (u64, u64, u64), is_open: impl Fn(u128) -> bool) -> Vec<u128> {
        ends_with(times_ms, is_open, |_| Counts::None)
    }

    /// Likewise, with what is known of counts after so many windows.
    fn ends_with(
        (window_ms, duration_ms, late_ms): (u64, u64, u64),
        is_open: impl Fn(u128) -> bool,
        counts: impl Fn(usize) -> Counts,
    ) -> Vec<u128> {
        let started = Instant::now();
        let mut closes = Closes::begin(started, ms(window_ms), Some(ms(duration_ms)));
        let mut ends = Vec::new();
        loop {
            let now = closes.next() + ms(late_ms);
            let end_ms = (now - started).as_millis();
            ends.push(end_ms);
            closes.closed(now, counts(ends.len()));
            let is_open = || {
                assert!(end_ms >= u128::from(duration_ms), "asked in the asked time");
                is_open(end_ms)
            };
            if closes.is_over(now, || closes.lacks_counts() | is_open()) {
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
    fn windows_without_what_is_being_counted_do_not_suffice() {
        let counts = |under_way: std::ops::RangeInclusive<usize>, after| {
            move |nr: usize| match nr {
                nr if nr < *under_way.start() => Counts::None,
                nr if nr <= *under_way.end() => Counts::UnderWay,
                _ => after,
            }
        };
        let ends = |late_ms, under_way, after| {
            let ends = ends_with((300, 5000, late_ms), |_| false, counts(under_way, after));
            (ends.len(), ends.last().copied())
        };
        let told = Counts::Told;
        // A host with time has counted long before.
        assert_eq!(ends(0, 2..=3, told), (17, Some(5000)));
        // Then it takes as many as the rule looks at, of those that tell it, or four times the asked time.
        assert_eq!(ends(700, 2..=2, told), (8, Some(8000)));
        assert_eq!(ends(3000, 2..=2, told), (7, Some(23_000)));
        assert_eq!(ends(3000, 1..=9, told), (7, Some(23_000)));
        // It came at once.
        let at_once = |nr: usize| if nr < 4 { Counts::None } else { told };
        let ends_at_once = ends_with((300, 5000, 700), |_| false, at_once);
        assert_eq!(ends_at_once.last(), Some(&9000));
        // It gave nothing.
        assert_eq!(ends(700, 2..=2, Counts::None), (6, Some(6000)));
        assert_eq!(ends(3000, 2..=2, Counts::None), (4, Some(13_000)));
        // Windows between two counts tell nothing either.
        let in_turns = |nr: usize| match nr {
            0..3 => Counts::None,
            nr if nr % 4 == 3 => Counts::UnderWay,
            _ => told,
        };
        let ends_in_turns = ends_with((300, 5000, 700), |_| false, in_turns);
        assert_eq!(ends_in_turns.last(), Some(&10_000));
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
            closes.closed(now, Counts::None);
            assert!(!closes.is_over(now, || false));
            assert_eq!(closes.next() - now, ms(300));
        }
    }
}
