//! The configuration file.
//!
//! In: its text. Out: settings, each with its place. Refuses: anything that is not understood, with its place, and what
//! may have been meant.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::super::command;
use super::error::{Place, SettingsError};
use super::keys::{Form, KEYS, Key, TABLES};
use crate::declared::{Declaration, parse_expectation, parse_spec};
use crate::nearest::nearest;

/// The list that is no option of its own.
const PROGRESS: &str = "progress";

/// What a file says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FileSettings {
    /// By table (`None`: above all tables) and key.
    pub(super) values: BTreeMap<(Option<&'static str>, &'static str), (String, Place)>,
    /// Declared progress.
    pub(super) progress: Option<(Vec<Declaration>, Place)>,
}

/// A text, to tell places in it.
struct Source<'a> {
    path: &'a Path,
    text: &'a str,
}

impl FileSettings {
    /// Parses `text`, which stands in `path`.
    ///
    /// # Errors
    ///
    /// The first thing that is not understood.
    pub fn parse(path: &Path, text: &str) -> Result<Self, SettingsError> {
        let source = Source { path, text };
        let document = DeTable::parse(text).map_err(|error| SettingsError::Syntax {
            place: source.place(error.span().unwrap_or_default()),
            message: error.message().to_owned(),
        })?;
        let mut settings = Self::default();
        for (name, value) in document.get_ref() {
            match (name.get_ref().as_ref(), value.get_ref()) {
                (PROGRESS, _) => settings.progress = Some(source.progress(value)?),
                (_, DeValue::Table(table)) => settings.table(&source, name, table)?,
                _ => settings.value(&source, None, name, value)?,
            }
        }
        Ok(settings)
    }

    fn table(
        &mut self,
        source: &Source<'_>,
        name: &Spanned<impl AsRef<str>>,
        table: &DeTable<'_>,
    ) -> Result<(), SettingsError> {
        let text = name.get_ref().as_ref();
        let Some(known) = TABLES.into_iter().find(|known| *known == text) else {
            if Key::named(text).is_some() {
                return Err(source.mistyped(name.span(), text, "a table", "a value"));
            }
            return Err(SettingsError::Unknown {
                place: source.place(name.span()),
                what: "table",
                name: text.to_owned(),
                nearest: nearest(text, TABLES.into_iter()),
            });
        };
        for (key, value) in table {
            self.value(source, Some(known), key, value)?;
        }
        Ok(())
    }

