//! A cgroup v2 as the scope.
//!
//! In: what was typed, the mount, files of the group. Out: the id and depth by which the kernel programs know it;
//! its threads and counters. Refuses: groups of version 1, the root, and a hierarchy that is not seen from its root.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use livelock_core::event::ProgressCounters;

use super::ScopeError;
use super::files::{
    CpuStat, parse_cpu_max, parse_cpu_stat, parse_io_stat, parse_memory_stat, path_below,
};
use crate::names::cgroup2_mount;

/// Inode of the root of every hierarchy (`KERNFS_ROOT`'s id, fs/kernfs/dir.c, v6.18).
const ROOT_INODE: u64 = 1;
/// Directories of a group and those below it that are looked at for threads in one window.
const MAX_DIRECTORIES: usize = 1024;

/// What became of a control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It is there.
    Here,
    /// It was removed.
    Gone,
    /// It was removed, and another one has its name.
    Replaced,
}

/// A control group that existed when it was looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cgroup {
    directory: PathBuf,
    mount: PathBuf,
    /// The id that the kernel programs compare with.
    pub id: u64,
    /// How far below the root it is.
    pub level: u32,
    /// Its path below the root, as in `/proc/PID/cgroup`.
    pub path: String,
}

impl Cgroup {
    /// The group that was typed as `typed`.
    ///
    /// # Errors
    ///
    /// If there is none that the kernel programs could know.
    pub fn find(typed: &str) -> Result<Self, ScopeError> {
        let path = typed.to_owned();
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let Some(mount) = cgroup2_mount(&mountinfo) else {
            return Err(ScopeError::NoCgroup2 { path });
        };
        let directory = path_below(&mount, typed)
            .filter(|directory| is_group(directory))
            .and_then(|directory| fs::canonicalize(directory).ok())
            .filter(|directory| directory.starts_with(&mount));
        let Some(directory) = directory else {
            return Err(if is_group(Path::new(typed)) {
                ScopeError::Version1 { path, mount }
            } else {
                ScopeError::NoCgroup { path, mount }
            });
        };
        let inode = |directory: &Path| fs::metadata(directory).map(|found| found.ino());
        if inode(&mount).ok() != Some(ROOT_INODE) {
            return Err(ScopeError::CgroupNamespace { path, mount });
        }
        let file = directory.join("cpu.stat");
        let unreadable = |source| ScopeError::Unreadable {
            path: typed.to_owned(),
            file: file.clone(),
            source,
        };
        let id = inode(&directory).map_err(unreadable)?;
        if id == ROOT_INODE {
            return Err(ScopeError::RootCgroup { path });
        }
        let found = fs::read_to_string(&file).map_err(unreadable)?;
        if parse_cpu_stat(&found).is_none() {
            return Err(unreadable(io::ErrorKind::InvalidData.into()));
        }
        let below = directory.strip_prefix(&mount).unwrap_or(&directory);
        Ok(Self {
            id,
            level: u32::try_from(below.components().count()).unwrap_or(u32::MAX),
            path: format!("/{}", below.display()),
            directory,
            mount,
        })
    }

    /// Whether it is still the group that the kernel programs know: a service that is started again gets a new one
    /// of the same name.
    pub(super) fn presence(&self) -> Presence {
        match fs::metadata(&self.directory) {
            Ok(found) if found.ino() == self.id => Presence::Here,
            Ok(_) => Presence::Replaced,
            Err(_) => Presence::Gone,
        }
    }

    /// CPU times; `None` once the group is gone.
    pub(super) fn cpu(&self) -> Option<CpuStat> {
        parse_cpu_stat(&self.text("cpu.stat")?)
    }

    /// What its tasks achieved, as far as its controllers tell.
    pub(super) fn progress(&self) -> ProgressCounters {
        let memory = self.text("memory.stat");
        let memory = memory.as_deref().map(parse_memory_stat).unwrap_or_default();
        ProgressCounters {
            nr_page_faults: memory.nr_page_faults,
            nr_pages_scanned: memory.nr_pages_scanned,
            nr_pages_reclaimed: memory.nr_pages_reclaimed,
            nr_block_completions: self.text("io.stat").as_deref().map(parse_io_stat),
            ..ProgressCounters::default()
        }
    }

    /// The smallest quota of the group and those above it.
    pub(super) fn quota_ns_per_sec(&self) -> Option<u64> {
        quota_of(&self.directory, &self.mount)
    }

    /// Threads of the group and of those below it.
    pub(super) fn threads(&self) -> Vec<u32> {
        let mut threads = Vec::new();
        let mut pending = vec![self.directory.clone()];
        let mut nr_left = MAX_DIRECTORIES;
        while let Some(directory) = pending.pop().filter(|_| nr_left > 0) {
            nr_left -= 1;
            // Removed meanwhile: it has no tasks then.
            let ids = fs::read_to_string(directory.join("cgroup.threads")).unwrap_or_default();
            threads.extend(ids.lines().filter_map(|id| id.parse::<u32>().ok()));
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            pending.extend(below.map(|entry| entry.path()));
        }
        threads
    }

    fn text(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.directory.join(name)).ok()
    }
}

/// The quota that a process lives under; `None`: none, or it could not be seen.
pub(super) fn quota_of_process(pid: u32) -> Option<u64> {
    let mountinfo = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = cgroup2_mount(&mountinfo)?;
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let group = groups.lines().find(|line| line.starts_with("0::"))?;
    quota_of(&path_below(&mount, group)?, &mount)
}

fn quota_of(directory: &Path, mount: &Path) -> Option<u64> {
    directory
        .ancestors()
        .take_while(|directory| directory.starts_with(mount))
        .filter_map(|directory| fs::read_to_string(directory.join("cpu.max")).ok())
        .filter_map(|text| parse_cpu_max(&text))
        .min()
}

/// Whether `directory` is a control group, of either version.
fn is_group(directory: &Path) -> bool {
    directory.join("cgroup.procs").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_made_anew_is_another_one() {
        let root = std::env::temp_dir().join(format!("livelock-group-{}", std::process::id()));
        let (group, other) = (root.join("group"), root.join("other"));
        for directory in [&group, &other] {
            fs::create_dir_all(directory).expect("a directory");
        }
        let found = Cgroup {
            id: fs::metadata(&group).expect("a directory").ino(),
            level: 1,
            path: "/group".to_owned(),
            directory: group.clone(),
            mount: root.clone(),
        };
        assert_eq!(found.presence(), Presence::Here);
        fs::remove_dir(&group).expect("removed");
        assert_eq!(found.presence(), Presence::Gone);
        fs::rename(&other, &group).expect("renamed");
        assert_eq!(found.presence(), Presence::Replaced);
        fs::remove_dir_all(root).expect("removed");
    }
}
