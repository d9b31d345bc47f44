//! A file that keeps its old content until there is something to put in its place.
//!
//! In: a path. Out: a place to write to. Refuses: to leave an empty file behind when nothing came of it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// What to do with a file that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// Replaced by the first write.
    Replaced,
    /// An error, [`ErrorKind::AlreadyExists`].
    Refused,
}

/// Such a file.
#[derive(Debug)]
pub(crate) struct LateFile {
    file: File,
    path: PathBuf,
    /// Whether it was made by us and is empty so far.
    is_new: bool,
    has_begun: bool,
}

impl LateFile {
    /// Opens it, so that a wrong path is known early.
    pub(crate) fn open(path: &Path, existing: Existing) -> io::Result<Self> {
        if path.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let is_new = !path.exists();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .create_new(existing == Existing::Refused)
            .truncate(false)
            .open(path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            is_new,
            has_begun: false,
        })
    }
}

impl Write for LateFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.has_begun {
            // Devices and pipes have no length to cut.
            if self.file.metadata()?.is_file() {
                self.file.set_len(0)?;
            }
            self.has_begun = true;
        }
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for LateFile {
    fn drop(&mut self) {
        if self.is_new && !self.has_begun {
            // Nothing came of it; what is left over is an empty file, which harms nobody.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
