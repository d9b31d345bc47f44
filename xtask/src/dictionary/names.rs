//! The names that livelock knows.
//!
//! In: the dictionaries and the lists of the core. Out: all, with where each stands. Refuses: to list a name that the
//! core does not use.

use anyhow::Context as _;
use livelock_core::detectors::DETECTORS;
use livelock_core::lock_dictionary::{Dictionary, Elsewhere, KnownLock};
use livelock_core::spin_functions::{Group, SpinDictionary};

/// The dictionaries' files, read anew: the core's own copies hide what is wrong with them.
const LOCKS: &str = include_str!("../../../livelock-core/data/lock-dictionary.toml");
const SPIN_FUNCTIONS: &str = include_str!("../../../livelock-core/data/spin-functions.toml");

/// All that livelock knows by name.
pub(super) struct Known {
    pub(super) locks: Vec<KnownLock>,
    pub(super) elsewhere: Vec<Elsewhere>,
    /// Functions in which a CPU spins or idles, or does something with a lock.
    pub(super) roles: Vec<Group>,
    /// Functions of detectors, with who lists them.
    pub(super) patterns: Vec<(String, String)>,
}

impl Known {
    pub(super) fn of_this_version() -> anyhow::Result<Self> {
        let dictionary = Dictionary::read(LOCKS).context("failed to read lock-dictionary.toml")?;
        let spin =
            SpinDictionary::read(SPIN_FUNCTIONS).context("failed to read spin-functions.toml")?;
        let of_detectors = DETECTORS.iter().flat_map(|detector| {
            let who = format!("detector {:?}", detector.class);
            let functions = detector.functions.iter();
            functions.map(move |function| ((*function).to_owned(), who.clone()))
        });
        Ok(Self {
            locks: dictionary.locks().to_vec(),
            elsewhere: dictionary.elsewhere().to_vec(),
            roles: spin.groups().to_vec(),
            patterns: of_detectors.collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_something_to_check() {
        let known = Known::of_this_version().unwrap();
        assert!(known.locks.len() > 100 && known.patterns.len() > 200);
        let mut spin = known.roles.iter().flat_map(|group| &group.functions);
        assert!(spin.any(|function| function.pattern == "osq_lock"));
    }
}
