//! `livelock config`: what holds, and who said so.
//!
//! In: what is set. Out: a configuration file that says the same. Refuses: to hide a default.

use std::fmt::Write as _;

use clap::{Arg, Command};

use super::super::command;
use super::keys::{Form, KEYS, Key, TABLES};
use super::layers::{DEFAULT_PATH, Layers, Origin};

const HEAD: &str = "\
# Options of livelock. What is typed comes first, then LIVELOCK_... in the environment (LIVELOCK_MAX_LEVEL is max-level,
# LIVELOCK_RECORD_MAX_SIZE is max-size of record alone), then the file, then the default.
# Above the first table stands what holds for every command that has the option, in a table what holds for one command.
";

const PROGRESS: &str = "
# What counts as progress on this host, if no --progress is typed; one such table for each
";

/// What a key is without being typed.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Shown {
    /// As it is written in a file; `None` if nothing is set and there is no default.
    value: Option<String>,
    origin: Option<Origin>,
    help: String,
    value_name: String,
}

impl Layers {
    /// All of it, as a file.
    pub(in crate::args) fn listing(&self) -> String {
        let root = command();
        let mut out = HEAD.to_owned();
        out.push_str(&match self.file() {
            (path, true) => format!("# The file is {}.\n", path.display()),
            (_, false) => {
                format!("# There is no file {DEFAULT_PATH}, which is where it is looked for.\n")
            }
        });
        let mut tables: Vec<(&str, String)> =
            TABLES.iter().map(|table| (*table, String::new())).collect();
        for key in &KEYS {
            let shown: Vec<(&str, Shown)> = key
                .tables()
                .filter_map(|table| {
                    let command = root.find_subcommand(table)?;
                    Some((table, self.shown(key, Some(table), command)?))
                })
                .collect();
            match shown.as_slice() {
                [] => {
                    if let Some(shown) = self.shown(key, None, &root) {
                        out.push_str(&line(key, &shown));
                    }
                }
                [(_, first), rest @ ..]
                    if !rest.is_empty()
                        && key.is_of(None)
                        && rest.iter().all(|(_, shown)| shown == first) =>
                {
                    out.push_str(&line(key, first));
                }
                several => {
                    for (table, shown) in several {
                        if let Some((_, text)) = tables.iter_mut().find(|(name, _)| name == table) {
                            text.push_str(&line(key, shown));
                        }
                    }
                }
            }
        }
        for (table, text) in tables.iter().filter(|(_, text)| !text.is_empty()) {
            let _ = write!(out, "\n[{table}]\n{}", text.trim_start_matches('\n'));
        }
        out.push_str(PROGRESS);
        match self.progress() {
            None => out.push_str("# [[progress]]\n# spec = \"uprobe:/usr/sbin/nginx:ngx_http_finalize_request\"\n# expect = \"rate>=100\"\n"),
            Some((declared, place)) => {
                let _ = writeln!(out, "# {place}");
                for one in declared {
                    let _ = writeln!(out, "[[progress]]\nspec = {}", quoted(&one.text));
                    if let Some(rule) = one.expectation {
                        let _ = writeln!(out, "expect = {}", quoted(&rule.to_string()));
                    }
                }
            }
        }
        out
    }

    fn shown(&self, key: &Key, table: Option<&'static str>, command: &Command) -> Option<Shown> {
        let arg = key.find(command)?;
        let set = self.get(table, key);
        let text = match &set {
            Some((text, _)) => Some((*text).to_owned()),
            None => default_of(key, arg),
        };
        Some(Shown {
            value: text.map(|text| written(key, &text)),
            origin: set.map(|(_, origin)| origin),
            help: help_of(arg),
            value_name: value_name(arg),
        })
    }
}

/// The default of an option; a switch is off.
fn default_of(key: &Key, arg: &Arg) -> Option<String> {
    match key.form {
        Form::Switch => Some("false".to_owned()),
        Form::Count => Some("0".to_owned()),
        Form::Word | Form::Number => {
            let values = arg.get_default_values();
            values
                .first()
                .map(|value| value.to_string_lossy().into_owned())
        }
    }
}

fn help_of(arg: &Arg) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    let values: Vec<_> = arg
        .get_possible_values()
        .iter()
        .filter(|_| arg.get_action().takes_values())
        .map(|value| value.get_name().to_owned())
        .collect();
    match values.as_slice() {
        [] => help,
        values => format!("{help}: {}", values.join(", ")),
    }
}

fn value_name(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    names
        .iter()
        .map(|name| name.as_str())
        .collect::<Vec<_>>()
        .join(" ")
}

fn line(key: &Key, shown: &Shown) -> String {
    let (name, help) = (key.name, &shown.help);
    let setting = match (&shown.value, &shown.origin) {
        (None, _) if key.form == Form::Number => format!("# {name} = {}", shown.value_name),
        (None, _) => format!("# {name} = {}", quoted(&shown.value_name)),
        (Some(value), None) => format!("{name} = {value}"),
        (Some(value), Some(origin)) => format!("{name} = {value}  # {origin}"),
    };
    format!("\n# {help}\n{setting}\n")
}

fn written(key: &Key, text: &str) -> String {
    match key.form {
        Form::Word => quoted(text),
        Form::Number | Form::Count | Form::Switch => text.to_owned(),
    }
}

/// As TOML writes text.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
