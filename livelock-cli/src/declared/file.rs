//! Counters in files.
//!
//! In: a path and perhaps a key. Out: the number as of now. Refuses: files that may block, and more than
//! [`MAX_BYTES`].

use std::fs::{self, File};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use super::error::NotFound;
use super::number::{counter, keyed_sum, keyed_value, keys};
use crate::nearest::nearest;

/// Much more than any file of counters; `/proc/vmstat` has 6 KB.
const MAX_BYTES: u64 = 1 << 20;
/// A writer that truncates the file before it writes leaves it empty for a moment.
const NR_LOOKS: u32 = 5;
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(10);
/// Characters of a file that is no number, in a message.
const MAX_SHOWN: usize = 24;

/// What to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum FileCounter {
    /// The file is the number.
    Plain(PathBuf),
    /// The number behind a key.
    Keyed(PathBuf, String),
    /// The sum of the numbers behind a key, as control groups write them, a line a device.
    Summed(PathBuf, String),
}

impl FileCounter {
    /// Its value; `None`: could not see. The file is opened anew, since programs replace files.
    pub(super) fn read(&self) -> Option<u64> {
        let text = read(self.path()).ok()?;
        self.value(&text)
    }

    /// Whether it can be read now.
    pub(super) fn check(&self) -> Result<(), NotFound> {
        let path = self.path().to_owned();
        let mut text = read(&path)?;
        for _ in 0..NR_LOOKS {
            if !text.trim().is_empty() {
                break;
            }
            thread::sleep(LOOK_AGAIN_AFTER);
            text = read(&path)?;
        }
        if self.value(&text).is_some() {
            return Ok(());
        }
        Err(match self {
            Self::Plain(_) if text.trim().is_empty() => NotFound::Empty { path },
            Self::Plain(_) => NotFound::Number {
                path,
                found: text.trim().chars().take(MAX_SHOWN).collect(),
                has_keys: keys(&text)
                    .into_iter()
                    .any(|key| keyed_value(&text, key).is_some()),
            },
            Self::Keyed(_, key) | Self::Summed(_, key) => NotFound::Key {
                path,
                key: key.clone(),
                nearest: nearest(key, keys(&text).into_iter()),
            },
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Plain(path) | Self::Keyed(path, _) | Self::Summed(path, _) => path,
        }
    }

    fn value(&self, text: &str) -> Option<u64> {
        match self {
            Self::Plain(_) => counter(text),
            Self::Keyed(_, key) => keyed_value(text, key),
            // `io.stat` has no line for a device without any I/O.
            Self::Summed(..) if text.trim().is_empty() => Some(0),
            Self::Summed(_, key) => keyed_sum(text, key),
        }
    }
}

fn read(path: &Path) -> Result<String, NotFound> {
    let failed = |source| NotFound::Read {
        path: path.to_owned(),
        source,
    };
    // Before it is opened: a pipe would wait for its writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(NotFound::NotAFile {
            path: path.to_owned(),
        });
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
