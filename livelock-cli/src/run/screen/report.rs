//! Reports of a moment on the screen.
//!
//! In: a snapshot, and the page of it. Out: a text, a JSON document and an HTML page in the current folder, named by the
//! time. Refuses: to replace a file.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::record::{numbered, stamped};
use crate::render::{Style, verdict_json, verdict_text};
use crate::screen::Snapshot;

/// Reports of one second, at most.
const MAX_NUMBER: u32 = 99;

/// Writes all of them, and says where.
pub(super) fn write(snapshot: &Snapshot, page: &str) -> anyhow::Result<String> {
    let verdict = snapshot.verdict();
    let text = verdict_text(verdict, Style::new(false, None));
    let json = verdict_json(verdict)?;
    let stem = stamped(Path::new("livelock"), snapshot.ended_unix_ms());
    for number in 1..=MAX_NUMBER {
        let stem = match number {
            1 => stem.clone(),
            _ => numbered(&stem, number),
        };
        let files = [("html", page), ("txt", &text), ("json", &json)]
            .map(|(extension, content)| (stem.with_extension(extension), content));
        if files.iter().any(|(path, _)| path.exists()) {
            continue;
        }
        let mut is_free = true;
        for (path, content) in &files {
            is_free = is_free && write_new(path, content)?;
        }
        if is_free {
            return Ok(format!(
                "wrote {}.html, and the same as .txt and .json",
                stem.display()
            ));
        }
    }
    anyhow::bail!(
        "find a free name: {} has {MAX_NUMBER} already",
        stem.display()
    )
}

/// Whether the file was not there before.
fn write_new(path: &Path, text: &str) -> anyhow::Result<bool> {
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
