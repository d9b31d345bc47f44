//! Another object in the place of the committed one, for a while.
//!
//! In: bytes. Out: a build that embeds them, until this is dropped. Refuses: to leave them there.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::ebpf;

/// The committed object, to be put back.
pub(super) struct Swapped {
    path: PathBuf,
    committed: Vec<u8>,
}

impl Swapped {
    /// Puts `bytes` in the place of the tool's committed object.
    pub(super) fn with(root: &Path, bytes: &[u8]) -> anyhow::Result<Self> {
        let path = ebpf::committed_path(root, ebpf::LIVELOCK);
        let committed =
            fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        fs::write(&path, bytes).with_context(|| format!("failed to write {}", path.display()))?;
        Ok(Self { path, committed })
    }
}

impl Drop for Swapped {
    fn drop(&mut self) {
        if let Err(err) = fs::write(&self.path, &self.committed) {
            eprintln!(
                "xtask: failed to put the committed object back: {err}; run `git checkout -- {}`",
                self.path.display()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_object_comes_back() {
        let root = std::env::temp_dir().join(format!("livelock-swap-{}", std::process::id()));
        let path = ebpf::committed_path(&root, ebpf::LIVELOCK);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"committed").unwrap();
        let swapped = Swapped::with(&root, b"fresh").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"fresh");
        drop(swapped);
        assert_eq!(fs::read(&path).unwrap(), b"committed");
        fs::remove_dir_all(&root).unwrap();
    }
}
