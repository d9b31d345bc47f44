//! BPF programs and maps that exist in the kernel.
//!
//! In: the kernel's lists. Out: ids and names. Refuses: nothing; an object that goes away meanwhile is
//! left out.

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Commands of bpf(2), from `linux/bpf.h`.
const PROG_GET_NEXT_ID: libc::c_long = 11;
const MAP_GET_NEXT_ID: libc::c_long = 12;
const PROG_GET_FD_BY_ID: libc::c_long = 13;
const MAP_GET_FD_BY_ID: libc::c_long = 14;
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;

/// Where the name is in `struct bpf_prog_info` and `struct bpf_map_info`, and how long both may be.
const PROG_NAME_OFFSET: usize = 64;
const MAP_NAME_OFFSET: usize = 24;
const NAME_LEN: usize = 16;
const INFO_LEN: usize = 80;

/// Kind of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Program,
    Map,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KernelObject {
    pub(crate) kind: Kind,
    pub(crate) id: u32,
    pub(crate) name: String,
}

/// All objects of the kernel.
pub(crate) fn all() -> BTreeSet<KernelObject> {
    [Kind::Program, Kind::Map]
        .into_iter()
        .flat_map(|kind| {
            let ids = std::iter::successors(next_id(kind, 0), move |&id| next_id(kind, id));
            ids.filter_map(move |id| object(kind, id))
        })
        .collect()
}

/// The objects that a process holds descriptors of; empty if it is gone.
pub(crate) fn held_by(pid: u32) -> BTreeSet<KernelObject> {
    let entries = std::fs::read_dir(format!("/proc/{pid}/fdinfo"));
    let infos = entries
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| std::fs::read_to_string(entry.path()).ok());
    infos
        .flat_map(|info| {
            info.lines()
                .filter_map(|line| {
                    let (key, id) = line.split_once(':')?;
                    let kind = match key {
                        "prog_id" => Kind::Program,
                        "map_id" => Kind::Map,
                        _ => return None,
                    };
                    object(kind, id.trim().parse().ok()?)
                })
                .collect::<Vec<_>>()
        })
        .collect()
}

fn next_id(kind: Kind, id: u32) -> Option<u32> {
    let command = match kind {
        Kind::Program => PROG_GET_NEXT_ID,
        Kind::Map => MAP_GET_NEXT_ID,
    };
    // start_id, next_id, open_flags
    let mut attributes = [id, 0, 0];
    (bpf(command, &mut attributes) >= 0).then_some(attributes[1])
}

fn object(kind: Kind, id: u32) -> Option<KernelObject> {
    let (command, offset) = match kind {
        Kind::Program => (PROG_GET_FD_BY_ID, PROG_NAME_OFFSET),
        Kind::Map => (MAP_GET_FD_BY_ID, MAP_NAME_OFFSET),
    };
    let fd = bpf(command, &mut [id, 0, 0]);
    let fd = i32::try_from(fd).ok().filter(|fd| *fd >= 0)?;
    // SAFETY: the kernel has just made this descriptor, for nobody else.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut info = [0u8; INFO_LEN];
    let address = info.as_mut_ptr() as u64;
    // bpf_fd, info_len, info
    let mut attributes = [
        fd.as_raw_fd().cast_unsigned(),
        INFO_LEN as u32,
        address as u32,
        (address >> 32) as u32,
    ];
    if bpf(OBJ_GET_INFO_BY_FD, &mut attributes) < 0 {
        return None;
    }
    let name = &info[offset..offset + NAME_LEN];
    let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
    Some(KernelObject {
        kind,
        id,
        name: String::from_utf8_lossy(name).into_owned(),
    })
}

fn bpf<const N: usize>(command: libc::c_long, attributes: &mut [u32; N]) -> libc::c_long {
    // SAFETY: the pointer and the length are those of an array that outlives the call. The info
    // buffer that one command writes to is alive in the caller, and INFO_LEN bytes long.
    unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            attributes.as_mut_ptr(),
            size_of_val(attributes),
        )
    }
}
