//! Where bytes go.
//!
//! In: text. Out: standard output or a file. Refuses: to call a closed pipe an error.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::args::Output;

/// An open output.
pub(super) struct Sink {
    to: Box<dyn Write>,
    name: String,
}

/// Whether the reader is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    Yes,
    PipeClosed,
}

/// A file that keeps its old content until there is something to put in its place.
struct ReportFile {
    file: File,
    path: PathBuf,
    /// Whether it was made by us and is empty so far.
    is_new: bool,
    has_begun: bool,
}

impl ReportFile {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path.is_dir() {
            anyhow::bail!(
                "write to {}: it is a directory; name a file in it",
                path.display()
            );
        }
        let is_new = !path.exists();
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .with_context(|| format!("create {} (is its directory there?)", path.display()))?;
        Ok(Self {
            file,
            path: path.to_owned(),
            is_new,
            has_begun: false,
        })
    }
}

impl Write for ReportFile {
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

impl Drop for ReportFile {
    fn drop(&mut self) {
        if self.is_new && !self.has_begun {
            // Nothing came of it; what is left over is an empty file, which harms nobody.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

impl Sink {
    /// Opens `output` now, so that a wrong path is known before anything is observed.
    pub(super) fn open(output: &Output) -> anyhow::Result<Self> {
        Ok(match output {
            Output::Stdout => Self {
                to: Box::new(io::stdout()),
                name: "standard output".to_owned(),
            },
            Output::File(path) => Self {
                to: Box::new(ReportFile::open(path)?),
                name: path.display().to_string(),
            },
        })
    }

    /// Writes and flushes.
    pub(super) fn write(&mut self, text: &str) -> anyhow::Result<Written> {
        match self
            .to
            .write_all(text.as_bytes())
            .and_then(|()| self.to.flush())
        {
            Ok(()) => Ok(Written::Yes),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(Written::PipeClosed),
            Err(error) => Err(error).with_context(|| format!("write to {}", self.name)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_report_stays_until_a_new_one_is_there() {
        let dir = std::env::temp_dir().join(format!("livelock-output-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("verdict");
        let open = || Sink::open(&Output::File(path.clone())).unwrap();

        drop(open());
        assert!(!path.exists(), "nothing was written, nothing is left");
        std::fs::write(&path, "the old and longer report").unwrap();
        drop(open());
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "the old and longer report"
        );
        open().write("new").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "new");
        assert!(
            Sink::open(&Output::File(dir.clone())).is_err(),
            "a directory is no file"
        );
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
