//! What may be declared.
//!
//! In: `KIND:…` as typed. Out: a [`Spec`]. Refuses: what is incomplete, with the form and an example; whether the
//! thing exists is asked elsewhere.

use std::path::{Path, PathBuf};

use livelock_core::declared::{Expectation, Source};

/// Longest name of a command, in characters.
const MAX_NAME: usize = 40;

/// A source of progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spec {
    /// Calls of a function of a program or library.
    Uprobe {
        /// Path, or a name to look for.
        target: String,
        /// Function.
        symbol: String,
        /// Offset in it.
        offset_bytes: u64,
    },
    /// Hits of a kernel tracepoint.
    Tracepoint {
        /// Group.
        subsystem: String,
        /// Event.
        event: String,
    },
    /// Hits of a USDT probe.
    Usdt {
        /// Path, or a name to look for.
        target: String,
        /// Provider.
        provider: String,
        /// Probe.
        probe: String,
    },
    /// A key of a control group's file.
    Cgroup {
        /// File.
        file: PathBuf,
        /// Key.
        key: String,
    },
    /// A number in a file.
    File {
        /// File.
        path: PathBuf,
        /// Key; `None`: the file is the number.
        key: Option<String>,
    },
    /// What a command prints.
    Exec {
        /// For `sh -c`.
        command: String,
    },
}

/// One `--progress` with its `--expect`.
#[derive(Clone, Debug, PartialEq)]
pub struct Declaration {
    /// What is counted.
    pub spec: Spec,
    /// As typed.
    pub text: String,
    /// What is expected of it.
    pub expectation: Option<Expectation>,
}

impl Declaration {
    /// For the judge.
    #[must_use]
    pub fn source(&self) -> Source {
        Source {
            name: self.spec.name(),
            spec: self.text.clone(),
            expectation: self.expectation,
        }
    }
}

/// Why a spec was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No such kind.
    #[error("there is no kind `{kind}`: type uprobe:, tp:, usdt:, cgroup:, file: or exec:")]
    Kind {
        /// What was typed.
        kind: String,
    },
    /// Something is missing.
    #[error("it is incomplete: type {form}, for example {example}")]
    Incomplete {
        /// Form.
        form: &'static str,
        /// Example.
        example: &'static str,
    },
    /// A name that no tracepoint can have.
    #[error(
        "`{name}` is no name of a tracepoint: type tp:SUBSYSTEM:EVENT, as `perf list` shows them"
    )]
    EventName {
        /// What was typed.
        name: String,
    },
    /// A NUL character.
    #[error("it holds a NUL character")]
    Nul,
}

/// Parses a spec.
///
/// # Errors
///
/// If it is none, or incomplete.
pub fn parse_spec(text: &str) -> Result<Spec, SpecError> {
    if text.contains('\0') {
        return Err(SpecError::Nul);
    }
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    match kind {
        "uprobe" => uprobe(rest),
        "tp" => tracepoint(rest),
        "usdt" => usdt(rest),
        "cgroup" => cgroup(rest),
        "file" => file(rest),
        "exec" => exec(rest),
        _ => Err(SpecError::Kind {
            kind: kind.to_owned(),
        }),
    }
}

fn uprobe(rest: &str) -> Result<Spec, SpecError> {
    let incomplete = SpecError::Incomplete {
        form: "uprobe:PATH:FUNCTION",
        example: "uprobe:/usr/sbin/nginx:ngx_http_finalize_request",
    };
    let Some((target, function)) = full(rest.split_once(':')) else {
        return Err(incomplete);
    };
    let (symbol, offset_bytes) = match function.rsplit_once('+') {
        Some((symbol, offset)) => match offset_bytes(offset) {
            Some(offset_bytes) if !symbol.is_empty() => (symbol, offset_bytes),
            _ => (function, 0),
        },
        None => (function, 0),
    };
    Ok(Spec::Uprobe {
        target: target.to_owned(),
        symbol: symbol.to_owned(),
        offset_bytes,
    })
}

