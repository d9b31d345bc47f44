//! Completions.
//!
//! In: a shell. Out: its script. Refuses: nothing.

use clap_complete::{Shell, generate};

use crate::args::command;

/// The script that makes `shell` complete commands, options and their values.
#[must_use]
pub fn completions(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    generate(shell, &mut command(), "livelock", &mut script);
    script
}