    fn value(
        &mut self,
        source: &Source<'_>,
        table: Option<&'static str>,
        name: &Spanned<impl AsRef<str>>,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(), SettingsError> {
        let key = source.key(table, name)?;
        let text = source.scalar(key, value)?;
        key.check(table, &text)
            .map_err(|advice| SettingsError::Value {
                place: source.place(value.span()),
                key: key.name.to_owned(),
                text: text.clone(),
                advice,
            })?;
        let place = source.place(name.span());
        self.values.insert((table, key.name), (text, place));
        Ok(())
    }
}

impl Source<'_> {
    fn key(
        &self,
        table: Option<&'static str>,
        name: &Spanned<impl AsRef<str>>,
    ) -> Result<&'static Key, SettingsError> {
        let (text, place) = (name.get_ref().as_ref(), self.place(name.span()));
        let name = text.to_owned();
        match Key::named(text) {
            Some(key) if key.is_of(table) => Ok(key),
            Some(key) => Err(SettingsError::Elsewhere {
                place,
                key: name,
                tables: key.tables().collect(),
            }),
            None if text == PROGRESS => Err(SettingsError::Elsewhere {
                place,
                key: name,
                tables: Vec::new(),
            }),
            None if is_option(text) => Err(SettingsError::OnlyTyped { place, name }),
            None => {
                let here = KEYS.iter().filter(|key| key.is_of(table));
                let tables = TABLES.iter().filter(|_| table.is_none());
                let names = here.map(|key| key.name).chain(tables.copied());
                Err(SettingsError::Unknown {
                    place,
                    what: "key",
                    nearest: nearest(text, names),
                    name,
                })
            }
        }
    }

    /// The value as it would be typed.
    fn scalar(&self, key: &Key, value: &Spanned<DeValue<'_>>) -> Result<String, SettingsError> {
        let expected = match key.form {
            Form::Word => "it in quotes",
            Form::Number | Form::Count => "a whole number without quotes",
            Form::Switch => "true or false without quotes",
        };
        match (key.form, value.get_ref()) {
            (Form::Word, DeValue::String(text)) => Ok(text.to_string()),
            // `cpu = 0` is clear, and of `duration = 5` the option itself says what is missing.
            (Form::Word | Form::Number | Form::Count, DeValue::Integer(number))
                if number.radix() == 10 =>
            {
                Ok(number.as_str().to_owned())
            }
            (Form::Switch, DeValue::Boolean(is_on)) => Ok(is_on.to_string()),
            (_, other) => Err(self.mistyped(value.span(), key.name, type_of(other), expected)),
        }
    }

    fn progress(
        &self,
        value: &Spanned<DeValue<'_>>,
    ) -> Result<(Vec<Declaration>, Place), SettingsError> {
        let DeValue::Array(list) = value.get_ref() else {
            let found = type_of(value.get_ref());
            let expected = "[[progress]], and below it spec = \"…\"";
            return Err(self.mistyped(value.span(), PROGRESS, found, expected));
        };
        let declared = list.iter().map(|one| self.declaration(one));
        Ok((
            declared.collect::<Result<_, _>>()?,
            self.place(value.span()),
        ))
    }

    fn declaration(&self, value: &Spanned<DeValue<'_>>) -> Result<Declaration, SettingsError> {
        let (mut spec, mut expect) = (None, None);
        match value.get_ref() {
            DeValue::String(text) => spec = Some((text.as_ref(), value.span())),
            DeValue::Table(table) => {
                for (name, value) in table {
                    let slot = match name.get_ref().as_ref() {
                        "spec" => &mut spec,
                        "expect" => &mut expect,
                        other => {
                            return Err(SettingsError::Unknown {
                                place: self.place(name.span()),
                                what: "key",
                                name: other.to_owned(),
                                nearest: nearest(other, ["spec", "expect"].into_iter()),
                            });
                        }
                    };
                    let DeValue::String(text) = value.get_ref() else {
                        let found = type_of(value.get_ref());
                        return Err(self.mistyped(
                            value.span(),
                            name.get_ref(),
                            found,
                            "it in quotes",
                        ));
                    };
                    *slot = Some((text.as_ref(), value.span()));
                }
            }
            other => {
                return Err(self.mistyped(
                    value.span(),
                    PROGRESS,
                    type_of(other),
                    "a table with spec",
                ));
            }
        }
        let refused =
            |key: &str, (text, span): (&str, Range<usize>), advice: String| SettingsError::Value {
                place: self.place(span),
                key: key.to_owned(),
                text: text.to_owned(),
                advice,
            };
        let Some((text, span)) = spec else {
            return Err(self.mistyped(
                value.span(),
                PROGRESS,
                "without spec",
                "what counts as progress, spec = \"file:/run/app/orders\"",
            ));
        };
        Ok(Declaration {
            spec: parse_spec(text)
                .map_err(|error| refused("spec", (text, span), error.to_string()))?,
            text: text.to_owned(),
            expectation: expect
                .map(|(text, span)| {
                    parse_expectation(text)
                        .map_err(|error| refused("expect", (text, span), error.to_string()))
                })
                .transpose()?,
        })
    }

    fn mistyped(
        &self,
        span: Range<usize>,
        key: &str,
        found: &'static str,
        expected: &'static str,
    ) -> SettingsError {
        SettingsError::Type {
            place: self.place(span),
            key: key.to_owned(),
            found,
            expected,
        }
    }

    /// Where `span` begins; a parser may count into the middle of a character.
    fn place(&self, span: Range<usize>) -> Place {
        let mut at = span.start.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        let before = &self.text[..at];
        let line_begin = before.rfind('\n').map_or(0, |end| end + 1);
        Place {
            path: PathBuf::from(self.path),
            line: before.matches('\n').count() + 1,
            column: before[line_begin..].chars().count() + 1,
        }
    }
}

/// Whether it is an option of some command.
fn is_option(name: &str) -> bool {
    let root = command();
    let commands = root
        .get_subcommands()
        .flat_map(|command| command.get_subcommands().chain([command]));
    commands
        .chain([&root])
        .flat_map(clap::Command::get_arguments)
        .any(|arg| arg.get_long() == Some(name))
}

const fn type_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "in quotes",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
