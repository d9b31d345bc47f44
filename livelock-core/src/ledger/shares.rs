//! Where busy CPUs were, in shares.
//!
//! In: a profile. Out: shares of its busy samples. Refuses: shares of too few samples.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::attempts::AttemptKind;
use crate::cause_class::CauseClass;
use crate::ledger::profile::{MAX_RT_PRIO, Profile};
use crate::ledger::waste::retry_share;
use crate::thresholds::NR_MIN_SAMPLES;

/// Shares of the busy samples of a window, 0 to 1.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SampledShares {
    /// With a function of the class in the stack.
    pub by_class: BTreeMap<CauseClass, f64>,
    /// In work items.
    pub work: f64,
    /// In kernel loops that retry, or where trylocks were counted and fail, on several CPUs.
    pub retry: f64,
    /// Of real-time tasks.
    pub real_time: f64,
    /// In a file system that traces its transactions.
    #[serde(default)]
    pub transactions: f64,
}

/// The shares of `profile`; `None`: too few samples to speak of any.
#[must_use]
pub fn shares(profile: &Profile) -> Option<SampledShares> {
    if profile.nr_busy < NR_MIN_SAMPLES {
        return None;
    }
    let of = |nr: u64| profile.share(nr).unwrap_or(0.0);
    let tasks = profile.owners.values().flat_map(|owners| owners.iter());
    let nr_real_time = tasks
        .filter(|(pid, owner)| pid.0 != 0 && owner.prio.is_some_and(|prio| prio < MAX_RT_PRIO))
        .map(|(_, owner)| owner.nr)
        .sum();
    let classes = profile.classes.iter();
    Some(SampledShares {
        by_class: classes.map(|(class, s)| (*class, of(s.nr))).collect(),
        work: of(profile.work.values().sum()),
        retry: retry_share(profile).max(profile.tried_in_vain(AttemptKind::Trylock)),
        real_time: of(nr_real_time),
        transactions: of(profile.nr_transactions),
    })
}
