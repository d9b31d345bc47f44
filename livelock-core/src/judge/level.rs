//! How bad the recent windows were, and when a level is entered and left.
//!
//! In: one observation a window. Out: [`Level`]s by the 5-of-6 rule, the fast path, the age rule and
//! hysteresis. Refuses: to enter the live-lock level on one window, or on what is no longer than a burst.

use std::collections::{BTreeMap, VecDeque};

use crate::detect::{Observation, StuckSpin};
use crate::ids::{CpuId, LockAddr, MonotonicNs};
use crate::thresholds as at;

/// Levels of contention.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// None to speak of.
    #[default]
    Quiet,
    /// omega >= 0.1.
    Contended,
    /// omega >= 0.3.
    Degraded,
    /// No progress.
    Livelock,
}

impl Level {
    /// The levels that windows vote on, worst first.
    const RANKED: [Self; 3] = [Self::Livelock, Self::Degraded, Self::Contended];

    /// What one window says.
    pub(super) fn of_window(seen: &Observation) -> Self {
        if seen.no_progress {
            return Self::Livelock;
        }
        let (Some(omega), Some(busy)) = (seen.omega, seen.occupied()) else {
            return Self::Quiet;
        };
        let is_trifle = omega * busy < at::CONTENDED_MIN_BURN;
        // One signal, on a host that is not even full, is no reason to disturb anybody.
        let is_doubtful =
            !seen.is_seen_twice() && (omega < at::OMEGA_SAMPLED_ONLY || !seen.is_full());
        if is_trifle || is_doubtful {
            Self::Quiet
        } else if omega >= at::OMEGA_DEGRADED {
            Self::Degraded
        } else if seen
            .stall_omega
            .is_some_and(|omega| omega >= at::OMEGA_CONTENDED)
        {
            // Waits for other CPUs are worth a word only if they cost much: every unmap makes some.
            Self::Contended
        } else {
            Self::Quiet
        }
    }

    const fn enter_omega(self) -> f64 {
        match self {
            Self::Livelock => at::OMEGA_WITHOUT_BASELINE,
            Self::Degraded => at::OMEGA_DEGRADED,
            Self::Contended | Self::Quiet => at::OMEGA_CONTENDED,
        }
    }
}

/// A stuck wait from close to close.
#[derive(Clone, Copy, Debug, Default)]
struct StuckSince {
    nr_closes: u32,
    /// Windows in a row, up to now, in which its CPU did nothing else.
    nr_idle_windows: u32,
}

/// What the rules need of a window.
#[derive(Clone, Copy, Debug)]
struct Recent {
    duration_ns: u64,
    level: Level,
    omega: f64,
    /// Without the CPU that holds a lock which stands still.
    vain_omega: f64,
    /// Whether it lacked progress but for an omega a little too low.
    is_near: bool,
}

/// Adds the latest, and forgets what the rule does not ask for.
fn push(windows: &mut VecDeque<Recent>, latest: Recent) {
    if windows.len() == at::NR_RULE_WINDOWS {
        windows.pop_front();
    }
    windows.push_back(latest);
}

/// What the last windows were like.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    recent: VecDeque<Recent>,
    /// The same without windows that this tool disturbed: what may make a live lock.
    undisturbed: VecDeque<Recent>,
    stuck: BTreeMap<(CpuId, LockAddr, MonotonicNs), StuckSince>,
    nr_stuck_no_progress: usize,
    nr_clear: usize,
    held: Level,
    /// Close at which each level was first reached.
    first: BTreeMap<Level, MonotonicNs>,
    stuck_livelock: bool,
    /// Time without progress, or nearly without, since there was some for more than a moment.
    vain_ns: u64,
    nr_progressing: usize,
    /// Windows that were left out because of this tool since one showed progress that was not.
    nr_disturbed: usize,
    /// Their time.
    disturbed_ns: u64,
}

