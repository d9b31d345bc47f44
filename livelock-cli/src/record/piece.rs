//! One piece of a recording: what can be read alone.
//!
//! In: frames. Out: bytes in a file or on standard output, each window with one write. Refuses: to leave a file behind
//! to which nothing was written.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use livelock_core::declared::DeclaredReading;
use livelock_core::ids::MonotonicNs;
use livelock_core::recording::{Baseline, NewNames};
use livelock_core::recording::{Close, Opening, Record, carries_over, chunks, encode, preamble};

use super::error::RecordError;
use crate::late_file::{Existing, LateFile};

/// A window as it is written, and what a piece that begins after it needs.
#[derive(Clone, Debug)]
pub(super) struct Frames {
    pub(super) bytes: Vec<u8>,
    /// A baseline; empty if none is needed.
    pub(super) carry: Vec<u8>,
    pub(super) readings: Vec<DeclaredReading>,
    pub(super) end: MonotonicNs,
    pub(super) ended_unix_ms: u64,
}

impl Frames {
    /// Of a window; whether a piece may begin after it.
    pub(super) fn of(close: Close, may_be_last: bool) -> Result<Self, RecordError> {
        let carry = match may_be_last {
            true => carry(&close)?,
            false => Vec::new(),
        };
        let mut frames = Self {
            carry,
            bytes: Vec::new(),
            readings: close.readings.clone(),
            end: close.end,
            ended_unix_ms: close.ended_unix_ms,
        };
        for record in chunks(close) {
            frames.bytes.extend(encode(&record)?);
        }
        Ok(frames)
    }
}

/// Where a piece begins that begins after this window.
fn carry(close: &Close) -> Result<Vec<u8>, RecordError> {
    let events = close.events.iter().filter(|event| carries_over(event));
    Ok(encode(&Record::Baseline(Baseline {
        at: close.end,
        events: events.cloned().collect(),
    }))?)
}

/// What each piece begins with: who, where from, and the names so far.
pub(super) fn head(
    opening: &Opening,
    baseline: &[u8],
    names: NewNames,
) -> Result<Vec<u8>, RecordError> {
    let mut bytes = preamble();
    bytes.extend(encode(&Record::Opening(Box::new(opening.clone())))?);
    bytes.extend(baseline);
    if !names.is_empty() {
        bytes.extend(encode(&Record::Names(names))?);
    }
    Ok(bytes)
}

/// Bytes on their way.
pub(super) struct Piece {
    to: Box<dyn Write + Send>,
    path: PathBuf,
    pub(super) nr_bytes: u64,
}

impl Piece {
    /// A file.
    pub(super) fn file(path: &Path, is_forced: bool) -> Result<Self, RecordError> {
        let existing = if is_forced {
            Existing::Replaced
        } else {
            Existing::Refused
        };
        let file = LateFile::open(path, existing).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => RecordError::Exists {
                path: path.to_owned(),
            },
            _ => RecordError::Create {
                path: path.to_owned(),
                source,
            },
        })?;
        Ok(Self::of(Box::new(file), path.to_owned()))
    }

    /// Any writer.
    pub(super) const fn of(to: Box<dyn Write + Send>, path: PathBuf) -> Self {
        Self {
            to,
            path,
            nr_bytes: 0,
        }
    }

    /// Writes frames, so that they are there whatever happens to this process next.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), RecordError> {
        let written = self.to.write_all(bytes).and_then(|()| self.to.flush());
        written.map_err(|source| RecordError::Write {
            path: self.path.clone(),
            source,
        })?;
        self.nr_bytes += bytes.len() as u64;
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}
