//! What is kept of the windows of a span.
//!
//! In: windows with their books and observations. Out: [`SpanTally`], which merges in the order of
//! time. Refuses: to keep windows.

use std::collections::BTreeMap;

use super::level::Level;
use super::standing::Standing;
use crate::activity::{Activity, HostCounters, StarvedTask};
use crate::declared::DeclaredTally;
use crate::detect::{Observation, StuckSpin};
use crate::ids::MonotonicNs;
use crate::ledger::cpu_means::CpuMeans;
use crate::ledger::profile::Profile;
use crate::ledger::progress::Tokens;
use crate::ledger::time::{TimeBooks, share};
use crate::locks::LocksTally;
use crate::thresholds::{BURST_NS, LOST_CAPS, LOST_FORBIDS, NR_LOST_TOLERATED};
use crate::verdict::{Accounting, ProgressState};
use crate::window::Window;

/// Sums over a span.
#[derive(Clone, Debug, Default)]
pub(super) struct SpanTally {
    pub(super) begin: Option<MonotonicNs>,
    pub(super) end: Option<MonotonicNs>,
    pub(super) wall_ns: u64,
    pub(super) capacity_ns: u64,
    pub(super) nr_windows: u32,
    pub(super) nr_visible: u32,
    pub(super) books: TimeBooks,
    /// Books of the windows that spoke for a level (or a worse one), and how many they are.
    pub(super) by_level: BTreeMap<Level, (u32, TimeBooks)>,
    pub(super) tokens: Tokens,
    pub(super) states: BTreeMap<ProgressState, u32>,
    pub(super) pi0: Option<f64>,
    pub(super) nr_pages: Option<(u64, u64)>,
    /// Only explain.
    pub(super) cpus: CpuMeans,
    pub(super) locks: LocksTally,
    pub(super) nr_begun: u64,
    pub(super) nr_lost: u64,
    pub(super) nr_stacks: u64,
    pub(super) self_ns: u64,
    pub(super) own_cpu_ns: u64,
    /// What programs and process cost after the start-up, and of how much.
    pub(super) steady_ns: u64,
    pub(super) steady_capacity_ns: u64,
    pub(super) nr_stuck_windows: u32,
    pub(super) oldest_stuck: Option<StuckSpin>,
    pub(super) standing: Standing,
    pub(super) accounting: Accounting,
    pub(super) profile: Profile,
    pub(super) counters: HostCounters,
    pub(super) activity: Option<Activity>,
    /// Sites at which attempts were counted, of all windows.
    pub(super) nr_counted_sites: usize,
    pub(super) starved: Option<StarvedTask>,
    pub(super) nr_starved_windows: u32,
    pub(super) declared: DeclaredTally,
}

impl SpanTally {
    /// Of one window.
    pub(super) fn of_window(
        window: &Window,
        books: Option<TimeBooks>,
        profile: Profile,
        tokens: Tokens,
        seen: &Observation,
        locks: LocksTally,
    ) -> Self {
        let sum = |f: fn(&crate::event::CpuCounters) -> u64| {
            window.cpu_counters.values().map(f).sum::<u64>()
        };
        let nr_missed = window.nr_recursion_misses.unwrap_or(0);
        let level = Level::of_window(seen);
        let by_level = [Level::Contended, Level::Degraded, Level::Livelock]
            .into_iter()
            .filter(|&each| each <= level)
            .map(|each| (each, (1, books.unwrap_or_default())))
            .collect();
        Self {
            begin: Some(window.begin),
            end: Some(window.end),
            wall_ns: window.duration_ns(),
            capacity_ns: window.capacity_ns(),
            nr_windows: 1,
            nr_visible: u32::from(books.is_some()),
            books: books.unwrap_or_default(),
            by_level,
            tokens,
            states: BTreeMap::from([(seen.progress, 1)]),
            pi0: seen.pi0,
            nr_pages: window
                .progress
                .nr_pages_scanned
                .zip(window.progress.nr_pages_reclaimed),
            cpus: CpuMeans::of_window(&seen.cpus, window.duration_ns()),
            locks,
            nr_begun: sum(|c| c.nr_begun) + nr_missed,
            nr_lost: sum(|c| c.lost.values().sum()) + nr_missed,
            nr_stacks: sum(|c| c.nr_stacks),
            self_ns: window.programs_cpu_ns(),
            own_cpu_ns: window.own_cpu_ns().unwrap_or(0),
            steady_ns: 0,
            steady_capacity_ns: 0,
            nr_stuck_windows: u32::from(!seen.stuck.is_empty()),
            oldest_stuck: seen.stuck.first().copied(),
            standing: Standing::of_window(window, level, &seen.stuck),
            accounting: window.accounting.clone(),
            profile,
            counters: window.host.clone(),
            activity: window.activity.clone(),
            nr_counted_sites: window.attempts.len(),
            starved: seen.starved,
            nr_starved_windows: u32::from(seen.starved.is_some()),
            declared: DeclaredTally::default(),
        }
    }

    /// Says that it is none of the start-up.
    pub(super) const fn mark_steady(&mut self) {
        self.steady_ns = self.self_ns + self.own_cpu_ns;
        self.steady_capacity_ns = self.capacity_ns;
    }

