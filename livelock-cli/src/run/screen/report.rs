//! Reports of a moment on the screen.
//!
//! In: a snapshot, and the page of it if there is one. Out: a text, a JSON document and an HTML page in the current folder,
//! named by the time. Refuses: to replace a file, and to write a page that is empty.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;

use crate::record::{numbered, stamped};
use crate::render::{Style, verdict_json, verdict_text};
use crate::screen::Snapshot;

/// Reports of one second, at most.
const MAX_NUMBER: u32 = 99;

/// Writes all of them, and says where.
pub(super) fn write(snapshot: &Snapshot, page: Option<&str>) -> anyhow::Result<String> {
    let verdict = snapshot.verdict();
    let text = verdict_text(verdict, Style::new(false, None));
    let json = verdict_json(verdict)?;
    let stem = stamped(Path::new("livelock"), snapshot.ended_unix_ms());
    for number in 1..=MAX_NUMBER {
        let stem = match number {
            1 => stem.clone(),
            _ => numbered(&stem, number),
        };
        let contents = [
            ("html", page),
            ("txt", Some(text.as_str())),
            ("json", Some(json.as_str())),
        ];
        let files: Vec<_> = contents
            .into_iter()
            .filter_map(|(extension, content)| Some((stem.with_extension(extension), content?)))
            .collect();
        if files.iter().any(|(path, _)| path.exists()) {
            continue;
        }
        let mut written = Vec::new();
        for (path, content) in &files {
            if !write_new(path, content)? {
                break;
            }
            written.push(path);
        }
        if written.len() == files.len() {
            let file = stem.display();
            return Ok(if page.is_some() {
                format!("wrote {file}.html, and the same as .txt and .json")
            } else {
                format!("wrote {file}.txt, and the same as .json; a page needs a window")
            });
        }
        // Somebody took a name meanwhile; what is there of this one would be a report that is not whole.
        for path in written {
            fs::remove_file(path).with_context(|| format!("remove {}", path.display()))?;
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
