//! Look-alike: a system call that takes no lock.
//!
//! In: a load. Out: CPUs busy at the border to the kernel, progressing. Refuses: libc's wrapper,
//! which another libc might answer from a cache.

use crate::args::Load;
use crate::run::run;

/// Runs the scenario.
pub(crate) fn getppid(load: &Load) -> anyhow::Result<()> {
    run("getppid", load, || {
        // SAFETY: `getppid` takes no argument and cannot fail.
        unsafe { libc::syscall(libc::SYS_getppid) };
        Ok(())
    })
}
