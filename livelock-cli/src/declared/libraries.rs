//! Programs and libraries by name.
//!
//! In: a path, or a name like `nginx` or `libc`. Out: the file. Refuses: to guess between versions; the loader's own
//! cache decides.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use super::error::NotFound;

/// The loader's index of libraries.
const CACHE: &str = "/etc/ld.so.cache";

/// How the part of the cache that glibc has written since 2.2 begins; see `sysdeps/generic/dl-cache.h`.
const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
const HEADER_BYTES: usize = 48;
const ENTRY_BYTES: usize = 24;

/// Finds `target`.
pub(super) fn locate(target: &str) -> Result<PathBuf, NotFound> {
    if target.contains('/') {
        return Ok(PathBuf::from(target));
    }
    let program = env::var_os("PATH").and_then(|path| {
        let mut candidates = env::split_paths(&path).map(|dir| dir.join(target));
        candidates.find(|path| is_program(path))
    });
    let library = || {
        let cache = fs::read(CACHE).ok()?;
        let mut paths = library_paths(&cache, target).into_iter();
        paths.find(|path| path.is_file())
    };
    program.or_else(library).ok_or_else(|| NotFound::Target {
        target: target.to_owned(),
    })
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// Where `cache` says that `target` is: a file name, or one without its suffix, or without `lib` as well.
pub(super) fn library_paths(cache: &[u8], target: &str) -> Vec<PathBuf> {
    // Offsets of names count from the header of the new format, which may follow one of the old.
    let begin = cache
        .windows(MAGIC.len())
        .position(|bytes| bytes == MAGIC)
        .unwrap_or(cache.len());
    let cache = cache.get(begin..).unwrap_or_default();
    let u32_at = |at: usize| {
        let bytes = cache.get(at..at.checked_add(4)?)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?) as usize)
    };
    let text_at = |at: usize| {
        let text = cache.get(at..)?;
        std::str::from_utf8(text.get(..text.iter().position(|&byte| byte == 0)?)?).ok()
    };
    let nr_entries = u32_at(MAGIC.len()).unwrap_or(0);
    let is_meant = |name: &str| {
        let stem = name.split(".so").next().unwrap_or(name);
        name == target || stem == target || stem.strip_prefix("lib") == Some(target)
    };
    (0..nr_entries)
        .map_while(|entry| {
            let at = HEADER_BYTES.checked_add(entry.checked_mul(ENTRY_BYTES)?)?;
            Some((u32_at(at + 4)?, u32_at(at + 8)?))
        })
        .filter(|&(name, _)| text_at(name).is_some_and(is_meant))
        .filter_map(|(_, path)| text_at(path).map(PathBuf::from))
        .collect()
}
