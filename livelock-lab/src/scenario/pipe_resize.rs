//! Look-alike: many threads that resize one pipe, and compute in between.
//!
//! In: a load. Out: the pipe's mutex contended by more threads than there are CPUs, so that optimistic
//! spinners are switched out in the middle of their spin phase; user code progresses. Refuses: an
//! unprivileged limit on pipes as a failure of its own; a resize that is refused is no operation.

use std::hint::black_box;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;

use crate::args::Load;
use crate::run::run;

/// Steps of computation between two resizes: some microseconds.
const NR_STEPS: u64 = 1500;

/// The two sizes in bytes, in turn: a resize to the present size would do nothing.
const SIZES_BYTES: [libc::c_int; 2] = [65_536, 1_048_576];

/// Runs the scenario.
pub(crate) fn pipe_resize(load: &Load) -> anyhow::Result<()> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors into a live local.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } != 0 {
        return Err(io::Error::last_os_error()).context("failed to make a pipe");
    }
    let turn = AtomicU64::new(0);
    run("pipe-resize", load, move || {
        let size = SIZES_BYTES[usize::from(turn.fetch_add(1, Ordering::Relaxed) % 2 == 1)];
        // SAFETY: the pipe stays open for as long as the process lives.
        if unsafe { libc::fcntl(ends[1], libc::F_SETPIPE_SZ, size) } < 0 {
            return Err(io::Error::last_os_error());
        }
        for step in 0..NR_STEPS {
            black_box(step);
        }
        Ok(())
    })
}
