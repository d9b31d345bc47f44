//! When to look closer: probe level 1.
//!
//! In: one observation a window, and what level 1 cost in it. Out: the level of the next window. Refuses: to stay
//! at a level that costs more than the tool may; it is tried again later, so that long incidents still get
//! a window of it now and then.

use crate::detect::Observation;
use crate::thresholds as at;
use crate::window::Window;

/// Decides on the probe level.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Escalation {
    level: u8,
    nr_quiet: usize,
    nr_barred: u32,
}

impl Escalation {
    /// Takes a window, and says which level the next one deserves.
    pub fn next(&mut self, window: &Window, seen: &Observation) -> u8 {
        if cost_pct(window) > at::SELF_BUDGET_PCT {
            self.nr_barred = at::NR_BARRED_WINDOWS;
        } else {
            self.nr_barred = self.nr_barred.saturating_sub(1);
        }
        self.nr_quiet = if is_suspicious(seen) {
            0
        } else {
            self.nr_quiet + 1
        };
        let wants = self.nr_quiet == 0 || (self.level > 0 && self.nr_quiet < at::NR_CLEAR_WINDOWS);
        self.level = u8::from(wants && self.nr_barred == 0);
        self.level
    }
}

/// What level 1 cost, in percent of the host's CPUs; 0 while it was not attached.
#[must_use]
pub fn cost_pct(window: &Window) -> f64 {
    let ns = cost_ns(window);
    100.0 * ns as f64 / window.capacity_ns().max(1) as f64
}

/// The same in nanoseconds.
#[must_use]
pub fn cost_ns(window: &Window) -> u64 {
    window
        .activity
        .as_ref()
        .map_or(0, |activity| activity.self_ns)
}

/// Spinning worth a word, a wait that does not end, CPUs that are busy but hardly with user code. But not what
/// level 0 has explained already: in a storm of traced locks, every further program only adds to it.
fn is_suspicious(seen: &Observation) -> bool {
    let is_explained = seen
        .stall_omega
        .is_some_and(|omega| omega >= at::OMEGA_WITH_BASELINE)
        && seen.is_corroborated();
    if is_explained {
        return false;
    }
    let spins = match (seen.omega, seen.busy) {
        (Some(omega), Some(busy)) => {
            omega >= at::OMEGA_CONTENDED && omega * busy >= at::CONTENDED_MIN_BURN
        }
        _ => false,
    };
    let is_busy_elsewhere = seen.busy.is_some_and(|busy| busy >= at::BUSY_FOR_LIVELOCK)
        && seen.user_share.is_none_or(|user| user < at::MAJORITY);
    spins
        || is_busy_elsewhere
        || !seen.stuck.is_empty()
        || seen.starved.is_some()
        || seen.rt_hog.is_some()
}
