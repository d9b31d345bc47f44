//! What to type instead of what there is not.
//!
//! In: an error of clap, and the command line. Out: the same error with the option, the command or the unit that may have
//! been meant. Refuses: to change what is refused.

use std::ffi::OsString;

use clap::Command;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};

use super::{command, parse_span};

/// Words of other programs for commands.
const COMMANDS: [(&[&str], &str); 8] = [
    (
        &[
            "analyze", "analyse", "run", "start", "check", "status", "test",
        ],
        "diagnose",
    ),
    (
        &["top", "monitor", "live", "follow", "ui", "tui", "stat"],
        "watch",
    ),
    (&["trace", "stream", "dump", "metrics", "json"], "export"),
    (&["capture", "save", "rec"], "record"),
    (&["play", "open", "load", "read", "show", "view"], "replay"),
    (
        &["probe", "info", "capabilities", "requirements", "features"],
        "doctor",
    ),
    (&["diff", "delta", "versus", "vs"], "compare"),
    (&["settings", "configuration", "options"], "config"),
];

/// Words of other programs for options.
const OPTIONS: [(&[&str], &str); 9] = [
    (
        &["interval", "period", "delay", "refresh", "step"],
        "--window",
    ),
    (
        &[
            "time", "timeout", "seconds", "secs", "for", "length", "count",
        ],
        "--duration",
    ),
    (
        &["frequency", "freq", "hz", "rate", "sampling"],
        "--sample-hz",
    ),
    (&["cpus", "cpu-list", "cores"], "--cpu"),
    (&["process", "task", "tgid", "tid"], "--pid"),
    (&["cg", "group", "slice", "container"], "--cgroup"),
    (&["level", "probe-level"], "--max-level"),
    (&["file", "out", "to"], "--output"),
    (&["json", "csv", "text"], "--format"),
];

/// Adds what may have been meant.
pub(super) fn added(mut error: Error, args: &[OsString]) -> Error {
    let root = command();
    let path = path_of(&root, args);
    let hints = match error.kind() {
        ErrorKind::UnknownArgument => of_argument(&root, &path, &error),
        ErrorKind::InvalidSubcommand => of_command(&path, &error),
        _ => Vec::new(),
    };
    if !hints.is_empty() {
        error.remove(ContextKind::SuggestedArg);
        error.remove(ContextKind::SuggestedSubcommand);
        // It would show clap's own suggestion.
        error.remove(ContextKind::Usage);
        let hints = hints.into_iter().map(StyledStr::from).collect();
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(hints));
    }
    error
}

/// The commands that were typed, from the first one on.
fn path_of<'a>(root: &'a Command, args: &[OsString]) -> Vec<&'a Command> {
    let mut path = vec![root];
    for word in args.iter().skip(1).filter_map(|word| word.to_str()) {
        let here = path.last().copied().unwrap_or(root);
        if let Some(next) = here.find_subcommand(word) {
            path.push(next);
        }
    }
    path
}

fn of_argument(root: &Command, path: &[&Command], error: &Error) -> Vec<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else {
        return Vec::new();
    };
    let here = path.last().copied().unwrap_or(root);
    let Some(long) = word.strip_prefix("--") else {
        return of_value(here, word).into_iter().collect();
    };
    let is_replay = path.iter().any(|command| command.get_name() == "replay");
    let owners: Vec<_> = root
        .get_subcommands()
        .filter(|command| has(command, long))
        .map(|command| format!("livelock {}", command.get_name()))
        .collect();
    let meant = OPTIONS.iter().find(|(words, _)| words.contains(&long));
    match meant {
        Some((_, "--format")) => match formats(here) {
            formats if formats.iter().any(|format| format == long) => {
                return vec![format!("type --format {long}")];
            }
            formats if !formats.is_empty() => {
                return vec![format!("type --format with {}", listed(&formats, "or"))];
            }
            _ => {}
        },
        Some((_, option)) if has(here, option.trim_start_matches('-')) => {
            return vec![format!("type {option}")];
        }
        _ => {}
    }
    // What is an option elsewhere may be a switch here.
    if long == "format" && has(here, "json") {
        return vec!["type --json".to_owned()];
    }
    if owners.is_empty() {
        return Vec::new();
    }
    let mut hints = vec![format!("{word} is an option of {}", listed(&owners, "and"))];
    if is_replay {
        hints.push("a recording has the windows, CPUs and tasks that it was made with".to_owned());
    }
    hints
}

/// A value without its option.
fn of_value(here: &Command, word: &str) -> Option<String> {
    let is_number = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    if is_number && has(here, "pid") {
        Some(format!("type --pid {word} or --duration {word}s"))
    } else if parse_span(word).is_ok() && has(here, "duration") {
        Some(format!("type --duration {word}"))
    } else if word.ends_with(".llrec") {
        let show = match here.get_name() {
            // It makes one.
            "record" => return Some(format!("type --output {word}")),
            name @ ("watch" | "export") => name,
            _ => "diagnose",
        };
        Some(format!("type livelock replay {word} {show}"))
    } else {
        None
    }
}

fn of_command(path: &[&Command], error: &Error) -> Vec<String> {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return Vec::new();
    };
    if path.len() > 1 {
        return Vec::new();
    }
    if word.ends_with(".llrec") {
        return vec![format!("type livelock replay {word} diagnose")];
    }
    let meant = COMMANDS
        .iter()
        .find(|(words, _)| words.contains(&word.as_str()));
    let meant = meant.map(|(_, name)| format!("type livelock {name}"));
    meant.into_iter().collect()
}

/// What `--format` of a command takes.
fn formats(command: &Command) -> Vec<String> {
    let format = command
        .get_arguments()
        .find(|arg| arg.get_long() == Some("format"));
    let values = format.map(clap::Arg::get_possible_values);
    let values = values.into_iter().flatten();
    values.map(|value| value.get_name().to_owned()).collect()
}

fn has(command: &Command, long: &str) -> bool {
    command
        .get_arguments()
        .any(|arg| arg.get_long() == Some(long))
}

/// With `word` before the last.
fn listed(names: &[String], word: &str) -> String {
    match names {
        [rest @ .., last] if !rest.is_empty() => format!("{} {word} {last}", rest.join(", ")),
        _ => names.concat(),
    }
}
