//! Where bytes go.
//!
//! In: text. Out: standard output or a file. Refuses: to call a closed pipe an error.

use std::io::{self, ErrorKind, Write};
use std::path::Path;

use anyhow::Context;

use crate::args::Output;
use crate::late_file::{Existing, LateFile};

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

fn open_file(path: &Path) -> anyhow::Result<LateFile> {
    if path.is_dir() {
        anyhow::bail!(
            "write to {}: it is a directory; name a file in it",
            path.display()
        );
    }
    LateFile::open(path, Existing::Replaced)
        .with_context(|| format!("create {} (is its directory there?)", path.display()))
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
                to: Box::new(open_file(path)?),
                name: path.display().to_string(),
            },
        })
    }

    /// Writes and flushes.
    pub(super) fn write(&mut self, text: &str) -> anyhow::Result<Written> {
        self.write_bytes(text.as_bytes())
    }

    /// The same for what is no text.
    pub(super) fn write_bytes(&mut self, bytes: &[u8]) -> anyhow::Result<Written> {
        if bytes.is_empty() {
            return Ok(Written::Yes);
        }
        match self.to.write_all(bytes).and_then(|()| self.to.flush()) {
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
