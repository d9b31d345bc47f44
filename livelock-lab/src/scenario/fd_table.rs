//! Positive: dup and close on one file table.
//!
//! In: a load. Out: every thread of the process in `alloc_fd` and `close_fd`, under
//! `files->file_lock` of the one `files_struct` they share. Refuses: more threads than the process
//! may have open files, because each holds one for a moment.

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::AsRawFd as _;

use anyhow::{Context as _, ensure};

use crate::args::Load;
use crate::run::run;

/// Files that are open beside one per thread: the standard streams, the one that is duplicated,
/// what `main` opens to read the load average, and some that were inherited.
const SPARE_FILES: u64 = 24;

/// Runs the scenario.
pub(crate) fn fd_table(load: &Load) -> anyhow::Result<()> {
    let nr_threads = load.nr_threads().context("failed to count the CPUs")?;
    raise_file_limit(nr_threads as u64 + SPARE_FILES)?;
    let file = File::open("/dev/null")
        .context("failed to open /dev/null; is devtmpfs mounted on /dev?")?;
    run("fd-table", load, move || {
        // SAFETY: `file` is open for as long as this closure lives.
        let copy_fd = unsafe { libc::dup(file.as_raw_fd()) };
        if copy_fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: `copy_fd` was made above and nobody else knows it.
        if unsafe { libc::close(copy_fd) } != 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(())
    })
}

/// Raises the soft limit of open files to the hard one if the soft one is too small.
fn raise_file_limit(nr_files: u64) -> anyhow::Result<()> {
    // SAFETY: `rlimit` holds two integers, for which zero is valid.
    let mut limit: libc::rlimit = unsafe { mem::zeroed() };
    // SAFETY: the kernel writes into a live local.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(io::Error::last_os_error()).context("failed to read the limit of open files");
    }
    if limit.rlim_cur >= nr_files {
        return Ok(());
    }
    ensure!(
        limit.rlim_max >= nr_files,
        "{nr_files} open files are needed, the hard limit is {}; raise it with `ulimit -Hn {nr_files}` or ask for fewer --threads",
        limit.rlim_max
    );
    limit.rlim_cur = limit.rlim_max;
    // SAFETY: the kernel only reads the struct.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(io::Error::last_os_error()).context("failed to raise the limit of open files");
    }
    Ok(())
}