fn offset_bytes(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

fn tracepoint(rest: &str) -> Result<Spec, SpecError> {
    let incomplete = SpecError::Incomplete {
        form: "tp:SUBSYSTEM:EVENT",
        example: "tp:sched:sched_process_exit",
    };
    let (subsystem, event) = full(rest.split_once(':')).ok_or(incomplete)?;
    for name in [subsystem, event] {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if !name.chars().all(is_name) {
            return Err(SpecError::EventName {
                name: name.to_owned(),
            });
        }
    }
    Ok(Spec::Tracepoint {
        subsystem: subsystem.to_owned(),
        event: event.to_owned(),
    })
}

fn usdt(rest: &str) -> Result<Spec, SpecError> {
    let incomplete = SpecError::Incomplete {
        form: "usdt:PATH:PROVIDER:PROBE",
        example: "usdt:/usr/lib/postgresql/17/bin/postgres:postgresql:transaction__commit",
    };
    let parts = full(rest.split_once(':'))
        .and_then(|(target, rest)| Some((target, full(rest.split_once(':'))?)));
    let (target, (provider, probe)) = parts.ok_or(incomplete)?;
    Ok(Spec::Usdt {
        target: target.to_owned(),
        provider: provider.to_owned(),
        probe: probe.to_owned(),
    })
}

fn cgroup(rest: &str) -> Result<Spec, SpecError> {
    let incomplete = SpecError::Incomplete {
        form: "cgroup:FILE:KEY",
        example: "cgroup:/sys/fs/cgroup/app/io.stat:wbytes",
    };
    let (file, key) = path_and_key(rest).ok_or(incomplete.clone())?;
    Ok(Spec::Cgroup {
        file,
        key: key.ok_or(incomplete)?,
    })
}

fn file(rest: &str) -> Result<Spec, SpecError> {
    let incomplete = SpecError::Incomplete {
        form: "file:PATH or file:PATH:KEY",
        example: "file:/proc/net/snmp6:Udp6InDatagrams",
    };
    let (path, key) = path_and_key(rest).ok_or(incomplete)?;
    Ok(Spec::File { path, key })
}

fn exec(rest: &str) -> Result<Spec, SpecError> {
    if rest.trim().is_empty() {
        return Err(SpecError::Incomplete {
            form: "'exec:COMMAND', which prints a number",
            example: "'exec:redis-cli info stats | grep -o \"total_commands_processed:.*\" | cut -d: -f2'",
        });
    }
    Ok(Spec::Exec {
        command: rest.to_owned(),
    })
}

/// The key is what stands behind the last colon, unless that is still a part of the path.
fn path_and_key(rest: &str) -> Option<(PathBuf, Option<String>)> {
    match rest.rsplit_once(':') {
        Some((path, key)) if !key.contains('/') => {
            let both = !path.is_empty() && !key.is_empty();
            both.then(|| (PathBuf::from(path), Some(key.to_owned())))
        }
        _ => (!rest.is_empty()).then(|| (PathBuf::from(rest), None)),
    }
}

/// Two parts, of which none is empty.
fn full<'a>(parts: Option<(&'a str, &'a str)>) -> Option<(&'a str, &'a str)> {
    parts.filter(|(first, second)| !first.is_empty() && !second.is_empty())
}

impl Spec {
    /// Short name, for people.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Uprobe {
                target,
                symbol,
                offset_bytes,
            } => {
                let at = match offset_bytes {
                    0 => String::new(),
                    _ => format!("+{offset_bytes:#x}"),
                };
                format!("{}:{symbol}{at}", base(Path::new(target)))
            }
            Self::Tracepoint { subsystem, event } => format!("{subsystem}:{event}"),
            Self::Usdt {
                target,
                provider,
                probe,
            } => format!("{}:{provider}:{probe}", base(Path::new(target))),
            Self::Cgroup { file, key } => {
                let group = file.parent().map(base).unwrap_or_default();
                format!("{group}/{}:{key}", base(file))
            }
            Self::File { path, key: None } => base(path),
            Self::File {
                path,
                key: Some(key),
            } => format!("{}:{key}", base(path)),
            Self::Exec { command } => {
                let mut name: String = command.chars().take(MAX_NAME).collect();
                if name.len() < command.len() {
                    name.push('…');
                }
                name
            }
        }
    }
}

fn base(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}
