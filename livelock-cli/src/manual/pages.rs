//! Manual pages.
//!
//! In: the definition of the command line. Out: a page for each command. Refuses: a page without the files, variables and
//! exit codes that a script needs.

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::args::command;

/// Section for programs.
const SECTION: &str = "1";

/// What pages of commands that judge say of exit codes; `docs/output.md` and `exit.rs` say the same.
const EXIT_CODES: [(&str, &str); 8] = [
    ("0", "healthy, or busy and progressing"),
    ("1", "error at run time"),
    ("2", "wrong arguments, or a setting that cannot hold"),
    ("3", "this host cannot be observed"),
    ("4", "inconclusive"),
    ("10", "contended or starved"),
    ("11", "live lock"),
    ("130, 143", "ended by SIGINT or SIGTERM"),
];

/// The same of comparisons; `docs/compare.md` says it, too.
const EXIT_CODES_OF_COMPARISONS: [(&str, &str); 7] = [
    (
        "0",
        "better, another load, or no difference that this data can show",
    ),
    ("1", "error at run time"),
    ("2", "wrong arguments, or a setting that cannot hold"),
    ("3", "this host cannot be observed"),
    ("4", "it cannot be told"),
    ("10", "worse, or worse in part"),
    ("130, 143", "ended by SIGINT or SIGTERM"),
];

/// The same of commands that print what they know.
const EXIT_CODES_OF_TEXTS: [(&str, &str); 3] = [
    ("0", "it was printed or written"),
    ("1", "error at run time"),
    ("2", "wrong arguments, or a setting that cannot hold"),
];

/// What is read without being named.
const FILES: [(&str, &str); 2] = [
    (
        "/etc/livelock/config.toml",
        "options that hold on this host; see livelock-config(1)",
    ),
    ("LIVELOCK_...", "variables that come before the file"),
];

/// A page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Name of its file.
    pub name: String,
    /// Its source.
    pub roff: Vec<u8>,
}

/// All pages, that of `livelock` first.
///
/// # Errors
///
/// None that memory does not give.
pub fn pages() -> io::Result<Vec<Page>> {
    let mut root = command().disable_help_subcommand(true);
    root.build();
    let mut all = Vec::new();
    collect(&root, &mut all)?;
    Ok(all)
}

/// The page of `livelock`.
///
/// # Errors
///
/// As [`pages`].
pub fn first_page() -> io::Result<Vec<u8>> {
    let mut all = pages()?;
    all.truncate(1);
    Ok(all.pop().map(|page| page.roff).unwrap_or_default())
}

fn collect(command: &Command, all: &mut Vec<Page>) -> io::Result<()> {
    all.push(page(command)?);
    command
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
        .try_for_each(|command| collect(command, all))
}

fn page(command: &Command) -> io::Result<Page> {
    let name = command.get_display_name().unwrap_or("livelock");
    let man = Man::new(command.clone())
        .title(name)
        .section(SECTION)
        .source(format!("livelock {}", env!("CARGO_PKG_VERSION")))
        .manual("livelock");
    let mut roff = Vec::new();
    man.render_title(&mut roff)?;
    man.render_name_section(&mut roff)?;
    man.render_synopsis_section(&mut roff)?;
    man.render_description_section(&mut roff)?;
    man.render_options_section(&mut roff)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut roff)?;
    }
    rest(command, name)?.to_writer(&mut roff)?;
    Ok(Page {
        name: format!("{name}.{SECTION}"),
        roff,
    })
}

fn rest(command: &Command, name: &str) -> io::Result<Roff> {
    let mut page = Roff::new();
    let help = command.get_after_help().map(ToString::to_string);
    let examples = help.as_deref().unwrap_or_default();
    // The first page has its exit codes as all others do.
    let examples = examples.split("\n\n").next().unwrap_or_default();
    let examples: Vec<&str> = examples
        .lines()
        .filter(|line| *line != "Examples:")
        .map(str::trim_end)
        .collect();
    if !examples.is_empty() {
        page.control("SH", ["EXAMPLES"]);
        page.control("nf", []);
        for line in examples {
            page.text([roman(line)]);
        }
        page.control("fi", []);
    }
    page.control("SH", ["EXIT STATUS"]);
    table(&mut page, exit_codes(name));
    page.control("SH", ["FILES AND ENVIRONMENT"]);
    table(&mut page, &FILES);
    if name != "livelock" {
        page.control("SH", ["SEE ALSO"]);
        page.text([bold("livelock"), roman("(1)")]);
    }
    Ok(page)
}

fn exit_codes(page_name: &str) -> &'static [(&'static str, &'static str)] {
    match page_name {
        "livelock-compare" => &EXIT_CODES_OF_COMPARISONS,
        "livelock-config" | "livelock-man" | "livelock-schema" | "livelock-completions" => {
            &EXIT_CODES_OF_TEXTS
        }
        _ => &EXIT_CODES,
    }
}

fn table(page: &mut Roff, rows: &[(&str, &str)]) {
    for (name, text) in rows {
        page.control("TP", []);
        page.text([bold(*name)]);
        page.text([roman(*text)]);
    }
}
