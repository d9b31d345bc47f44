//! Why nothing is recorded or read. Messages read after "failed to".

use std::io;
use std::path::PathBuf;

use livelock_core::recording::RecordingError;

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The file is there.
    #[error("record to {}: it exists; type --force to replace it, or another name", path.display())]
    Exists {
        /// Which.
        path: PathBuf,
    },
    /// It cannot be made.
    #[error("record to {} (is its directory there, and is it a file's name?)", path.display())]
    Create {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Pieces are renamed, which nothing but a file takes.
    #[error(
        "record to {} in pieces: it is a device or a link, which cannot be renamed; type the path of a file, or leave --max-size out",
        path.display()
    )]
    NoFile {
        /// What.
        path: PathBuf,
    },
    /// Standard output is a terminal.
    #[error(
        "record to a terminal: a recording is not text; type --output FILE, or send standard output somewhere"
    )]
    Terminal,
    /// It cannot be written to.
    #[error("write to {}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody writes.
    #[error("run the thread that writes the recording")]
    Thread {
        /// Why.
        source: io::Error,
    },
    /// It cannot be read.
    #[error("read the recording {}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A record is none.
    #[error(transparent)]
    Recording(#[from] RecordingError),
}

impl RecordError {
    /// Whether the reader of standard output went away.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
    }
}
