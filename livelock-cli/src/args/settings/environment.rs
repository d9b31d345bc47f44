//! Variables `LIVELOCK_…`.
//!
//! In: the environment. Out: the value of a key as it would be typed; names that may be misspelt. Refuses: what the option would not take.

use std::ffi::OsString;

use super::error::SettingsError;
use super::keys::{Form, KEYS, Key, TABLES};
use super::layers::PATH_VARIABLE;
use crate::nearest::MIN_LIKENESS;

/// What all of them begin with.
const PREFIX: &str = "LIVELOCK_";

/// What `key` is set to for the command `table`, or for all, and by which variable. An empty one is not set.
pub(super) fn value(
    variable: &dyn Fn(&str) -> Option<OsString>,
    table: Option<&str>,
    key: &Key,
) -> Result<Option<(String, String)>, SettingsError> {
    let name = key.variable(table);
    let Some(raw) = variable(&name).filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let text = raw.to_string_lossy();
    let text = match key.form {
        Form::Switch => match text.as_ref() {
            "1" | "true" | "yes" | "on" => "true".to_owned(),
            "0" | "false" | "no" | "off" => "false".to_owned(),
            _ => text.into_owned(),
        },
        Form::Word | Form::Number | Form::Count => text.into_owned(),
    };
    match key.check(table, &text) {
        Ok(()) => Ok(Some((text, name))),
        Err(advice) => Err(SettingsError::Variable { name, text, advice }),
    }
}

/// A line for each of `names` that sets nothing and is like one that does. Other programs may have theirs.
pub fn misspelt<'a>(names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let tables = || TABLES.into_iter().map(Some).chain([None]);
    let of_table = |table| {
        let keys = KEYS.iter().filter(move |key| key.is_of(table));
        keys.map(move |key| key.variable(table))
    };
    let mut known: Vec<String> = tables().flat_map(of_table).collect();
    known.push(PATH_VARIABLE.to_owned());
    let like = |name: &str| {
        // What all have in common says nothing of likeness.
        let word = name.strip_prefix(PREFIX)?;
        let likeness = |known: &str| {
            let known = known.strip_prefix(PREFIX).unwrap_or(known);
            strsim::jaro_winkler(word, known)
        };
        let all = known.iter().map(|known| (likeness(known), known));
        let best = all.max_by(|(a, _), (b, _)| a.total_cmp(b));
        best.filter(|(likeness, _)| (MIN_LIKENESS..1.0).contains(likeness))
    };
    names
        .filter_map(|name| {
            let (_, meant) = like(name)?;
            Some(format!(
                "the variable {name} sets nothing; did you mean {meant}?"
            ))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(name: &str) -> Option<String> {
        misspelt([name].into_iter()).into_iter().next()
    }

    #[test]
    fn a_name_that_is_like_one_is_told_and_no_other() {
        assert_eq!(said("LIVELOCK_DURATION"), None);
        assert_eq!(said("LIVELOCK_WATCH_MAX_LEVEL"), None);
        assert_eq!(said("LIVELOCK_CONFIG"), None);
        let told = said("LIVELOCK_MAXLEVEL").unwrap();
        assert_eq!(
            told,
            "the variable LIVELOCK_MAXLEVEL sets nothing; did you mean LIVELOCK_MAX_LEVEL?"
        );
        assert!(
            said("LIVELOCK_DURATON")
                .unwrap()
                .contains(" LIVELOCK_DURATION?")
        );
        // Of the tests, of a cluster that has a service of this name, and of somebody else.
        assert_eq!(said("LIVELOCK_PORT"), None);
        assert_eq!(said("LIVELOCK_SERVICE_HOST"), None);
        assert_eq!(said("LIVELOCK_NO_LIVE"), None);
        assert_eq!(said("LIVELOCK_LAB_KERNEL_LOG"), None);
        assert_eq!(said("DURATON"), None);
    }
}
