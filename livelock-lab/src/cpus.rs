//! The CPUs that this process may use, and binding a thread to one.
//!
//! In: the affinity mask. Out: CPU numbers. Refuses: hosts with more than 1024 possible CPUs,
//! because libc's `cpu_set_t` ends there; the load then runs without `--pin`.

use std::io;
use std::mem;

/// CPUs of the affinity mask, ascending.
pub(crate) fn allowed() -> io::Result<Vec<usize>> {
    // SAFETY: `cpu_set_t` is a plain bit mask, for which all zeroes is a valid value.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes at most the given size into `set`, which lives until the return.
    let rc = unsafe { libc::sched_getaffinity(0, mem::size_of_val(&set), &raw mut set) };
    if rc != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `CPU_ISSET` reads a bit below `CPU_SETSIZE` of an initialised set.
    Ok((0..libc::CPU_SETSIZE as usize)
        .filter(|&cpu| unsafe { libc::CPU_ISSET(cpu, &set) })
        .collect())
}

/// Binds the calling thread to one CPU.
pub(crate) fn pin_to(cpu_id: usize) -> io::Result<()> {
    // SAFETY: as in `allowed`.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: `cpu_id` comes from `allowed`, hence is below `CPU_SETSIZE`.
    unsafe { libc::CPU_SET(cpu_id, &mut set) };
    // SAFETY: the kernel only reads `set`.
    let rc = unsafe { libc::sched_setaffinity(0, mem::size_of_val(&set), &raw const set) };
    if rc != 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
