//! The environment before the file.
//!
//! In: both. Out: what each option is if it is not typed, and who said so. Refuses: a file that was named and is not
//! there; the one in `/etc` may be missing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use clap::Command;

use super::error::SettingsError;
use super::file::FileSettings;
use super::keys::{KEYS, Key, TABLES};
use super::{Place, environment};
use crate::declared::Declaration;

/// Read if no other file is named.
pub(super) const DEFAULT_PATH: &str = "/etc/livelock/config.toml";

/// Names the file, if `--config` does not.
pub(super) const PATH_VARIABLE: &str = "LIVELOCK_CONFIG";

/// The command that takes the same options as others for what was recorded.
const REPLAY: &str = "replay";

/// Where a process runs.
pub struct Surroundings<'a> {
    /// A variable of the environment.
    pub variable: &'a dyn Fn(&str) -> Option<OsString>,
    /// The text of a file.
    pub read: &'a dyn Fn(&Path) -> io::Result<String>,
}

/// Who said it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// A variable of this name.
    Variable(String),
    /// The file.
    File(Place),
}

/// What is set.
#[derive(Debug, Default)]
pub(in crate::args) struct Layers {
    /// By command (`None`: all) and key.
    variables: BTreeMap<(Option<&'static str>, &'static str), (String, String)>,
    file: FileSettings,
    path: PathBuf,
    has_file: bool,
}

impl Layers {
    /// Reads what holds for the command `table`, or for all commands if `None`.
    ///
    /// # Errors
    ///
    /// A file or a variable that does not hold what it should.
    pub(in crate::args) fn read(
        surroundings: &Surroundings<'_>,
        named: Option<&Path>,
        command: Option<&str>,
    ) -> Result<Self, SettingsError> {
        let mut layers = Self::default();
        for table in TABLES.into_iter().map(Some).chain([None]) {
            let is_asked = table.is_none() || command.is_none() || command == table;
            for key in KEYS.iter().filter(|key| is_asked && key.is_of(table)) {
                if let Some(found) = environment::value(surroundings.variable, table, key)? {
                    layers.variables.insert((table, key.name), found);
                }
            }
        }
        let variable = (surroundings.variable)(PATH_VARIABLE).filter(|path| !path.is_empty());
        let named = named.map(PathBuf::from).or(variable.map(PathBuf::from));
        let is_named = named.is_some();
        layers.path = named.unwrap_or_else(|| PathBuf::from(DEFAULT_PATH));
        match (surroundings.read)(&layers.path) {
            Ok(text) => {
                layers.file = FileSettings::parse(&layers.path, &text)?;
                layers.has_file = true;
            }
            Err(why) if why.kind() == ErrorKind::NotFound && !is_named => {}
            Err(why) => {
                let path = layers.path;
                return Err(SettingsError::Unreadable { path, why });
            }
        }
        Ok(layers)
    }

    /// What `key` is set to for the command `table`.
    pub(super) fn get(&self, table: Option<&'static str>, key: &Key) -> Option<(&str, Origin)> {
        let either = [table, None];
        let set = either
            .iter()
            .find_map(|table| self.variables.get(&(*table, key.name)));
        if let Some((text, name)) = set {
            return Some((text, Origin::Variable(name.clone())));
        }
        let set = either
            .iter()
            .find_map(|table| self.file.values.get(&(*table, key.name)));
        set.map(|(text, place)| (text.as_str(), Origin::File(place.clone())))
    }

    /// Declared progress of the file, and where it stands.
    pub(super) fn progress(&self) -> Option<(&[Declaration], &Place)> {
        let (declared, place) = self.file.progress.as_ref()?;
        Some((declared, place))
    }

    /// What counts as progress if nothing is typed.
    pub(in crate::args) fn declared(&self) -> Vec<Declaration> {
        self.progress()
            .map(|(declared, _)| declared.to_vec())
            .unwrap_or_default()
    }

    /// The file that is read, and whether it is there.
    pub(super) fn file(&self) -> (&Path, bool) {
        (&self.path, self.has_file)
    }

    /// The command line with what is set as its defaults.
    pub(in crate::args) fn applied_to(&self, root: Command) -> Command {
        let root = self.with_defaults(root, None);
        let names: Vec<&str> = TABLES.into_iter().chain([REPLAY]).collect();
        names.into_iter().fold(root, |root, name| {
            root.mut_subcommand(name, |command| match name {
                REPLAY => TABLES.into_iter().fold(command, |command, show| {
                    if command.find_subcommand(show).is_none() {
                        return command;
                    }
                    command.mut_subcommand(show, |command| self.with_defaults(command, Some(show)))
                }),
                _ => self.with_defaults(command, table_of(name)),
            })
        })
    }

    fn with_defaults(&self, command: Command, table: Option<&'static str>) -> Command {
        KEYS.iter().fold(command, |command, key| {
            let found = key.find(&command).map(|arg| arg.get_id().clone());
            match found.zip(self.get(table, key)) {
                Some((id, (text, _))) => {
                    let text = text.to_owned();
                    command.mut_arg(id, |arg| arg.default_value(text))
                }
                None => command,
            }
        })
    }

    /// A line for each setting that holds for the command `name`, to tell where a combination came from.
    pub(in crate::args) fn notes(&self, name: &str) -> Vec<String> {
        let Some(table) = table_of(name) else {
            return Vec::new();
        };
        let keys = KEYS.iter().filter(|key| key.is_of(Some(table)));
        keys.filter_map(|key| {
            let (text, origin) = self.get(Some(table), key)?;
            Some(format!("{} is {text} by {origin}", key.name))
        })
        .collect()
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Variable(name) => f.write_str(name),
            Self::File(place) => write!(f, "{place}"),
        }
    }
}

/// The table of the command `name`.
fn table_of(name: &str) -> Option<&'static str> {
    TABLES.into_iter().find(|table| *table == name)
}
