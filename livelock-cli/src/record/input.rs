//! Where a recording is read from.
//!
//! In: a path, or `-`. Out: bytes. Refuses: nothing else; what they mean is for the core.

use std::io::Read as _;
use std::path::PathBuf;

use super::error::RecordError;

/// A file or standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl Input {
    /// All of it.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(&self) -> Result<Vec<u8>, RecordError> {
        let bytes = match self {
            Self::Stdin => {
                let mut bytes = Vec::new();
                std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
            }
            Self::File(path) => std::fs::read(path),
        };
        bytes.map_err(|source| RecordError::Read {
            path: self.path(),
            source,
        })
    }

    /// Its name.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Stdin => PathBuf::from("standard input"),
            Self::File(path) => path.clone(),
        }
    }
}
