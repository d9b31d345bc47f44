//! `livelock config`, `completions` and `man`.
//!
//! In: text. Out: the same on standard output, or pages in a folder. Refuses: nothing; a folder
//! that is not there is made.

use std::fs;
use std::path::Path;

use anyhow::Context as _;

use super::output::Sink;
use crate::args::Output;
use crate::exit::Exit;
use crate::manual::pages;

/// Prints it; a closed pipe is success.
pub(super) fn print(text: &[u8]) -> anyhow::Result<Exit> {
    Sink::open(&Output::Stdout)?.write_bytes(text)?;
    Ok(Exit::Fine)
}

/// Writes a page for each command, each on its own.
pub(super) fn write_pages(folder: &Path) -> anyhow::Result<Exit> {
    fs::create_dir_all(folder).with_context(|| format!("make the folder {}", folder.display()))?;
    for page in pages()? {
        let file = folder.join(&page.name);
        fs::write(&file, &page.roff)
            .with_context(|| format!("write {}, a manual page", file.display()))?;
    }
    Ok(Exit::Fine)
}
