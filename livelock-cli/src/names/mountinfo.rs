//! Where cgroup v2 is mounted.
//!
//! In: the text of `/proc/self/mountinfo`. Out: the mount point, also of a hybrid host
//! (`/sys/fs/cgroup/unified`). Refuses: v1 hierarchies; the ids that BPF gives are v2's.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// The first mount point of type `cgroup2`.
#[must_use]
pub fn cgroup2_mount(mountinfo: &str) -> Option<PathBuf> {
    mountinfo.lines().find_map(|line| {
        let (mount, filesystem) = line.split_once(" - ")?;
        let kind = filesystem.split(' ').next()?;
        let path = mount.split(' ').nth(4)?;
        (kind == "cgroup2").then(|| PathBuf::from(unescape(path)))
    })
}

/// Space, tab, newline and backslash stand as `\040` and the like.
fn unescape(path: &str) -> OsString {
    let mut rest = path.as_bytes();
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = (first == b'\\')
            .then(|| tail.first_chunk::<3>())
            .flatten()
            .and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok());
        bytes.push(escaped.unwrap_or(first));
        rest = if escaped.is_some() { &tail[3..] } else { tail };
    }
    OsString::from_vec(bytes)
}
