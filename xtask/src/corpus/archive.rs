//! The files of one task, as the guest packs them.
//!
//! In: the bytes of a compressed tar archive of plain files. Out: the files. Refuses: archives that `tar` cannot read whole.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;

use crate::vm::console::Results;
use crate::{paths, tools};

/// Archives that this process has unpacked; their folders have names of their own.
static NR_UNPACKED: AtomicU32 = AtomicU32::new(0);

/// Unpacks into a folder that is gone afterwards.
pub(super) fn unpack(bytes: &[u8]) -> anyhow::Result<Results> {
    let nr_unpacked = NR_UNPACKED.fetch_add(1, Ordering::Relaxed);
    let name = format!("livelock-corpus-{}-{nr_unpacked}", std::process::id());
    let dir = std::env::temp_dir().join(name);
    let results = unpack_into(&dir, bytes);
    let removed = fs::remove_dir_all(&dir);
    let results = results?;
    removed.with_context(|| format!("failed to remove {}", dir.display()))?;
    Ok(results)
}

fn unpack_into(dir: &Path, bytes: &[u8]) -> anyhow::Result<Results> {
    let files = dir.join("files");
    paths::make_dir(&files)?;
    let archive = dir.join("archive");
    fs::write(&archive, bytes).with_context(|| format!("failed to write {}", archive.display()))?;
    tools::run(
        Command::new("tar")
            .args(["--extract", "--gzip", "--file"])
            .arg(&archive)
            .arg("--directory")
            .arg(&files),
    )?;
    let mut results = Results::default();
    for entry in
        fs::read_dir(&files).with_context(|| format!("failed to read {}", files.display()))?
    {
        let path = entry.context("failed to read an entry")?.path();
        let content =
            fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        results.insert(name.into_owned(), content);
    }
    Ok(results)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_archive_is_an_error_and_leaves_nothing() {
        let is_ours =
            |name: &str| name.starts_with(&format!("livelock-corpus-{}-", std::process::id()));
        assert!(unpack(b"no archive").is_err());
        let left = fs::read_dir(std::env::temp_dir())
            .unwrap()
            .filter_map(Result::ok)
            .filter(|entry| is_ours(&entry.file_name().to_string_lossy()))
            .filter(|entry| entry.path().join("archive").is_file())
            .filter(|entry| {
                fs::read(entry.path().join("archive")).is_ok_and(|it| it == b"no archive")
            })
            .count();
        assert_eq!(left, 0);
    }
}
