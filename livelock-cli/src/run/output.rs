//! Where bytes go.
//!
//! In: text. Out: standard output or a file. Refuses: to call a closed pipe an error.

use std::fs::File;
use std::io::{self, ErrorKind, Write};

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

impl Sink {
    /// Opens `output` now, so that a wrong path is known before anything is observed.
    pub(super) fn open(output: &Output) -> anyhow::Result<Self> {
        Ok(match output {
            Output::Stdout => Self {
                to: Box::new(io::stdout()),
                name: "standard output".to_owned(),
            },
            Output::File(path) => {
                let file = File::create(path).with_context(|| {
                    format!("create {} (is its directory there?)", path.display())
                })?;
                Self {
                    to: Box::new(file),
                    name: path.display().to_string(),
                }
            }
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
