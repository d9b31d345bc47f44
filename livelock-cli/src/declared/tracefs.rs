//! The kernel's tracepoints.
//!
//! In: subsystem and event. Out: the id that the kernel attaches by, the events of a subsystem. Refuses: names that are not
//! there, with those that are like it.

use std::fs;
use std::io;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use super::error::NotFound;
use crate::nearest::nearest;

/// Where the kernel lists its events: since 4.1, and before.
const TRACEFS: [&str; 2] = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/// Commands and flags of `include/uapi/linux/mount.h`, v5.2.
const FSOPEN_CLOEXEC: libc::c_ulong = 1;
const FSCONFIG_CMD_CREATE: libc::c_ulong = 6;
const FSMOUNT_CLOEXEC: libc::c_ulong = 1;

/// The id of an event.
pub(super) fn event_id(subsystem: &str, event: &str) -> Result<u64, NotFound> {
    with_events(|events| event_id_in(events, subsystem, event)).map_err(NotFound::Tracefs)?
}

/// Names of the events of a subsystem; none if it is not there, or is a module that is not loaded.
///
/// # Errors
/// If there is no tracefs to be had.
pub(crate) fn events_of(subsystem: &str) -> io::Result<Vec<String>> {
    let of = |events: &Path| {
        let dirs = dirs(&events.join(subsystem));
        dirs.into_iter().map(|(event, _)| event).collect()
    };
    with_events(of)
}

/// What `f` finds in the folder of all events.
fn with_events<T>(f: impl FnOnce(&Path) -> T) -> io::Result<T> {
    let events = |root: &str| PathBuf::from(root).join("events");
    let is_there =
        |dir: &PathBuf| fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some());
    if let Some(events) = TRACEFS.into_iter().map(events).find(is_there) {
        return Ok(f(&events));
    }
    // Hosts without tracing tools do not mount it. Ours is seen by this process alone, and gone with `mount`.
    let mount = detached()?;
    let root = format!("/proc/self/fd/{}", mount.as_raw_fd());
    Ok(f(&events(&root)))
}

/// A tracefs that is mounted nowhere.
fn detached() -> io::Result<OwnedFd> {
    let call = |number: libc::c_long, arguments: [libc::c_ulong; 5]| {
        let [a, b, c, d, e] = arguments;
        // SAFETY: the one pointer among the arguments is to a C string literal, or null.
        let result = unsafe { libc::syscall(number, a, b, c, d, e) };
        i32::try_from(result)
            .ok()
            .filter(|&result| result >= 0)
            .ok_or_else(io::Error::last_os_error)
    };
    let name = c"tracefs".as_ptr() as libc::c_ulong;
    let opened = call(libc::SYS_fsopen, [name, FSOPEN_CLOEXEC, 0, 0, 0])?;
    // SAFETY: a descriptor that the kernel has just made for us.
    let opened = unsafe { OwnedFd::from_raw_fd(opened) };
    let fd = opened.as_raw_fd() as libc::c_ulong;
    call(libc::SYS_fsconfig, [fd, FSCONFIG_CMD_CREATE, 0, 0, 0])?;
    let mounted = call(libc::SYS_fsmount, [fd, FSMOUNT_CLOEXEC, 0, 0, 0])?;
    // SAFETY: as above.
    Ok(unsafe { OwnedFd::from_raw_fd(mounted) })
}

fn event_id_in(events: &Path, subsystem: &str, event: &str) -> Result<u64, NotFound> {
    let path: PathBuf = events.join(subsystem).join(event).join("id");
    let id = fs::read_to_string(path).ok();
    if let Some(id) = id.and_then(|id| id.trim().parse().ok()) {
        return Ok(id);
    }
    let wanted = format!("{subsystem}:{event}");
    let names = names(events);
    // The event alone first: the subsystem is what people forget.
    let same = names
        .iter()
        .filter(|name| name.split_once(':').is_some_and(|(_, name)| name == event));
    let mut like: Vec<String> = same.take(3).cloned().collect();
    if like.is_empty() {
        like = nearest(&wanted, names.iter().map(String::as_str));
    }
    Err(NotFound::Event {
        event: wanted,
        nearest: like,
    })
}

/// Folders in `dir`, with their names; none if it is not there.
fn dirs(dir: &Path) -> Vec<(String, PathBuf)> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
    dirs.map(|entry| {
        (
            entry.file_name().to_string_lossy().into_owned(),
            entry.path(),
        )
    })
    .collect()
}

fn names(events: &Path) -> Vec<String> {
    dirs(events)
        .into_iter()
        .flat_map(|(subsystem, dir)| {
            dirs(&dir)
                .into_iter()
                .map(move |(event, _)| format!("{subsystem}:{event}"))
        })
        .collect()
}
