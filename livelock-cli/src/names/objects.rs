//! Which file, file system, socket or eventfd a lock belongs to.
//!
//! In: a lock's name and address, the kernel's BTF and memory, the mounts of this process. Out: a phrase for a human. Refuses: an
//! object whose pointers do not lead back to it: memory of a lock may be another's by now.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::mountinfo::mount_of_device;
use super::sockets;
use crate::btf::Btf;
use crate::code::Kcore;

const KCORE: &str = "/proc/kcore";
/// Folders between a file and the root of its file system that are followed.
const MAX_DEPTH: usize = 64;
/// `NAME_MAX` (`include/uapi/linux/limits.h`).
const MAX_NAME_BYTES: usize = 255;
/// `super_block.s_id` (`include/linux/fs.h`, v6.1 to v7.3).
const MAX_ID_BYTES: usize = 32;
/// `file_system_type.name` that are read; the longest of the kernel has 15.
const MAX_TYPE_BYTES: usize = 32;
/// `MINORBITS` (`include/linux/kdev_t.h`).
const MINOR_BITS: u32 = 20;

/// Kernel memory.
pub(super) trait Memory {
    /// Fills `into` from `addr`; whether it could.
    fn fill(&self, addr: u64, into: &mut [u8]) -> bool;
}

impl Memory for Kcore {
    fn fill(&self, addr: u64, into: &mut [u8]) -> bool {
        self.read(addr, into).is_ok_and(|nr| nr == into.len())
    }
}

/// Reads members of structures.
#[derive(Debug)]
pub(super) struct Objects<M> {
    pub(super) memory: M,
    pub(super) btf: Arc<Btf>,
}

/// Whether whose a lock is can be told at all.
pub(super) fn is_readable() -> bool {
    Kcore::open(Path::new(KCORE)).is_ok()
}

impl Objects<Kcore> {
    /// Over the running kernel's memory; `None` if it cannot be read.
    pub(super) fn open(btf: &Arc<Btf>) -> Option<Self> {
        Some(Self {
            memory: Kcore::open(Path::new(KCORE)).ok()?,
            btf: Arc::clone(btf),
        })
    }
}

impl<M: Memory> Objects<M> {
    /// Whose the lock at `addr` is, which is called `lock`, e.g. `inode.i_rwsem`.
    pub(super) fn owner(&self, lock: &str, addr: u64) -> Option<String> {
        let (structure, member) = lock.split_once('.')?;
        let offset_bytes = self.btf.member_offset(structure, member)?;
        let object = addr.checked_sub(u64::from(offset_bytes))?;
        match structure {
            "inode" => self.inode(object),
            "address_space" => self.inode(self.word(object, "address_space", "host")?),
            "dentry" => {
                let of_file = self.word(object, "dentry", "d_inode");
                of_file.and_then(|inode| self.inode(inode))
            }
            "super_block" => self.file_system(object).map(|found| found.to_string()),
            "eventfd_ctx" => {
                let id = self.int(object, "eventfd_ctx", "id")?;
                Some(format!("eventfd-id {id} (/proc/PID/fdinfo)"))
            }
            "sock" => sockets::describe(self, object),
            _ => None,
        }
    }

    fn inode(&self, inode: u64) -> Option<String> {
        let number = self.word(inode, "inode", "i_ino")?;
        let system = self.file_system(self.word(inode, "inode", "i_sb")?)?;
        let alias_offset = |path| self.btf.member_offset("dentry", path);
        let in_dentry = alias_offset("d_u.d_alias").or_else(|| alias_offset("d_alias"))?;
        let alias = self.word(inode, "inode", "i_dentry.first")?;
        let dentry = alias.checked_sub(u64::from(in_dentry));
        let path = dentry.filter(|_| alias != 0).and_then(|dentry| {
            let is_mine = self.word(dentry, "dentry", "d_inode")? == inode;
            is_mine.then(|| self.path(dentry, &system))?
        });
        Some(match path {
            Some(path) => format!("{} (inode {number}, {system})", path.display()),
            None => format!("inode {number} of {system}"),
        })
    }

