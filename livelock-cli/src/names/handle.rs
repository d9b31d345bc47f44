//! A cgroup by its id, in one system call.
//!
//! In: the open mount point and an id. Out: the directory's path. Refuses: nothing else; without
//! `CAP_DAC_READ_SEARCH` the kernel refuses, and the caller walks the tree instead.
//!
//! The file handle of kernfs is the id itself (`FILEID_KERNFS`, `include/linux/exportfs.h`, since 5.10).

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::path::PathBuf;

const FILEID_KERNFS: i32 = 0xfe;

/// `struct file_handle` with room for a kernfs id.
#[repr(C)]
struct KernfsHandle {
    len_bytes: u32,
    kind: i32,
    id: u64,
}

/// The path of cgroup `id` below the open directory `mount`.
pub(super) fn path_by_id(mount: &File, id: u64) -> io::Result<PathBuf> {
    let mut handle = KernfsHandle {
        len_bytes: 8,
        kind: FILEID_KERNFS,
        id,
    };
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC;
    // SAFETY: `handle` has the layout of `struct file_handle` followed by as many bytes as it claims,
    // and outlives the call.
    let fd = unsafe { libc::open_by_handle_at(mount.as_raw_fd(), (&raw mut handle).cast(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel just gave us this descriptor and nobody else has it.
    let directory = unsafe { File::from_raw_fd(fd) };
    fs::read_link(format!("/proc/self/fd/{}", directory.as_raw_fd()))
}
