//! Which groups of probe level 1 the next window deserves.
//!
//! In: one observation a window, and what the groups cost in it. Out: a set of groups. Refuses: to keep a group that
//! costs more than the tool may; it is tried again later, so that long incidents still get a window of it now and
//! then.

use super::cost::{all_pct, allowance_pct, measured_pct, predicted_pct, too_dear};
use super::needs;
use crate::detect::Observation;
use crate::probes::{GroupSet, ProbeGroup};
use crate::thresholds as at;
use crate::window::Window;

/// What is remembered of a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct State {
    nr_quiet: usize,
    nr_barred: u32,
}

/// Decides on the probe groups.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Escalation {
    groups: GroupSet,
    /// What groups have cost beyond their allowance and not saved since, in percent of the CPUs times windows. While
    /// there is such a debt, nothing comes of which nobody can say what it costs.
    debt_pct: f64,
    states: [State; ProbeGroup::ALL.len()],
}

impl Escalation {
    /// Takes a window, and says which groups the next one deserves.
    pub fn next(&mut self, window: &Window, seen: &Observation) -> GroupSet {
        let needed = if is_suspicious(window, seen) {
            needs::groups(window, seen)
        } else {
            GroupSet::EMPTY
        };
        let dear = too_dear(window);
        let allowance_pct = allowance_pct(window);
        let most_pct = allowance_pct * f64::from(at::NR_BARRED_WINDOWS);
        self.debt_pct = (self.debt_pct + all_pct(window) - allowance_pct).clamp(0.0, most_pct);
        let mut stay = GroupSet::EMPTY;
        let mut come = GroupSet::EMPTY;
        for (group, state) in ProbeGroup::ALL.into_iter().zip(&mut self.states) {
            state.nr_barred = if dear.has(group) {
                at::NR_BARRED_WINDOWS
            } else {
                state.nr_barred.saturating_sub(1)
            };
            state.nr_quiet = if needed.has(group) {
                0
            } else {
                state.nr_quiet.saturating_add(1)
            };
            if state.nr_barred > 0 {
                continue;
            }
            if self.groups.has(group) {
                if state.nr_quiet < at::NR_CLEAR_WINDOWS {
                    stay = stay.with(group);
                }
            } else if needed.has(group) {
                come = come.with(group);
            }
        }
        let may_risk = self.debt_pct <= 0.0;
        self.groups = affordable(stay, come, may_risk, window, seen);
        self.groups
    }
}

/// `stay`, and of `come` those whose predicted cost the budget has room for. A group without a prediction comes if
/// something may be risked, and is measured.
fn affordable(
    stay: GroupSet,
    come: GroupSet,
    may_risk: bool,
    window: &Window,
    seen: &Observation,
) -> GroupSet {
    let mut groups = stay;
    let spent_pct: f64 = stay.iter().map(|group| measured_pct(group, window)).sum();
    let mut left_pct = allowance_pct(window) - spent_pct;
    for group in come.iter() {
        match predicted_pct(group, window) {
            // Where most of the CPU time goes is worth one dear look in eleven windows.
            Some(pct)
                if pct > left_pct && !(may_risk && needs::is_suspect(group, window, seen)) => {}
            Some(pct) => {
                left_pct -= pct;
                groups = groups.with(group);
            }
            None if may_risk => groups = groups.with(group),
            None => {}
        }
    }
    groups
}

/// Spinning worth a word, a wait that does not end, CPUs that are busy but hardly with user code. But not what
/// level 0 has explained already: in a storm of traced locks, every further program only adds to it.
fn is_suspicious(window: &Window, seen: &Observation) -> bool {
    let is_explained = seen
        .stall_omega
        .is_some_and(|omega| omega >= at::OMEGA_WITH_BASELINE)
        && seen.is_corroborated();
    // That retries are in vain is known from here alone.
    let rests_on_retries = seen
        .sampled
        .as_ref()
        .is_some_and(|sampled| sampled.retry >= at::PLACE_SHARE);
    if is_explained && !rests_on_retries {
        return false;
    }
    let spins = match (seen.omega, seen.occupied()) {
        (Some(omega), Some(busy)) => {
            omega >= at::OMEGA_CONTENDED && omega * busy >= at::CONTENDED_MIN_BURN
        }
        _ => false,
    };
    // Whatever they interrupt, without a time of their own they count as that.
    let is_interrupted = needs::has_many_interrupts(window);
    let is_busy_elsewhere =
        seen.is_full() && seen.user_share.is_none_or(|user| user < at::MAJORITY);
    spins
        || is_busy_elsewhere
        || is_interrupted
        || !seen.stuck.is_empty()
        || seen.starved.is_some()
        || seen.rt_hog.is_some()
}