    /// The path of a file, as this process would type it if it can see the file system.
    fn path(&self, mut dentry: u64, system: &FileSystem) -> Option<PathBuf> {
        let mut names = Vec::new();
        while dentry != system.root {
            if names.len() == MAX_DEPTH {
                return None;
            }
            names.push(self.dentry_name(dentry)?);
            let parent = self.word(dentry, "dentry", "d_parent")?;
            // Of a file that is in no folder, like a pipe.
            if parent == dentry {
                return None;
            }
            dentry = parent;
        }
        let below: PathBuf = names.iter().rev().collect();
        Some(match &system.mount {
            Some(mount) if below.as_os_str().is_empty() => mount.clone(),
            Some(mount) => mount.join(below),
            None => below,
        })
    }

    fn dentry_name(&self, dentry: u64) -> Option<String> {
        let at = self.word(dentry, "dentry", "d_name.name")?;
        let len = usize::try_from(self.int(dentry, "dentry", "d_name.len")?).ok()?;
        if !(1..=MAX_NAME_BYTES).contains(&len) {
            return None;
        }
        let mut bytes = vec![0; len];
        let is_name = self.memory.fill(at, &mut bytes) && !bytes.contains(&b'/');
        is_name.then(|| String::from_utf8_lossy(&bytes).into_owned())
    }

    fn file_system(&self, block: u64) -> Option<FileSystem> {
        let root = self.word(block, "super_block", "s_root")?;
        if self.word(root, "dentry", "d_sb")? != block {
            return None;
        }
        let device = self.int(block, "super_block", "s_dev")?;
        let (major, minor) = (device >> MINOR_BITS, device & ((1 << MINOR_BITS) - 1));
        let kind = self.word(block, "super_block", "s_type")?;
        let kind = self.word(kind, "file_system_type", "name")?;
        let id = self.btf.member_offset("super_block", "s_id")?;
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        Some(FileSystem {
            root,
            kind: self.text(kind, MAX_TYPE_BYTES)?,
            id: self.text(block + u64::from(id), MAX_ID_BYTES)?,
            mount: mount_of_device(&mounts, major, minor),
        })
    }

    /// Text up to its zero, within `max_bytes`.
    fn text(&self, addr: u64, max_bytes: usize) -> Option<String> {
        let mut bytes = vec![0; max_bytes];
        // It may end just before memory that cannot be read.
        while !self.memory.fill(addr, &mut bytes) {
            bytes.pop()?;
        }
        let end = bytes.iter().position(|&byte| byte == 0)?;
        Some(String::from_utf8_lossy(bytes.get(..end)?).into_owned())
    }

    /// A member of eight bytes.
    pub(super) fn word(&self, object: u64, structure: &str, member: &str) -> Option<u64> {
        Some(u64::from_ne_bytes(self.read(object, structure, member)?))
    }

    /// A member of four bytes.
    pub(super) fn int(&self, object: u64, structure: &str, member: &str) -> Option<u32> {
        Some(u32::from_ne_bytes(self.read(object, structure, member)?))
    }

    /// A member of so many bytes.
    pub(super) fn read<const N: usize>(
        &self,
        object: u64,
        structure: &str,
        member: &str,
    ) -> Option<[u8; N]> {
        let offset_bytes = self.btf.member_offset(structure, member)?;
        let mut bytes = [0; N];
        let addr = object.checked_add(u64::from(offset_bytes))?;
        self.memory.fill(addr, &mut bytes).then_some(bytes)
    }
}

/// A mounted file system.
#[derive(Debug)]
struct FileSystem {
    /// Its root dentry.
    root: u64,
    kind: String,
    /// Its device, or its type once more.
    id: String,
    mount: Option<PathBuf>,
}

impl std::fmt::Display for FileSystem {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(to, "{}", self.kind)?;
        if self.id != self.kind {
            write!(to, " on {}", self.id)?;
        }
        match &self.mount {
            Some(mount) => write!(to, " at {}", mount.display()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
