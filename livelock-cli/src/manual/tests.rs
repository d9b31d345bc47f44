//! Completions and pages as they are.
//!
//! In: nothing. Out: pass or fail. Refuses: a command without a page.

use clap::ValueEnum as _;
use clap_complete::Shell;

use super::*;
use crate::args::command;

#[test]
fn completions_are_stable() {
    for shell in Shell::value_variants() {
        let script = String::from_utf8(completions(*shell)).expect("text");
        insta::assert_snapshot!(format!("completions_{shell}"), script);
    }
}

#[test]
fn pages_are_stable_and_every_command_has_one() {
    fn names(command: &clap::Command, name: &str) -> Vec<String> {
        let below = command
            .get_subcommands()
            .flat_map(|sub| names(sub, &format!("{name}-{}", sub.get_name())));
        std::iter::once(format!("{name}.1")).chain(below).collect()
    }
    let pages = pages().expect("pages");
    let found: Vec<_> = pages.iter().map(|page| page.name.clone()).collect();
    assert_eq!(found, names(&command(), "livelock"));
    for page in &pages {
        let text = String::from_utf8(page.roff.clone()).expect("text");
        insta::assert_snapshot!(page.name.replace('.', "_"), text);
    }
    assert_eq!(first_page().expect("a page"), pages[0].roff);
}
