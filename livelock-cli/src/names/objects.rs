//! Which file, file system, socket or eventfd a lock belongs to.
//!
//! In: a lock's name and address, the kernel's BTF and memory, the mounts of this process. Out: a phrase for a human. Refuses: an
//! object whose pointers do not lead back to it: memory of a lock may be another's by now.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use super::files;
use super::mountinfo::Mounts;
use super::sockets;
use crate::btf::Btf;
use crate::code::Kcore;

const KCORE: &str = "/proc/kcore";
const MOUNTINFO: &str = "/proc/self/mountinfo";

/// Locks of which whose they are can be told, each with the member that lies at its address. The names are the dictionary's; those of
/// sleeping locks have a spinlock of their own inside.
const LOCKS: &[(&str, &str, &str)] = &[
    ("inode.i_rwsem", "inode", "i_rwsem"),
    ("inode.i_lock", "inode", "i_lock"),
    ("dentry.d_lockref", "dentry", "d_lockref"),
    (
        "super_block.s_vfs_rename_mutex",
        "super_block",
        "s_vfs_rename_mutex",
    ),
    (
        "super_block.s_inode_list_lock",
        "super_block",
        "s_inode_list_lock",
    ),
    (
        "super_block.s_inode_wblist_lock",
        "super_block",
        "s_inode_wblist_lock",
    ),
    ("super_block.s_umount", "super_block", "s_umount"),
    (
        "address_space.i_pages.xa_lock",
        "address_space",
        "i_pages.xa_lock",
    ),
    (
        "address_space.i_mmap_rwsem",
        "address_space",
        "i_mmap_rwsem",
    ),
    ("eventfd_ctx.wqh.lock", "eventfd_ctx", "wqh.lock"),
    ("inode.i_rwsem.wait_lock", "inode", "i_rwsem.wait_lock"),
    (
        "super_block.s_umount.wait_lock",
        "super_block",
        "s_umount.wait_lock",
    ),
    (
        "super_block.s_vfs_rename_mutex.wait_lock",
        "super_block",
        "s_vfs_rename_mutex.wait_lock",
    ),
    (
        "address_space.i_mmap_rwsem.wait_lock",
        "address_space",
        "i_mmap_rwsem.wait_lock",
    ),
    // Since 7.3 it is not the first of `socket_lock_t`.
    ("sock.sk_lock", "sock", "sk_lock.slock"),
    ("unix_sock.lock", "unix_sock", "lock"),
    ("unix_sock.iolock", "unix_sock", "iolock"),
    (
        "unix_sock.iolock.wait_lock",
        "unix_sock",
        "iolock.wait_lock",
    ),
];

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
    memory: M,
    btf: Arc<Btf>,
    pub(super) mounts: Mounts,
    /// A look-up is a pass over all types.
    offsets: Mutex<HashMap<(&'static str, &'static str), Option<u32>>>,
}

/// Whether whose a lock is can be told at all.
pub(super) fn is_readable() -> bool {
    Kcore::open(Path::new(KCORE)).is_ok()
}

impl Objects<Kcore> {
    /// Over the running kernel's memory; `None` if it cannot be read. What is mounted is asked once: the kernel takes a lock for it.
    pub(super) fn open(btf: &Arc<Btf>) -> Option<Self> {
        let memory = Kcore::open(Path::new(KCORE)).ok()?;
        let mounts = std::fs::read_to_string(MOUNTINFO).unwrap_or_default();
        Some(Self::new(memory, Arc::clone(btf), Mounts::of(&mounts)))
    }
}

impl<M: Memory> Objects<M> {
    pub(super) fn new(memory: M, btf: Arc<Btf>, mounts: Mounts) -> Self {
        Self {
            memory,
            btf,
            mounts,
            offsets: Mutex::default(),
        }
    }

    /// Whose the lock at `addr` is, which is called `lock`, e.g. `inode.i_rwsem`.
    pub(super) fn owner(&self, lock: &str, addr: u64) -> Option<String> {
        let (_, structure, member) = LOCKS.iter().find(|(name, ..)| *name == lock)?;
        let object = addr.checked_sub(self.offset(structure, member)?)?;
        match *structure {
            "inode" => files::inode(self, object),
            "address_space" => files::page_cache(self, object),
            "dentry" => files::dentry(self, object),
            "super_block" => files::file_system(self, object).map(|found| found.to_string()),
            "eventfd_ctx" => self.eventfd(object),
            "unix_sock" => sockets::local(self, object),
            _ => sockets::describe(self, object),
        }
    }

    fn eventfd(&self, context: u64) -> Option<String> {
        let list = context + self.offset("eventfd_ctx", "wqh.head")?;
        let next = self.word(list, "list_head", "next")?;
        if self.word(next, "list_head", "prev")? != list {
            return None;
        }
        let id = self.int(context, "eventfd_ctx", "id")?;
        let is_id = i32::try_from(id).is_ok();
        is_id.then(|| format!("eventfd-id {id} (/proc/PID/fdinfo)"))
    }

    /// Where a member is; `None`: this kernel has none.
    pub(super) fn offset(&self, structure: &'static str, member: &'static str) -> Option<u64> {
        let mut known = self.offsets.lock().unwrap_or_else(PoisonError::into_inner);
        let offset_bytes = known
            .entry((structure, member))
            .or_insert_with(|| self.btf.member_offset(structure, member));
        offset_bytes.map(u64::from)
    }

    /// Text up to its zero, within `max_bytes`; nothing that a terminal would not print as it is.
    pub(super) fn text(&self, addr: u64, max_bytes: usize) -> Option<String> {
        let mut bytes = vec![0; max_bytes];
        // It may end just before memory that cannot be read.
        while !self.memory.fill(addr, &mut bytes) {
            bytes.pop()?;
        }
        let end = bytes.iter().position(|&byte| byte == 0)?;
        let text = std::str::from_utf8(bytes.get(..end)?).ok()?;
        let is_text = !text.is_empty() && text.chars().all(|char| char.is_ascii_graphic());
        is_text.then(|| text.to_owned())
    }

    /// So many bytes.
    pub(super) fn bytes(&self, addr: u64, len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        self.memory.fill(addr, &mut bytes).then_some(bytes)
    }

    /// A member of eight bytes.
    pub(super) fn word(
        &self,
        object: u64,
        structure: &'static str,
        member: &'static str,
    ) -> Option<u64> {
        Some(u64::from_ne_bytes(self.read(object, structure, member)?))
    }

    /// A member of four bytes.
    pub(super) fn int(
        &self,
        object: u64,
        structure: &'static str,
        member: &'static str,
    ) -> Option<u32> {
        Some(u32::from_ne_bytes(self.read(object, structure, member)?))
    }

    /// A member of so many bytes.
    pub(super) fn read<const N: usize>(
        &self,
        object: u64,
        structure: &'static str,
        member: &'static str,
    ) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        let addr = object.checked_add(self.offset(structure, member)?)?;
        self.memory.fill(addr, &mut bytes).then_some(bytes)
    }
}

#[cfg(test)]
#[path = "objects_tests.rs"]
mod tests;
