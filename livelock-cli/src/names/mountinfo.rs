//! Where file systems are mounted.
//!
//! In: the text of `/proc/self/mountinfo`. Out: the mount point of cgroup v2, also of a hybrid host
//! (`/sys/fs/cgroup/unified`), and where a file of a device can be seen. Refuses: v1 hierarchies, since the ids that BPF gives
//! are v2's.

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

/// What is mounted where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mounts(Vec<Mount>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    device: (u32, u32),
    /// The folder of the file system that is mounted, without a slash at the end; empty: all of it.
    root: String,
    at: PathBuf,
}

impl Mounts {
    /// From the text of `/proc/self/mountinfo`.
    pub(super) fn of(mountinfo: &str) -> Self {
        let mount = |line: &str| {
            let mut fields = line.split(' ').skip(2);
            let (major, minor) = fields.next()?.split_once(':')?;
            let root = unescape(fields.next()?).into_string().ok()?;
            Some(Mount {
                device: (major.parse().ok()?, minor.parse().ok()?),
                root: root.trim_end_matches('/').to_owned(),
                at: PathBuf::from(unescape(fields.next()?)),
            })
        };
        Self(mountinfo.lines().filter_map(mount).collect())
    }

    /// The first mount point of all of a file system.
    pub(super) fn whole(&self, device: (u32, u32)) -> Option<PathBuf> {
        let mut of_device = self.0.iter().filter(|mount| mount.device == device);
        let whole = of_device.find(|mount| mount.root.is_empty());
        whole.map(|mount| mount.at.clone())
    }

    /// Where what is called `below` in a file system can be seen: in the mount of the largest part of it.
    pub(super) fn path(&self, device: (u32, u32), below: &str) -> Option<PathBuf> {
        let of_device = self.0.iter().filter(|mount| mount.device == device);
        let inside = of_device.filter_map(|mount| {
            let rest = below.strip_prefix(mount.root.as_str())?;
            let is_inside = rest.is_empty() || rest.starts_with('/');
            is_inside.then(|| (mount, rest.trim_start_matches('/')))
        });
        let (mount, rest) = inside.min_by_key(|(mount, _)| mount.root.len())?;
        Some(match rest {
            "" => mount.at.clone(),
            _ => mount.at.join(rest),
        })
    }
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

    const MOUNTS: &str = "\
28 1 8:1 /sub /mnt/part rw - ext4 /dev/sda1 rw
29 1 8:1 / /srv/my\\040data rw,relatime shared:1 - ext4 /dev/sda1 rw
30 1 8:1 / /again rw - ext4 /dev/sda1 rw
31 1 0:25 /@ / rw - btrfs /dev/sdb rw
32 1 0:25 /@home /home rw - btrfs /dev/sdb rw
";

    #[test]
    fn a_device_is_found_where_all_of_it_is_mounted() {
        let mounts = Mounts::of(MOUNTS);
        assert_eq!(mounts.whole((8, 1)), Some(PathBuf::from("/srv/my data")));
        assert_eq!(mounts.whole((0, 25)), None);
        assert_eq!(mounts.whole((8, 2)), None);
        assert_eq!(Mounts::of("31 1 8:2"), Mounts::default());
    }

    #[test]
    fn a_path_is_seen_through_a_mount_that_has_it() {
        let mounts = Mounts::of(MOUNTS);
        let path = |device, below| mounts.path(device, below);
        let seen = |path: &str| Some(PathBuf::from(path));
        assert_eq!(path((8, 1), "/sub/x"), seen("/srv/my data/sub/x"));
        assert_eq!(path((8, 1), "/"), seen("/srv/my data"));
        assert_eq!(path((0, 25), "/@/etc/x"), seen("/etc/x"));
        assert_eq!(path((0, 25), "/@home/me"), seen("/home/me"));
        assert_eq!(path((0, 25), "/@"), seen("/"));
        assert_eq!(path((0, 25), "/@other/x"), None);
        assert_eq!(path((8, 2), "/x"), None);
    }
}
