//! A folder for the files of one run.
//!
//! In: nothing. Out: a folder that is gone at the end. Refuses: to leave the folders of runs that were
//! killed; the next run removes those whose process is gone.

use std::ffi::CString;
use std::fs;
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use crate::needs::Missing;
use crate::sys;

const PREFIX: &str = "livelock-lab-";

/// Tries to remove the folder: workers of a collapse may still make files in it.
const NR_REMOVALS: u32 = 20;
const REMOVAL_PAUSE: Duration = Duration::from_millis(10);

/// A folder that is removed when dropped.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// In memory where that exists (`/dev/shm`), else in the temporary folder.
    pub(crate) fn in_memory() -> anyhow::Result<Self> {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::below(memory)
        } else {
            Self::new()
        }
    }

    /// In the temporary folder, on whatever file system that is.
    pub(crate) fn new() -> anyhow::Result<Self> {
        Self::below(&std::env::temp_dir())
    }

    /// In the temporary folder, which must have a disk below.
    pub(crate) fn on_disk() -> anyhow::Result<Self> {
        let scratch = Self::new()?;
        let path = path_bytes(&scratch.path)?;
        // SAFETY: `statfs` is made of integers, for which zero is valid.
        let mut stat: libc::statfs = unsafe { mem::zeroed() };
        // SAFETY: the path ends with NUL, the kernel writes into a live local.
        sys::done(unsafe { libc::statfs(path.as_ptr(), &raw mut stat) })
            .context("failed to ask for the file system of the temporary folder")?;
        /// `RAMFS_MAGIC`, which libc does not have.
        const RAMFS_MAGIC: u64 = 0x8584_58f6;
        let magic = stat.f_type.cast_unsigned();
        if magic == libc::TMPFS_MAGIC.cast_unsigned() || magic == RAMFS_MAGIC {
            return Err(Missing::new(
                "the temporary folder is in memory",
                "point TMPDIR at a folder on a disk",
            )
            .into());
        }
        Ok(scratch)
    }

    fn below(parent: &Path) -> anyhow::Result<Self> {
        sweep(parent);
        let path = parent.join(format!("{PREFIX}{}", std::process::id()));
        fs::create_dir_all(&path).with_context(|| {
            format!(
                "failed to make {}; point TMPDIR at a folder that can be written",
                path.display()
            )
        })?;
        Ok(Self { path })
    }

    /// The folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The name of something in it, for system calls.
    pub(crate) fn name(&self, name: &str) -> anyhow::Result<CString> {
        path_bytes(&self.path.join(name))
    }

    /// Makes a folder in it.
    pub(crate) fn folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.path.join(name);
        fs::create_dir_all(&path).with_context(|| format!("failed to make {}", path.display()))?;
        Ok(path)
    }

    /// Makes a file of `len_bytes` zeroes in it.
    pub(crate) fn file(&self, name: &str, len_bytes: usize) -> anyhow::Result<fs::File> {
        let path = self.path.join(name);
        fs::write(&path, vec![0; len_bytes])
            .and_then(|()| fs::OpenOptions::new().read(true).write(true).open(&path))
            .with_context(|| format!("failed to make {}", path.display()))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        for _ in 0..NR_REMOVALS {
            match fs::remove_dir_all(&self.path) {
                Err(err) if err.kind() != io::ErrorKind::NotFound => thread::sleep(REMOVAL_PAUSE),
                _ => return,
            }
        }
        eprintln!(
            "livelock-lab: failed to remove {}; remove it by hand",
            self.path.display()
        );
    }
}

/// A path for system calls.
pub(crate) fn path_bytes(path: &Path) -> anyhow::Result<CString> {
    CString::new(path.as_os_str().as_bytes()).context("a path holds a NUL byte")
}

/// Removes what runs left behind whose process is gone. What cannot be removed belongs to others.
fn sweep(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else {
        return;
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let is_stale = name
            .to_str()
            .and_then(|name| name.strip_prefix(PREFIX)?.parse::<u32>().ok())
            .is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists());
        if is_stale {
            fs::remove_dir_all(entry.path()).unwrap_or_default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_gone_when_dropped_and_takes_stale_ones_along() {
        let parent = std::env::temp_dir().join(format!("lab-scratch-test-{}", std::process::id()));
        // No process has the highest 32-bit number.
        let stale = parent.join(format!("{PREFIX}4294967295"));
        fs::create_dir_all(stale.join("deep")).unwrap();
        let scratch = Scratch::below(&parent).unwrap();
        assert!(!stale.exists());
        scratch.file("some", 10).unwrap();
        let path = scratch.path().to_owned();
        drop(scratch);
        assert!(!path.exists());
        fs::remove_dir(parent).unwrap();
    }
}
