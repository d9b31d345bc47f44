//! The ledger of declared progress: from counters to states.
//!
//! In: one reading a source and window. Out: one [`DeclaredProgress`] a source and window. Refuses: to call a
//! counter that went backwards progress, and one that could not be read zero.

use serde::{Deserialize, Serialize};

use super::expectation::Expectation;
use super::pace::{Pace, Step};
use super::report::{DeclaredProgress, DeclaredState, combined};

/// A source as declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    /// Short name, for people.
    pub name: String,
    /// What was typed.
    pub spec: String,
    /// What is expected of it.
    pub expectation: Option<Expectation>,
}

/// A counter at the close of a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeclaredReading {
    /// Its value; `None`: could not see.
    pub value: Option<u64>,
}

/// The window that a reading closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Length.
    pub length_ns: u64,
    /// Busy time of all CPUs; `None`: could not see.
    pub busy_ns: Option<u64>,
    /// Whether its rates may serve as a comparison: the host was at work and hardly wasted any of it.
    pub is_quiet: bool,
}

/// What the sources did in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct DeclaredWindow {
    /// Each, with the tokens counted and the time in nanoseconds that they were counted over; `None` if that
    /// could not be seen.
    pub sources: Vec<(DeclaredProgress, Option<(u64, u64)>)>,
    /// All together.
    pub combined: DeclaredState,
}

/// Follows the sources of a run.
#[derive(Clone, Debug, Default)]
pub struct DeclaredLedger {
    sources: Vec<(Source, Follow)>,
}

/// One source since the begin.
#[derive(Clone, Debug)]
struct Follow {
    last: Option<u64>,
    /// Wall and busy time since it was read.
    since_ns: u64,
    since_busy_ns: Option<u64>,
    /// How long it has stood still, up to the last reading.
    still_ns: u64,
    has_moved: bool,
    stall_ns: u64,
    pace: Pace,
}

impl DeclaredLedger {
    /// For these sources and their values at the begin. One without an expectation has stalled when it stood
    /// still for longer than `stall_ns`.
    #[must_use]
    pub fn new(sources: Vec<Source>, first: &[DeclaredReading], stall_ns: u64) -> Self {
        let follow = |(index, source): (usize, Source)| {
            let stall_ns = match source.expectation {
                Some(Expectation::Zero { limit_ns }) => limit_ns,
                _ => stall_ns,
            };
            let follow = Follow {
                last: first.get(index).and_then(|reading| reading.value),
                since_ns: 0,
                since_busy_ns: Some(0),
                still_ns: 0,
                has_moved: false,
                stall_ns,
                pace: Pace::default(),
            };
            (source, follow)
        };
        Self {
            sources: sources.into_iter().enumerate().map(follow).collect(),
        }
    }

    /// Whether nothing was declared.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Takes the readings at the close of a window, in the order of the sources. A missing one could not be seen.
    pub fn observe(&mut self, readings: &[DeclaredReading], moment: Moment) -> DeclaredWindow {
        let sources: Vec<_> = self
            .sources
            .iter_mut()
            .enumerate()
            .map(|(index, (source, follow))| {
                let value = readings.get(index).and_then(|reading| reading.value);
                let (state, counted, reason) = follow.observe(source.expectation, value, moment);
                let progress = DeclaredProgress {
                    name: source.name.clone(),
                    spec: source.spec.clone(),
                    state,
                    rate_per_sec: counted.and_then(|(nr, ns)| super::pace::per_sec(nr, ns)),
                    expectation: source.expectation.map(|e| e.to_string()),
                    reason,
                };
                (progress, counted)
            })
            .collect();
        let combined = combined(sources.iter().map(|(progress, _)| progress.state));
        DeclaredWindow { sources, combined }
    }
}

type Judged = (DeclaredState, Option<(u64, u64)>, String);

impl Follow {
    fn observe(
        &mut self,
        expectation: Option<Expectation>,
        value: Option<u64>,
        moment: Moment,
    ) -> Judged {
        self.since_ns = self.since_ns.saturating_add(moment.length_ns);
        let busy_ns = self.since_busy_ns.zip(moment.busy_ns);
        self.since_busy_ns = busy_ns.map(|(a, b)| a.saturating_add(b));
        let Some(value) = value else {
            let reason = "it could not be read at the close of this window".to_owned();
            return (DeclaredState::Unknown, None, reason);
        };
        let step = Step {
            nr_tokens: 0,
            wall_ns: std::mem::take(&mut self.since_ns),
            busy_ns: self.since_busy_ns.replace(0),
        };
        let Some(last) = self.last.replace(value) else {
            let reason = "it was read for the first time".to_owned();
            return (DeclaredState::Unknown, None, reason);
        };
        let Some(nr_tokens) = value.checked_sub(last) else {
            return self.restarted(step);
        };
        let step = Step { nr_tokens, ..step };
        if nr_tokens > 0 {
            self.still_ns = 0;
            self.has_moved = true;
        } else {
            self.still_ns = self.still_ns.saturating_add(step.wall_ns);
        }
        self.pace.take(step);
        let (state, reason) = self.judge(expectation);
        if moment.is_quiet {
            self.pace.learn(step);
        }
        (state, Some((nr_tokens, step.wall_ns)), reason)
    }

    /// A counter that went backwards: how much was done is not known, and that it starts again is not progress.
    fn restarted(&mut self, step: Step) -> Judged {
        self.still_ns = self.still_ns.saturating_add(step.wall_ns);
        self.has_moved = false;
        self.pace.forget_steps();
        if let Some(reason) = self.stall() {
            return (DeclaredState::Stalled, None, reason);
        }
        let reason = "it went backwards: its program was started again".to_owned();
        (DeclaredState::Unknown, None, reason)
    }

    fn stall(&self) -> Option<String> {
        (self.still_ns > self.stall_ns).then(|| {
            format!(
                "no progress for {:.1} s, more than {:.1} s",
                seconds(self.still_ns),
                seconds(self.stall_ns)
            )
        })
    }

    fn judge(&self, expectation: Option<Expectation>) -> (DeclaredState, String) {
        if let Some(reason) = self.stall() {
            return (DeclaredState::Stalled, reason);
        }
        match expectation {
            Some(Expectation::Rate { min_per_sec }) => self.pace.against_rate(min_per_sec),
            Some(Expectation::RatePerCpu { min_per_busy_sec }) => {
                self.pace.against_rate_per_cpu(min_per_busy_sec)
            }
            Some(Expectation::Zero { .. }) if self.has_moved => {
                let reason = if self.still_ns == 0 {
                    "it moves".to_owned()
                } else {
                    format!("it stands still for {:.1} s only", seconds(self.still_ns))
                };
                (DeclaredState::KeepsPace, reason)
            }
            Some(Expectation::Zero { .. }) => (
                DeclaredState::Unknown,
                format!("no progress yet, for {:.1} s", seconds(self.still_ns)),
            ),
            None => self.pace.against_quiet(),
        }
    }
}

fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}