    /// Adds what happened later.
    pub(super) fn merge(&mut self, later: &Self) {
        self.merge_sums(later);
        for (source, nr) in &later.tokens {
            *self.tokens.entry(source).or_default() += nr;
        }
        self.cpus.merge(&later.cpus);
        self.locks.merge(&later.locks);
        self.standing.merge(&later.standing);
        self.profile.merge(&later.profile);
        self.counters.merge(&later.counters);
        // A state, not a count: what workers did last is the latest window's, if it looked.
        if let Some(mine) = &mut self.activity {
            mine.last_work.clear();
        }
        match (&mut self.activity, &later.activity) {
            (Some(mine), Some(later)) => mine.merge(later),
            (mine @ None, Some(later)) => *mine = Some(later.clone()),
            (_, None) => {}
        }
        self.declared.merge(&later.declared);
    }

    /// Adds what a status depends on. Locks, single CPUs, samples and what level 1 counted only explain it, and are most of the
    /// work.
    pub(super) fn merge_sums(&mut self, later: &Self) {
        self.begin = self.begin.or(later.begin);
        self.end = later.end.or(self.end);
        self.wall_ns += later.wall_ns;
        self.capacity_ns += later.capacity_ns;
        self.nr_windows += later.nr_windows;
        self.nr_visible += later.nr_visible;
        self.books.merge(&later.books);
        for (level, (nr, books)) in &later.by_level {
            let mine = self.by_level.entry(*level).or_default();
            mine.0 += nr;
            mine.1.merge(books);
        }
        for (state, nr) in &later.states {
            *self.states.entry(*state).or_default() += nr;
        }
        self.pi0 = later.pi0.or(self.pi0);
        self.nr_pages = match (self.nr_pages, later.nr_pages) {
            (Some(a), Some(b)) => Some((a.0 + b.0, a.1 + b.1)),
            (a, b) => a.or(b),
        };
        self.nr_begun += later.nr_begun;
        self.nr_lost += later.nr_lost;
        self.nr_stacks += later.nr_stacks;
        self.self_ns += later.self_ns;
        self.own_cpu_ns += later.own_cpu_ns;
        self.steady_ns += later.steady_ns;
        self.steady_capacity_ns += later.steady_capacity_ns;
        self.nr_stuck_windows += later.nr_stuck_windows;
        self.nr_counted_sites += later.nr_counted_sites;
        let age_ns = |stuck: &Option<StuckSpin>| stuck.map(|s| s.age_ns);
        if age_ns(&later.oldest_stuck) > age_ns(&self.oldest_stuck) {
            self.oldest_stuck = later.oldest_stuck;
        }
        self.accounting = later.accounting.clone();
        let waited_ns = |task: &Option<StarvedTask>| task.map(|task| task.age_ns);
        if waited_ns(&later.starved) > waited_ns(&self.starved) {
            self.starved = later.starved;
        }
        self.nr_starved_windows += later.nr_starved_windows;
    }

    /// Books of the windows that spoke for `level`; of all if none did.
    pub(super) fn books_at(&self, level: Level) -> (u32, &TimeBooks) {
        match self.by_level.get(&level) {
            Some((nr, books)) => (*nr, books),
            None => (0, &self.books),
        }
    }

    /// Windows that showed no progress.
    pub(super) fn nr_no_progress(&self) -> u32 {
        self.by_level.get(&Level::Livelock).map_or(0, |(nr, _)| *nr)
    }

    /// Whether those were no longer together than bursts are.
    pub(super) fn may_be_burst(&self) -> bool {
        let (_, books) = self.books_at(Level::Livelock);
        let part = share(books.capacity_ns, self.books.capacity_ns);
        part.is_some_and(|part| part * (self.wall_ns as f64) < BURST_NS as f64)
    }

    /// Lost waits, with those that nobody can explain.
    pub(super) fn nr_missing(&self) -> u64 {
        self.nr_lost + self.accounting.unaccounted.unsigned_abs()
    }

    /// Share of begun waits that is missing.
    pub(super) fn lost_share(&self) -> f64 {
        self.nr_missing() as f64 / self.nr_begun.max(1) as f64
    }

    /// Whether so much is missing that no answer holds.
    pub(super) fn is_lossy(&self) -> bool {
        self.nr_missing() > NR_LOST_TOLERATED && self.lost_share() > LOST_FORBIDS
    }

    /// Whether so much is missing that the answer is doubtful.
    pub(super) fn is_doubtful(&self) -> bool {
        self.nr_missing() > NR_LOST_TOLERATED && self.lost_share() > LOST_CAPS
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::activity::LastWork;
    use crate::ids::{CodeAddr, MonotonicNs, Pid};

    #[test]
    fn an_item_is_open_for_as_long_as_somebody_looks() {
        let seen = |until, work: &[(u32, u64)]| {
            let begun = work.iter().map(|&(pid, began)| {
                let last = LastWork {
                    began: Some(MonotonicNs(began)),
                    function: Some(CodeAddr(0xf00)),
                    ..LastWork::default()
                };
                (Pid(pid), last)
            });
            SpanTally {
                activity: Some(Activity {
                    last_work: begun.collect::<BTreeMap<_, _>>(),
                    until: Some(MonotonicNs(until)),
                    ..Activity::default()
                }),
                ..SpanTally::default()
            }
        };
        let open = |later: &SpanTally| -> Vec<(Pid, u64)> {
            let mut span = seen(100, &[(7, 40)]);
            span.merge(later);
            let activity = span.activity.expect("looked at");
            let open = activity.open_work();
            open.map(|(pid, _, age_ns)| (pid, age_ns)).collect()
        };
        assert_eq!(open(&seen(200, &[(7, 40)])), [(Pid(7), 160)]);
        assert_eq!(open(&seen(200, &[(8, 150)])), [(Pid(8), 50)]);
        assert_eq!(open(&seen(200, &[])), [], "the group was detached");
        assert_eq!(open(&SpanTally::default()), [], "nothing is attached");
    }
}
