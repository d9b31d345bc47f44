//! The names that livelock knows.
//!
//! In: the dictionary and the lists of the core. Out: both, with where each stands. Refuses: to list a name that the
//! core does not use.

use anyhow::Context as _;
use livelock_core::detectors::DETECTORS;
use livelock_core::lock_dictionary::{Dictionary, Elsewhere, KnownLock};
use livelock_core::spin_functions;

/// The dictionary's file, read anew: the core's own copy hides what is wrong with it.
const TEXT: &str = include_str!("../../../livelock-core/data/lock-dictionary.toml");

/// All that livelock knows by name.
pub(super) struct Known {
    pub(super) locks: Vec<KnownLock>,
    pub(super) elsewhere: Vec<Elsewhere>,
    /// Functions of detectors and spin loops, with who lists them.
    pub(super) patterns: Vec<(String, String)>,
}

impl Known {
    pub(super) fn of_this_version() -> anyhow::Result<Self> {
        let dictionary = Dictionary::read(TEXT).context("failed to read the dictionary")?;
        let of_detectors = DETECTORS.iter().flat_map(|detector| {
            let who = format!("detector {:?}", detector.class);
            let functions = detector.functions.iter();
            functions.map(move |function| ((*function).to_owned(), who.clone()))
        });
        let of_loops = spin_functions::patterns().map(|name| (name, "spin_functions".to_owned()));
        Ok(Self {
            locks: dictionary.locks().to_vec(),
            elsewhere: dictionary.elsewhere().to_vec(),
            patterns: of_detectors.chain(of_loops).collect(),
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
        assert!(known.patterns.iter().any(|(name, _)| name == "osq_lock"));
    }
}
