//! Variables `LIVELOCK_…`.
//!
//! In: the environment. Out: the value of a key as it would be typed. Refuses: what the option would not take.

use std::ffi::OsString;

use super::error::SettingsError;
use super::keys::{Form, Key};

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