impl History {
    /// Takes one window.
    pub(super) fn observe(&mut self, seen: &Observation) {
        let duration_ns = seen.end.since(seen.begin);
        let is_near = seen.no_progress || seen.wastes_without_user(at::OMEGA_NEAR);
        let window = Recent {
            duration_ns,
            level: Level::of_window(seen),
            omega: seen.stall_omega.unwrap_or(0.0),
            vain_omega: seen.vain_omega().unwrap_or(0.0),
            is_near,
        };
        push(&mut self.recent, window);
        if self.is_disturbed(&window, seen) {
            self.nr_disturbed += 1;
            self.disturbed_ns += duration_ns;
        } else {
            if window.level < Level::Livelock {
                self.nr_disturbed = 0;
                self.disturbed_ns = 0;
            }
            self.follow_burst(is_near, duration_ns);
            push(&mut self.undisturbed, window);
        }
        self.follow_stuck(seen);
        let mut reached = self.reached();
        if seen.is_capped() {
            reached = reached.min(Level::Degraded);
        }
        for level in Level::RANKED.into_iter().filter(|&level| level <= reached) {
            self.first.entry(level).or_insert(seen.end);
        }
        self.hold(reached, seen);
    }

    /// Whether a window between others without progress is left out of what may make a live lock, because this tool itself was in
    /// the way: it attaches more probes then, and a CPU on which it runs is one that waits for nothing.
    fn is_disturbed(&self, window: &Recent, seen: &Observation) -> bool {
        let is_own = seen
            .time
            .as_ref()
            .and_then(|time| time.own_pct)
            .is_some_and(|pct| pct >= 100.0 * at::OWN_SHARE_DISTURBS);
        let last = self.undisturbed.back();
        // What shows none of the waste is no collapse with a tool in its way.
        let still_wastes = window.level >= Level::Degraded
            && seen
                .user_share
                .is_some_and(|user| user <= at::USER_SHARE_COLLAPSED);
        is_own
            && still_wastes
            && !seen.no_progress
            && !seen.is_capped()
            && self.nr_disturbed < at::NR_DISTURBED_WINDOWS
            && self.disturbed_ns + window.duration_ns <= at::BURST_NS
            && last.is_some_and(|seen| seen.level == Level::Livelock)
    }

    /// The worst level reached by any window so far, or, in a run shorter than the rule, by all of it.
    pub(super) fn worst(&self) -> Level {
        let worst = self.first.keys().copied().max().unwrap_or_default();
        worst.max(self.short_run())
    }

    /// The level now, with hysteresis.
    pub(super) fn held(&self) -> Level {
        self.held.max(self.short_run())
    }

    /// Whether the next windows may make a live lock of it: the last one had no progress.
    pub(super) fn is_open(&self) -> bool {
        let last = self.undisturbed.back();
        last.is_some_and(|seen| seen.level == Level::Livelock) && self.worst() < Level::Livelock
    }

    /// Close at which `level` (or worse) was first reached by a full rule.
    pub(super) fn first_reached(&self, level: Level) -> Option<MonotonicNs> {
        self.first.get(&level).copied()
    }

    /// Whether the age rule, not the share of waste, made it a live lock.
    pub(super) const fn is_stuck_livelock(&self) -> bool {
        self.stuck_livelock
    }

    fn hits(&self, level: Level) -> usize {
        let windows = if level == Level::Livelock {
            &self.undisturbed
        } else {
            &self.recent
        };
        windows.iter().filter(|seen| seen.level >= level).count()
    }

    fn reached(&mut self) -> Level {
        let fast = self.undisturbed.iter().rev().take(at::NR_FAST_WINDOWS);
        let is_fast = self.undisturbed.len() >= at::NR_FAST_WINDOWS
            && fast
                .into_iter()
                .all(|seen| seen.level == Level::Livelock && seen.omega >= at::OMEGA_FAST);
        let is_livelock = is_fast || self.is_sustained() || self.is_lasting();
        let by_share = if is_livelock && !self.may_be_burst() {
            Level::Livelock
        } else if self.recent.len() >= at::NR_RULE_HITS {
            // Five of five are five of six, whatever the sixth will be.
            self.worst_of(at::NR_RULE_HITS)
        } else {
            Level::Quiet
        };
        let is_stuck = self.nr_stuck_no_progress >= at::NR_STUCK_NO_PROGRESS
            || self.stuck.values().any(|wait| {
                wait.nr_closes >= at::NR_STUCK_CLOSES
                    && wait.nr_idle_windows + 1 >= at::NR_STUCK_CLOSES
            });
        if by_share != Level::Livelock && is_stuck {
            self.stuck_livelock = true;
            return Level::Livelock;
        }
        by_share
    }

