//! Why a declared source cannot be used.
//!
//! In: what was looked for and not found. Out: messages that say what to type instead. Refuses: an error without
//! the spec that it is about.

use std::io;
use std::path::PathBuf;

use crate::nearest::suggestion;

/// A source that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("`--progress {spec}` cannot be used: {why}")]
pub struct DeclareError {
    /// As typed.
    pub spec: String,
    /// Why.
    pub why: NotFound,
}

/// What is wrong with it.
#[derive(Debug, thiserror::Error)]
pub enum NotFound {
    /// Neither a program nor a library.
    #[error("there is no program `{target}` in PATH and no such library; type its absolute path")]
    Target {
        /// What was typed.
        target: String,
    },
    /// A file that cannot be read.
    #[error("{} cannot be read: {source}", path.display())]
    Read {
        /// File.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Not something to read again and again.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// File.
        path: PathBuf,
    },
    /// Not an ELF file.
    #[error("{} is not a program or library in ELF format; scripts have no functions to probe", path.display())]
    NotElf {
        /// File.
        path: PathBuf,
    },
    /// No such function.
    #[error(
        "{} has no function `{symbol}`{}{}", path.display(),
        suggestion(nearest),
        if *is_stripped { " (it is stripped: only what it exports can be found)" } else { "" }
    )]
    Symbol {
        /// File.
        path: PathBuf,
        /// What was typed.
        symbol: String,
        /// Like it.
        nearest: Vec<String>,
        /// Whether it has no table of all symbols.
        is_stripped: bool,
    },
    /// A function of a library.
    #[error("{} only calls `{symbol}`, which is in a library; type uprobe:LIBRARY:{symbol}", path.display())]
    Imported {
        /// File.
        path: PathBuf,
        /// What was typed.
        symbol: String,
    },
    /// Not code that is called.
    #[error("`{symbol}` of {} is {what}", path.display())]
    NotCalled {
        /// File.
        path: PathBuf,
        /// What was typed.
        symbol: String,
        /// What it is instead.
        what: &'static str,
    },
    /// Beyond its end.
    #[error("`{symbol}` of {} is only {size_bytes:#x} bytes long", path.display())]
    Offset {
        /// File.
        path: PathBuf,
        /// What was typed.
        symbol: String,
        /// Size of the function.
        size_bytes: u64,
    },
    /// Too many places.
    #[error("`{name}` is at {nr_sites} places of {}, more than {max}", path.display())]
    Sites {
        /// File.
        path: PathBuf,
        /// What was typed.
        name: String,
        /// Found.
        nr_sites: usize,
        /// Most.
        max: usize,
    },
    /// No such USDT probe.
    #[error(
        "{} has no USDT probe `{probe}`{}", path.display(),
        if *has_any { suggestion(nearest) } else { "; it has none at all".to_owned() }
    )]
    Usdt {
        /// File.
        path: PathBuf,
        /// Provider and name.
        probe: String,
        /// Like it.
        nearest: Vec<String>,
        /// Whether it has any probe.
        has_any: bool,
    },
    /// No such tracepoint.
    #[error("this kernel has no tracepoint `{event}`{}", suggestion(nearest))]
    Event {
        /// Subsystem and event.
        event: String,
        /// Like it.
        nearest: Vec<String>,
    },
    /// No tracefs.
    #[error(
        "the kernel's tracepoints cannot be listed ({0}); type `mount -t tracefs tracefs /sys/kernel/tracing` as root, \
         or run this as root"
    )]
    Tracefs(io::Error),
    /// No such key.
    #[error("{} has no key `{key}` with a number{}", path.display(), suggestion(nearest))]
    Key {
        /// File.
        path: PathBuf,
        /// What was typed.
        key: String,
        /// Like it.
        nearest: Vec<String>,
    },
    /// No number.
    #[error("{} does not begin with a number but with `{found}`{}", path.display(),
        if *has_keys { "; type file:PATH:KEY for a number behind a key" } else { "" })]
    Number {
        /// File.
        path: PathBuf,
        /// What is there.
        found: String,
        /// Whether there are numbers behind keys.
        has_keys: bool,
    },
    /// Nothing in it.
    #[error("{} is empty; write the number into it first", path.display())]
    Empty {
        /// File.
        path: PathBuf,
    },
    /// A command that does not give a number.
    #[error("the command {0}")]
    Command(super::exec::CommandError),
    /// More than the kernel side counts.
    #[error("at most {max} functions and tracepoints can be counted at once")]
    TooMany {
        /// Most.
        max: usize,
    },
}
