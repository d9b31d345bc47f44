//! Settings that cannot hold.
//!
//! In: where they stand, and what is wrong. Out: a message that names the place and says what to write instead.
//! Refuses: nothing.

use std::fmt;
use std::path::PathBuf;

use super::super::super::nearest::suggestion;

/// A place in the file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// Line.
    pub line: usize,
    /// Column, in characters.
    pub column: usize,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.path.display(), self.line, self.column)
    }
}

/// Why the settings were refused.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// No file, or none that may be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        why: std::io::Error,
    },
    /// Not TOML.
    #[error("{place}: not TOML: {message}")]
    Syntax {
        /// Where.
        place: Place,
        /// What the parser says.
        message: String,
    },
    /// No such key or table.
    #[error("{place}: there is no {what} `{name}`{}", suggestion(nearest))]
    Unknown {
        /// Where.
        place: Place,
        /// "key", or "table".
        what: &'static str,
        /// What was written.
        name: String,
        /// What may have been meant.
        nearest: Vec<String>,
    },
    /// A key of another table.
    #[error("{place}: `{key}` does not belong here: write it {}", below(tables))]
    Elsewhere {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// Where it belongs; above all tables if there are none.
        tables: Vec<&'static str>,
    },
    /// An option that has no key.
    #[error(
        "{place}: `{name}` cannot be set here, because it says what one run is for: type --{name}"
    )]
    OnlyTyped {
        /// Where.
        place: Place,
        /// The option.
        name: String,
    },
    /// A value of another type.
    #[error("{place}: `{key}` is {found}: write {expected}")]
    Type {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What was written.
        found: &'static str,
        /// What to write.
        expected: &'static str,
    },
    /// A value that the option does not take.
    #[error("{place}: `{key}` cannot be `{text}`: {advice}")]
    Value {
        /// Where.
        place: Place,
        /// The key.
        key: String,
        /// What was written.
        text: String,
        /// What to write instead.
        advice: String,
    },
    /// A variable with a value that the option does not take.
    #[error("the variable {name} cannot be `{text}`: {advice}")]
    Variable {
        /// The variable.
        name: String,
        /// What it holds.
        text: String,
        /// What to write instead.
        advice: String,
    },
}

impl SettingsError {
    /// Whether it is the file that is wrong.
    #[must_use]
    pub const fn is_of_file(&self) -> bool {
        !matches!(self, Self::Variable { .. })
    }
}

fn below(tables: &[&str]) -> String {
    match tables {
        [] => "above the first table".to_owned(),
        [rest @ .., last] if !rest.is_empty() => {
            format!("below [{}] or [{last}]", rest.join("], ["))
        }
        _ => format!("below [{}]", tables.concat()),
    }
}
