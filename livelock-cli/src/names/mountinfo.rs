//! Where file systems are mounted.
//!
//! In: the text of `/proc/self/mountinfo`. Out: the mount point of cgroup v2, also of a hybrid host
//! (`/sys/fs/cgroup/unified`), and of a device. Refuses: v1 hierarchies, since the ids that BPF gives are v2's; mounts of a
//! part of a file system.

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

/// The first mount point of the whole file system on device `major:minor`.
pub(super) fn mount_of_device(mountinfo: &str, major: u32, minor: u32) -> Option<PathBuf> {
    let device = format!("{major}:{minor}");
    mountinfo.lines().find_map(|line| {
        let mut fields = line.split(' ').skip(2);
        let (of, root, path) = (fields.next()?, fields.next()?, fields.next()?);
        (of == device && root == "/").then(|| PathBuf::from(unescape(path)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_found_where_all_of_it_is_mounted() {
        const MOUNTS: &str = "\
28 1 8:1 /sub /mnt/part rw - ext4 /dev/sda1 rw
29 1 8:1 / /srv/my\\040data rw,relatime shared:1 - ext4 /dev/sda1 rw
30 1 8:1 / /again rw - ext4 /dev/sda1 rw
31 1 0:25 / /tmp rw - tmpfs tmpfs rw
";
        let mount = |major, minor| mount_of_device(MOUNTS, major, minor);
        assert_eq!(mount(8, 1), Some(PathBuf::from("/srv/my data")));
        assert_eq!(mount(0, 25), Some(PathBuf::from("/tmp")));
        assert_eq!(mount(8, 2), None);
        assert_eq!(mount_of_device("31 1 8:2", 8, 2), None);
    }
}
