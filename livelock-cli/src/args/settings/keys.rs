//! Which options can be set otherwise than by typing them, and where.
//!
//! In: the definition of the command line. Out: keys, the commands that have them, and whether a value suits. Refuses:
//! keys for what one run is for (what is written where, which lock, which process): a script must get what it typed.

use std::error::Error as _;

use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use clap::{Arg, Command};

use super::super::command;

/// An option, by its long name.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::args) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// Whether one value can be meant for all commands that have the option.
    is_shared: bool,
}

/// How its value is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// In quotes.
    Word,
    /// A whole number.
    Number,
    /// How often the option would be typed.
    Count,
    /// `true` or `false`.
    Switch,
}

/// Most that a count can be: `-vvv`.
const MAX_COUNT: u8 = 3;

/// All keys but `progress`, which is a list.
pub(in crate::args) const KEYS: [Key; 18] = [
    shared("color", Form::Word),
    shared("verbose", Form::Count),
    shared("duration", Form::Word),
    shared("window", Form::Word),
    of_one_command("format", Form::Word),
    shared("plain", Form::Switch),
    shared("ascii", Form::Switch),
    shared("quiet", Form::Switch),
    shared("cpu", Form::Word),
    shared("max-level", Form::Number),
    shared("sample-hz", Form::Number),
    shared("user-stacks", Form::Switch),
    shared("source-lines", Form::Switch),
    shared("max-size", Form::Word),
    shared("ring", Form::Word),
    shared("trigger", Form::Word),
    shared("cooldown", Form::Word),
    shared("keep", Form::Number),
];

/// Commands that have a table in the file.
pub(in crate::args) const TABLES: [&str; 4] = ["diagnose", "watch", "export", "record"];

const fn shared(name: &'static str, form: Form) -> Key {
    Key {
        name,
        form,
        is_shared: true,
    }
}

const fn of_one_command(name: &'static str, form: Form) -> Key {
    Key {
        name,
        form,
        is_shared: false,
    }
}

impl Key {
    /// The key of this name.
    pub(super) fn named(name: &str) -> Option<&'static Self> {
        KEYS.iter().find(|key| key.name == name)
    }

    /// Whether `table` can hold it; `None` is what stands above all tables.
    pub(super) fn is_of(&self, table: Option<&str>) -> bool {
        match table {
            Some(table) => self.tables().any(|of| of == table),
            None => self.is_shared,
        }
    }

    /// The tables that can hold it; none if it is an option of every command.
    pub(super) fn tables(&self) -> impl Iterator<Item = &'static str> {
        let command = command();
        TABLES.into_iter().filter(move |table| {
            let found = command.find_subcommand(table);
            found.is_some_and(|command| self.find(command).is_some())
        })
    }

    /// The option of `command` that it stands for.
    pub(super) fn find<'a>(&self, command: &'a Command) -> Option<&'a Arg> {
        command
            .get_arguments()
            .find(|arg| arg.get_long() == Some(self.name))
    }

    /// The variable that sets it, for one command or for all.
    pub(super) fn variable(&self, table: Option<&str>) -> String {
        let words = table.into_iter().chain([self.name]).collect::<Vec<_>>();
        format!("LIVELOCK_{}", words.join("_"))
            .replace('-', "_")
            .to_ascii_uppercase()
    }

    /// Whether the option would take `text`; if not, what to write instead.
    pub(super) fn check(&self, table: Option<&str>, text: &str) -> Result<(), String> {
        match self.form {
            Form::Switch => match text {
                "true" | "false" => Ok(()),
                _ => Err("write true or false".to_owned()),
            },
            Form::Count => match text.parse() {
                Ok(0..=MAX_COUNT) => Ok(()),
                _ => Err(format!("write a number from 0 to {MAX_COUNT}")),
            },
            Form::Number if text.parse::<u64>().is_err() => Err("write a whole number".to_owned()),
            Form::Word | Form::Number => {
                let tables: Vec<_> = match table {
                    Some(table) => vec![table],
                    None => self.tables().collect(),
                };
                if tables.is_empty() {
                    return self.typed(None, text);
                }
                tables
                    .into_iter()
                    .try_for_each(|table| self.typed(Some(table), text))
            }
        }
    }

    /// What clap says to it. Whatever else the command line lacks, values are looked at first.
    fn typed(&self, table: Option<&str>, text: &str) -> Result<(), String> {
        let option = format!("--{}={text}", self.name);
        let words = ["livelock"]
            .into_iter()
            .chain(table)
            .chain([option.as_str()]);
        match command().try_get_matches_from(words) {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::InvalidValue | ErrorKind::ValueValidation
                ) =>
            {
                Err(advice(&error))
            }
            _ => Ok(()),
        }
    }
}

/// What to write instead, out of what clap says.
fn advice(error: &Error) -> String {
    if let Some(ContextValue::Strings(values)) = error.get(ContextKind::ValidValue)
        && !values.is_empty()
    {
        return format!("write one of {}", values.join(", "));
    }
    match error.source() {
        Some(source) => source.to_string(),
        None => "it is not a value of this option".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_is_an_option_with_the_form_that_it_says() {
        let root = command();
        for key in &KEYS {
            let tables: Vec<_> = key.tables().collect();
            if tables.is_empty() {
                assert!(key.find(&root).is_some(), "{}", key.name);
            }
            let commands = tables.iter().filter_map(|name| root.find_subcommand(name));
            for arg in commands.filter_map(|command| key.find(command)) {
                let takes_value = arg.get_action().takes_values();
                let has_value = matches!(key.form, Form::Word | Form::Number);
                assert_eq!(takes_value, has_value, "{}", key.name);
            }
        }
        for table in TABLES {
            assert!(root.find_subcommand(table).is_some(), "{table}");
        }
    }

    #[test]
    fn variables_are_named_after_keys_and_tables() {
        let key = Key::named("max-level").expect("a key");
        assert_eq!(key.variable(None), "LIVELOCK_MAX_LEVEL");
        assert_eq!(key.variable(Some("watch")), "LIVELOCK_WATCH_MAX_LEVEL");
        let names = KEYS.iter().flat_map(|key| {
            let tables = TABLES.into_iter().map(Some).chain([None]);
            tables.map(|table| key.variable(table)).collect::<Vec<_>>()
        });
        let unique: std::collections::BTreeSet<_> = names.clone().collect();
        assert_eq!(unique.len(), names.count(), "no variable means two things");
    }

    #[test]
    fn values_are_those_of_the_command_line() {
        let check = |name, table, text| Key::named(name).expect(name).check(table, text);
        assert_eq!(check("duration", None, "10s"), Ok(()));
        assert_eq!(
            check("duration", Some("watch"), "10"),
            Err("it has no unit: type 10s or 10ms".to_owned())
        );
        assert!(check("max-level", None, "3").is_err());
        assert_eq!(
            check("color", None, "blue"),
            Err("write one of auto, always, never".to_owned())
        );
        assert_eq!(check("verbose", None, "3"), Ok(()));
        assert!(check("verbose", None, "4").is_err());
        assert!(check("ascii", None, "yes").is_err());
        // Options that other options are required for, or that conflict, are looked at for themselves.
        assert_eq!(check("ring", Some("record"), "10m"), Ok(()));
        assert_eq!(check("format", Some("export"), "csv"), Ok(()));
        assert!(check("format", Some("diagnose"), "csv").is_err());
    }
}
