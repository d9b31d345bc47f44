//! Memory of a process.
//!
//! In: `/proc/PID/mem`. Out: bytes. Refuses: less than was asked for.

use std::fs::File;
use std::os::unix::fs::FileExt;

use livelock_core::ids::Tgid;

/// The bytes from `addr` on; `None` if the process is gone, may not be looked at, or has none there.
pub(super) fn read(process: Tgid, addr: u64, len_bytes: usize) -> Option<Vec<u8>> {
    let memory = File::open(format!("/proc/{}/mem", process.0)).ok()?;
    let mut bytes = vec![0; len_bytes];
    memory.read_exact_at(&mut bytes, addr).ok()?;
    Some(bytes)
}
