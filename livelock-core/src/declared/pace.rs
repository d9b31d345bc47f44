//! Rates, and what they are compared with.
//!
//! In: tokens by window. Out: whether a source keeps pace. Refuses: to compare before enough tokens were due; one
//! token a second is none in half of the windows of 500 ms.

use std::collections::VecDeque;

use super::report::DeclaredState;
use crate::thresholds as at;

/// What one source did between two readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) nr_tokens: u64,
    pub(super) wall_ns: u64,
    /// Busy time of all CPUs; `None`: could not see.
    pub(super) busy_ns: Option<u64>,
}

/// The recent steps of one source.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace {
    steps: VecDeque<Step>,
    quiet_per_sec: VecDeque<f64>,
}

/// How a rate compares.
enum Compared {
    /// It is this.
    Rate(f64),
    /// Too little was due so far.
    TooFew,
    /// Busy time was not seen.
    Unseen,
}

impl Pace {
    pub(super) fn take(&mut self, step: Step) {
        if self.steps.len() == at::NR_DECLARED_STEPS {
            self.steps.pop_front();
        }
        self.steps.push_back(step);
    }

    pub(super) fn forget_steps(&mut self) {
        self.steps.clear();
    }

    /// Takes the rate of a quiet window.
    pub(super) fn learn(&mut self, step: Step) {
        let Some(rate) = per_sec(step.nr_tokens, step.wall_ns) else {
            return;
        };
        if self.quiet_per_sec.len() == at::NR_BASELINE_WINDOWS {
            self.quiet_per_sec.pop_front();
        }
        self.quiet_per_sec.push_back(rate);
    }

    pub(super) fn against_rate(&self, min_per_sec: f64) -> (DeclaredState, String) {
        let rate = self.recent_rate(min_per_sec, |step| Some(step.wall_ns));
        verdict(rate, min_per_sec, "a second", "")
    }

    pub(super) fn against_rate_per_cpu(&self, min_per_busy_sec: f64) -> (DeclaredState, String) {
        let rate = self.recent_rate(min_per_busy_sec, |step| step.busy_ns);
        verdict(rate, min_per_busy_sec, "a busy second", "")
    }

    pub(super) fn against_quiet(&self) -> (DeclaredState, String) {
        let Some(median) = self.quiet_median() else {
            let reason = format!(
                "no rate was stated, and fewer than {} quiet windows to compare with were seen",
                at::NR_BASELINE_MIN
            );
            return (DeclaredState::Unknown, reason);
        };
        if median <= 0.0 {
            let reason = "it stood still in quiet windows, so there is nothing to compare with";
            return (DeclaredState::Unknown, reason.to_owned());
        }
        let rate = self.recent_rate(median, |step| Some(step.wall_ns));
        let floor = at::DECLARED_COLLAPSED * median;
        let of_what = format!(
            ", {:.0} % of the {} of quiet windows",
            100.0 * at::DECLARED_COLLAPSED,
            number(median)
        );
        verdict(rate, floor, "a second", &of_what)
    }

    /// The rate of the last steps in which [`at::NR_DECLARED_DUE`] tokens were due at the rate `due`, or were seen.
    fn recent_rate(&self, due: f64, basis_ns: impl Fn(&Step) -> Option<u64>) -> Compared {
        let (mut nr_tokens, mut total_ns) = (0u64, 0u64);
        for step in self.steps.iter().rev() {
            let Some(ns) = basis_ns(step) else {
                return Compared::Unseen;
            };
            nr_tokens = nr_tokens.saturating_add(step.nr_tokens);
            total_ns = total_ns.saturating_add(ns);
            let nr_due = due * total_ns as f64 / 1e9;
            if nr_due >= at::NR_DECLARED_DUE
                && let Some(rate) = per_sec(nr_tokens, total_ns)
            {
                return Compared::Rate(rate);
            }
        }
        match per_sec(nr_tokens, total_ns) {
            Some(rate) if nr_tokens as f64 >= at::NR_DECLARED_DUE => Compared::Rate(rate),
            _ => Compared::TooFew,
        }
    }

    fn quiet_median(&self) -> Option<f64> {
        if self.quiet_per_sec.len() < at::NR_BASELINE_MIN {
            return None;
        }
        let mut sorted: Vec<f64> = self.quiet_per_sec.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

fn verdict(rate: Compared, floor: f64, per: &str, of_what: &str) -> (DeclaredState, String) {
    let rate = match rate {
        Compared::Rate(rate) => rate,
        Compared::TooFew => {
            let reason = format!(
                "not observed for long enough to tell {} {per} from less",
                number(floor)
            );
            return (DeclaredState::Unknown, reason);
        }
        Compared::Unseen => {
            let reason = "the busy time of the CPUs could not be seen".to_owned();
            return (DeclaredState::Unknown, reason);
        }
    };
    let (state, word) = if rate >= floor {
        (DeclaredState::KeepsPace, "at least")
    } else {
        (DeclaredState::Collapsed, "less than")
    };
    let reason = format!("{} {per}, {word} {}{of_what}", number(rate), number(floor));
    (state, reason)
}

/// Tokens a second; `None` without time.
pub(super) fn per_sec(nr_tokens: u64, ns: u64) -> Option<f64> {
    (ns > 0).then(|| nr_tokens as f64 * 1e9 / ns as f64)
}

/// With as many digits as say something.
pub(super) fn number(value: f64) -> String {
    if value >= 100.0 {
        format!("{value:.0}")
    } else if value >= 1.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.3}")
    }
}