    /// The share of waste of one window scatters about its mean, and a collapse whose mean is above the
    /// threshold has windows below it: then the mean of the windows decides, if none of them is far off.
    fn is_sustained(&self) -> bool {
        let last = || self.undisturbed.iter().rev().take(at::NR_RULE_HITS);
        let mean = last().map(|seen| seen.vain_omega).sum::<f64>() / at::NR_RULE_HITS as f64;
        self.undisturbed.len() >= at::NR_RULE_HITS
            && last().all(|seen| seen.is_near)
            && last().any(|seen| seen.level == Level::Livelock)
            && mean >= at::OMEGA_WITHOUT_BASELINE
    }

    /// A host with nothing to spare closes windows late, and few of them. Then time decides instead of their number:
    /// as much as the rule asks for with windows of a second, and as large a share.
    fn is_lasting(&self) -> bool {
        let vain = || {
            self.undisturbed
                .iter()
                .filter(|seen| seen.level == Level::Livelock)
        };
        let vain_ns: u64 = vain().map(|seen| seen.duration_ns).sum();
        let whole_ns: u64 = self.undisturbed.iter().map(|seen| seen.duration_ns).sum();
        vain().count() >= at::NR_LASTING_WINDOWS
            && vain_ns >= at::LASTING_NS
            && vain_ns as f64 * at::NR_RULE_WINDOWS as f64
                >= whole_ns as f64 * at::NR_RULE_HITS as f64
    }

    /// Runs between the fast path and the rule: the same share of windows, rounded up, is all of them.
    fn short_run(&self) -> Level {
        let nr = self.recent.len();
        if !(at::NR_MIN_WINDOWS..at::NR_RULE_WINDOWS).contains(&nr) {
            return Level::Quiet;
        }
        self.worst_of((at::NR_RULE_HITS * nr).div_ceil(at::NR_RULE_WINDOWS))
    }

    /// The worst level that so many of the last windows had at least.
    fn worst_of(&self, nr_needed: usize) -> Level {
        let reached = |&level: &Level| {
            let is_doubtful = level == Level::Livelock && self.may_be_burst();
            !is_doubtful && self.hits(level) >= nr_needed
        };
        Level::RANKED.into_iter().find(reached).unwrap_or_default()
    }

    /// Whether what there was without progress is no longer than bursts are.
    const fn may_be_burst(&self) -> bool {
        self.vain_ns < at::BURST_NS
    }

    fn follow_burst(&mut self, is_vain: bool, duration_ns: u64) {
        if is_vain {
            self.vain_ns = self.vain_ns.saturating_add(duration_ns);
            self.nr_progressing = 0;
            return;
        }
        self.nr_progressing += 1;
        if self.nr_progressing >= at::NR_BURST_END_WINDOWS {
            self.vain_ns = 0;
        }
    }

    /// A wait is the same one while CPU, lock and begin are. Its CPU was at work in the window in
    /// which it began, so that window says nothing.
    fn follow_stuck(&mut self, seen: &Observation) {
        let before = std::mem::take(&mut self.stuck);
        for &StuckSpin {
            cpu,
            lock,
            begin,
            cpu_progressed,
            ..
        } in &seen.stuck
        {
            let key = (cpu, lock, begin);
            let mut since = before.get(&key).copied().unwrap_or_default();
            since.nr_closes += 1;
            since.nr_idle_windows = if cpu_progressed {
                0
            } else {
                since.nr_idle_windows + 1
            };
            self.stuck.insert(key, since);
        }
        self.nr_stuck_no_progress = if seen.no_progress && !seen.stuck.is_empty() {
            self.nr_stuck_no_progress + 1
        } else {
            0
        };
    }

    fn hold(&mut self, reached: Level, seen: &Observation) {
        if reached > self.held {
            self.held = reached;
            self.nr_clear = 0;
            return;
        }
        // Unknown is not clear.
        let is_clear = if self.held == Level::Livelock && seen.is_capped() {
            true
        } else {
            seen.stuck.is_empty()
                && !seen.no_progress
                && seen.busy.is_some()
                && seen.omega.unwrap_or(0.0) < at::HYSTERESIS * self.held.enter_omega()
        };
        self.nr_clear = if is_clear { self.nr_clear + 1 } else { 0 };
        if self.nr_clear >= at::NR_CLEAR_WINDOWS {
            self.held = reached;
            self.nr_clear = 0;
        }
    }
}
