//! Declared progress over a span.
//!
//! In: windows in the order of time. Out: one [`DeclaredProgress`] a source. Refuses: to keep windows.

use std::collections::BTreeMap;

use super::ledger::DeclaredWindow;
use super::pace::per_sec;
use super::report::{DeclaredProgress, DeclaredState};

/// Sums over a span; empty if nothing was declared.
#[derive(Clone, Debug, Default)]
pub struct DeclaredTally {
    sources: Vec<SourceTally>,
    /// Windows by what all sources said together.
    combined: BTreeMap<DeclaredState, u32>,
}

#[derive(Clone, Debug)]
struct SourceTally {
    last: DeclaredProgress,
    nr_tokens: u64,
    wall_ns: u64,
    /// Windows, and the last reason, by state.
    by_state: BTreeMap<DeclaredState, (u32, String)>,
}

impl DeclaredTally {
    /// Of one window.
    #[must_use]
    pub fn of_window(window: DeclaredWindow) -> Self {
        if window.sources.is_empty() {
            return Self::default();
        }
        let tally = |(last, counted): (DeclaredProgress, Option<(u64, u64)>)| {
            let (nr_tokens, wall_ns) = counted.unwrap_or((0, 0));
            SourceTally {
                by_state: BTreeMap::from([(last.state, (1, last.reason.clone()))]),
                last,
                nr_tokens,
                wall_ns,
            }
        };
        Self {
            sources: window.sources.into_iter().map(tally).collect(),
            combined: BTreeMap::from([(window.combined, 1)]),
        }
    }

    /// Adds what happened later.
    pub fn merge(&mut self, later: &Self) {
        if self.sources.is_empty() {
            self.clone_from(later);
            return;
        }
        for (mine, later) in self.sources.iter_mut().zip(&later.sources) {
            mine.last.clone_from(&later.last);
            mine.nr_tokens = mine.nr_tokens.saturating_add(later.nr_tokens);
            mine.wall_ns = mine.wall_ns.saturating_add(later.wall_ns);
            for (state, (nr, reason)) in &later.by_state {
                let entry = mine.by_state.entry(*state).or_default();
                entry.0 += nr;
                entry.1.clone_from(reason);
            }
        }
        for (state, nr) in &later.combined {
            *self.combined.entry(*state).or_default() += nr;
        }
    }

    /// Windows in which the sources together said `state`.
    #[must_use]
    pub fn nr_windows(&self, state: DeclaredState) -> u32 {
        self.combined.get(&state).copied().unwrap_or(0)
    }

    /// Windows in which they had failed.
    #[must_use]
    pub fn nr_failed(&self) -> u32 {
        self.nr_windows(DeclaredState::Collapsed) + self.nr_windows(DeclaredState::Stalled)
    }

    /// What the verdict says of each source. `of_failure`: the verdict is one of no progress, so that windows
    /// in which a source had failed speak for it however few they are.
    #[must_use]
    pub fn report(&self, of_failure: bool) -> Vec<DeclaredProgress> {
        self.sources
            .iter()
            .map(|source| source.report(of_failure))
            .collect()
    }
}

impl SourceTally {
    fn report(&self, of_failure: bool) -> DeclaredProgress {
        let is_failure = |state: DeclaredState| {
            matches!(state, DeclaredState::Collapsed | DeclaredState::Stalled)
        };
        let most = |wanted: &dyn Fn(DeclaredState) -> bool| {
            self.by_state
                .iter()
                .filter(|(state, _)| wanted(**state))
                .max_by_key(|(state, (nr, _))| (*nr, **state))
        };
        // A known state outweighs any number of windows that told nothing.
        let found = Some(())
            .filter(|()| of_failure)
            .and_then(|()| most(&is_failure))
            .or_else(|| most(&|state| state != DeclaredState::Unknown))
            .or_else(|| most(&|_| true));
        let mut report = self.last.clone();
        if let Some((state, (_, reason))) = found {
            report.state = *state;
            report.reason.clone_from(reason);
        }
        report.rate_per_sec = per_sec(self.nr_tokens, self.wall_ns);
        report
    }
}
