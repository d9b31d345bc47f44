//! cgroup ids to paths.
//!
//! In: the id of a cgroup v2. Out: its path below the mount. Refuses: to walk the tree more than once in
//! [`MIN_BETWEEN_WALKS`], to visit more than [`MAX_DIRECTORIES`], and to keep more than [`MAX_PATHS`].

use std::collections::HashMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::cgroup2_mount;
use super::handle::path_by_id;

const MIN_BETWEEN_WALKS: Duration = Duration::from_secs(5);
const MAX_DIRECTORIES: usize = 20_000;
const MAX_PATHS: usize = 20_000;

/// Paths of cgroups, found when asked for.
#[derive(Debug)]
pub struct CgroupPaths {
    mount: PathBuf,
    /// Open mount point; `None` once the kernel refused file handles.
    by_handle: Option<File>,
    paths: HashMap<u64, String>,
    walked: Option<Instant>,
}

impl CgroupPaths {
    /// Of the cgroup v2 mount that this process sees; `None` without one.
    #[must_use]
    pub fn of_this_host() -> Option<Self> {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").ok()?;
        cgroup2_mount(&mountinfo).map(Self::below)
    }

    /// Of the tree at `mount`.
    #[must_use]
    pub fn below(mount: PathBuf) -> Self {
        Self {
            by_handle: File::open(&mount).ok(),
            mount,
            paths: HashMap::new(),
            walked: None,
        }
    }

    /// The path of cgroup `id`, `/` for the root.
    pub fn path(&mut self, id: u64) -> Option<String> {
        if let Some(path) = self.paths.get(&id) {
            return Some(path.clone());
        }
        if let Some(mount) = &self.by_handle {
            match path_by_id(mount, id) {
                Ok(path) => {
                    let path = self.below_mount(&path)?;
                    self.keep(id, path.clone());
                    return Some(path);
                }
                // The cgroup is gone.
                Err(error) if error.raw_os_error() == Some(libc::ESTALE) => return None,
                Err(_) => self.by_handle = None,
            }
        }
        if self
            .walked
            .is_some_and(|at| at.elapsed() < MIN_BETWEEN_WALKS)
        {
            return None;
        }
        // A tree that vanishes under the walk gives what was read so far.
        let _ = self.walk();
        self.walked = Some(Instant::now());
        self.paths.get(&id).cloned()
    }

    fn keep(&mut self, id: u64, path: String) {
        if self.paths.len() >= MAX_PATHS {
            self.paths.clear();
        }
        self.paths.insert(id, path);
    }

    fn below_mount(&self, path: &Path) -> Option<String> {
        let relative = path.strip_prefix(&self.mount).ok()?;
        Some(format!("/{}", relative.display()))
    }

    pub(super) fn walk(&mut self) -> io::Result<()> {
        self.keep(fs::metadata(&self.mount)?.ino(), "/".to_owned());
        let mut pending = vec![self.mount.clone()];
        let mut nr_left = MAX_DIRECTORIES;
        while let Some(directory) = pending.pop() {
            // Removed meanwhile: not our business.
            let Ok(entries) = fs::read_dir(directory) else {
                continue;
            };
            for entry in entries.flatten() {
                if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                    continue;
                }
                if nr_left == 0 {
                    return Ok(());
                }
                nr_left -= 1;
                if let Some(path) = self.below_mount(&entry.path()) {
                    self.keep(entry.ino(), path);
                }
                pending.push(entry.path());
            }
        }
        Ok(())
    }
}
