//! Reports of a moment on the screen.
//!
//! In: a snapshot. Out: a text and a JSON document in the current folder, named by the time. Refuses: to replace a
//! file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::record::{numbered, stamped};
use crate::render::{Style, verdict_json, verdict_text};
use crate::screen::Snapshot;

/// Reports of one second, at most.
const MAX_NUMBER: u32 = 99;

/// Writes both, and says where.
pub(super) fn write(snapshot: &Snapshot) -> anyhow::Result<String> {
    let verdict = snapshot.verdict();
    let text = verdict_text(verdict, Style::new(false, None));
    let json = verdict_json(verdict)?;
    let stem = stamped(Path::new("livelock"), snapshot.ended_unix_ms());
    for number in 1..=MAX_NUMBER {
        let stem = match number {
            1 => stem.clone(),
            _ => numbered(&stem, number),
        };
        let [text_path, json_path] =
            ["txt", "json"].map(|extension| stem.with_extension(extension));
        if text_path.exists() || json_path.exists() {
            continue;
        }
        if !write_new(&text_path, &text)? || !write_new(&json_path, &json)? {
            continue;
        }
        return Ok(format!(
            "wrote {} and {}",
            text_path.display(),
            json_path.display()
        ));
    }
    anyhow::bail!(
        "find a free name: {} has {MAX_NUMBER} already",
        stem.display()
    )
}

/// Whether the file was not there before.
fn write_new(path: &PathBuf, text: &str) -> anyhow::Result<bool> {
    let file = OpenOptions::new().write(true).create_new(true).open(path);
    match file {
        Ok(mut file) => file
            .write_all(text.as_bytes())
            .map(|()| true)
            .with_context(|| format!("write {}", path.display())),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error).with_context(|| format!("create {}", path.display())),
    }
}
