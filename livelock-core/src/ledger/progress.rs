//! The progress ledger: what a window achieved, by cheap counters and lock hand-offs.
//!
//! In: a window. Out: tokens by source, and the baseline of tokens per busy second. Refuses: to
//! call few tokens a collapse without a baseline; level 0 sees no system calls, so that a program
//! which makes millions of them shows none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::time::share;
use crate::probes::Probe;
use crate::thresholds::{NR_BASELINE_MIN, NR_BASELINE_WINDOWS};
use crate::window::Window;

/// Tokens by source; a source that this host does not show, or not of the scope alone, is absent.
pub type Tokens = BTreeMap<&'static str, u64>;

const HANDOFFS: &str = "handoffs";
const SWITCHES: &str = "context_switches";

/// The tokens of `window`.
#[must_use]
pub fn tokens(window: &Window) -> Tokens {
    let p = &window.progress;
    let nr_handoffs = (!window.cpu_counters.is_empty()).then(|| {
        let acquired =
            |lock: &crate::window::LockWindow| lock.nr_waits.saturating_sub(lock.nr_failed);
        window.locks.iter().map(acquired).sum()
    });
    // A thread that ends has done something, one that begins has not yet. Recordings of older versions have no exits.
    let threads = match p.nr_exits {
        Some(_) => ("exits", p.nr_exits),
        None => ("forks", p.nr_forks),
    };
    [
        (SWITCHES, p.nr_context_switches),
        threads,
        ("page_faults", p.nr_page_faults),
        ("block_completions", p.nr_block_completions),
        ("packets", p.nr_packets),
        (HANDOFFS, nr_handoffs),
    ]
    .into_iter()
    .filter_map(|(source, nr)| Some((source, nr?)))
    .collect()
}

/// Share of the switches that were no preemption and no yielding. `None`: could not see.
fn voluntary_share(window: &Window) -> Option<f64> {
    let activity = window.activity.as_ref()?;
    let involuntary = activity
        .nr_involuntary_switches
        .filter(|_| activity.sees(Probe::SchedSwitch))?;
    share(
        activity.nr_switches.saturating_sub(involuntary),
        activity.nr_switches,
    )
}

/// Those of `tokens` that are no hand-offs of locks.
#[must_use]
pub fn beside_locks(mut tokens: Tokens) -> Tokens {
    tokens.remove(HANDOFFS);
    tokens
}

/// Those of `tokens`, which are of `window`, that show by themselves that something was achieved: no hand-offs of locks, and no
/// preemptions and yields where they are told from other switches. A baseline is compared with all of them instead: quiet windows do not
/// tell switches apart.
#[must_use]
pub fn achieved(window: &Window, tokens: Tokens) -> Tokens {
    let mut tokens = beside_locks(tokens);
    if let (Some(nr), Some(share)) = (tokens.get_mut(SWITCHES), voluntary_share(window)) {
        *nr = (*nr as f64 * share) as u64;
    }
    tokens
}

/// Tokens per busy second; `None` if nothing could be counted or nothing was busy.
#[must_use]
pub fn pi(tokens: &Tokens, busy_ns: u64) -> Option<f64> {
    if tokens.is_empty() || busy_ns == 0 {
        return None;
    }
    let nr: u64 = tokens.values().sum();
    Some(nr as f64 * 1e9 / busy_ns as f64)
}

/// The sources that told tokens so far.
#[derive(Clone, Debug, Default)]
pub struct Sources(BTreeSet<&'static str>);

impl Sources {
    /// Whether none of those that ever told is missing from `tokens`: a sum without one of them is less for another reason
    /// than that less was achieved.
    pub fn are_all_in(&mut self, tokens: &Tokens) -> bool {
        let are_all = self.0.iter().all(|source| tokens.contains_key(source));
        self.0.extend(tokens.keys());
        are_all
    }
}

/// `pi` of the last quiet windows.
#[derive(Clone, Debug, Default)]
pub struct Baseline {
    quiet: VecDeque<f64>,
}

impl Baseline {
    /// Takes the `pi` of a quiet window.
    pub fn learn(&mut self, pi: f64) {
        if self.quiet.len() == NR_BASELINE_WINDOWS {
            self.quiet.pop_front();
        }
        self.quiet.push_back(pi);
    }

    /// The median; `None` before there are [`NR_BASELINE_MIN`].
    #[must_use]
    pub fn pi0(&self) -> Option<f64> {
        if self.quiet.len() < NR_BASELINE_MIN {
            return None;
        }
        let mut sorted: Vec<f64> = self.quiet.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activity::Activity;
    use crate::ids::MonotonicNs;
    use crate::probes::{GroupSet, ProbeGroup, ProbeSet};
    use crate::window::WindowBuilder;

    #[test]
    fn a_baseline_needs_five_windows_and_forgets_the_sixty_first() {
        let mut baseline = Baseline::default();
        for _ in 0..4 {
            baseline.learn(10.0);
        }
        assert_eq!(baseline.pi0(), None);
        baseline.learn(10.0);
        assert_eq!(baseline.pi0(), Some(10.0));
        for _ in 0..60 {
            baseline.learn(20.0);
        }
        assert_eq!(baseline.pi0(), Some(20.0));
        assert_eq!(baseline.quiet.len(), 60);
    }

    #[test]
    fn a_window_that_lacks_a_source_is_not_compared() {
        let mut sources = Sources::default();
        let whole = Tokens::from([("context_switches", 900), ("handoffs", 5)]);
        assert!(sources.are_all_in(&whole));
        assert!(!sources.are_all_in(&Tokens::from([("handoffs", 5)])));
        let more = Tokens::from([("context_switches", 0), ("handoffs", 0), ("packets", 1)]);
        assert!(sources.are_all_in(&more));
        assert!(!sources.are_all_in(&whole));
    }

    #[test]
    fn pi_is_unknown_without_counters_or_busy_time() {
        assert_eq!(pi(&Tokens::new(), 1_000), None);
        assert_eq!(pi(&Tokens::from([("forks", 3)]), 0), None);
        assert_eq!(pi(&Tokens::from([("forks", 3)]), 1_500_000_000), Some(2.0));
    }

    #[test]
    fn what_was_preempted_or_yielded_achieved_nothing() {
        let window = |nr_involuntary_switches, groups: GroupSet| {
            let mut window = WindowBuilder::new(1).close(MonotonicNs(0), MonotonicNs(1));
            window.progress.nr_context_switches = Some(1_000);
            window.progress.nr_forks = Some(20);
            window.progress.nr_exits = Some(3);
            window.activity = Some(Activity {
                probes: ProbeSet::of(groups),
                nr_switches: 500,
                nr_involuntary_switches,
                ..Activity::default()
            });
            achieved(&window, tokens(&window))
        };
        let scheduler = GroupSet::EMPTY.with(ProbeGroup::Scheduler);
        let seen = window(Some(400), scheduler);
        let expected = Tokens::from([("context_switches", 200), ("exits", 3)]);
        assert_eq!(seen, expected);
        let all = Tokens::from([("context_switches", 1_000), ("exits", 3)]);
        assert_eq!(
            window(None, scheduler),
            all,
            "a recording of an older version"
        );
        assert_eq!(window(Some(400), GroupSet::EMPTY), all, "nobody looked");
    }
}
