//! Operations in processes of their own.
//!
//! In: an operation. Out: one for a thread that reports what its child process achieved. Refuses: to
//! outlive its thread; a child is killed with the operation, and by the kernel if the thread is gone.

use std::io;
use std::mem;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::plan::Op;
use crate::sys::{self, PAGE_BYTES, Region};

/// How often the thread looks at what its child achieved.
const REPORT_PERIOD: Duration = Duration::from_millis(20);

/// What the child says, in memory that both see.
#[derive(Default)]
struct Tally {
    go: AtomicU32,
    errno: AtomicI32,
    nr_ops: AtomicU64,
}

/// A process that is killed and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    pid: libc::pid_t,
}

impl Process {
    /// Forks, and ends the child with what `child` returns. Between `fork` and exit the child runs
    /// alone on a copy of this process; glibc keeps the heap usable there.
    pub(crate) fn fork(child: impl FnOnce() -> libc::c_int) -> io::Result<Self> {
        // SAFETY: takes nothing.
        let parent_pid = unsafe { libc::getpid() };
        // SAFETY: the child uses the heap and raw system calls, which glibc supports after fork.
        let pid = sys::done(unsafe { libc::fork() })?;
        if pid == 0 {
            // SAFETY: takes numbers only. If the parent is gone already there is nobody to work for.
            let code = unsafe {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                if libc::getppid() == parent_pid {
                    child()
                } else {
                    0
                }
            };
            // SAFETY: ends the child without the destructors of its parent.
            unsafe { libc::_exit(code) };
        }
        Ok(Self { pid })
    }

    /// Number of the process.
    pub(crate) fn pid(&self) -> libc::pid_t {
        self.pid
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // SAFETY: the child is not reaped before here, so the number is still its own.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, std::ptr::null_mut(), libc::__WALL);
        }
    }
}

/// Runs `op` in a process of its own.
pub(crate) fn in_process(mut op: impl FnMut() -> io::Result<u64> + 'static) -> anyhow::Result<Op> {
    let region = Region::anonymous(
        PAGE_BYTES,
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_SHARED,
    )?;
    const { assert!(mem::size_of::<Tally>() <= PAGE_BYTES) };
    let process = Process::fork(|| repeat(tally(&region), &mut op))?;
    let mut nr_seen = 0;
    Ok(Box::new(move || {
        // Owned here so that the child ends with the operation.
        let _process = &process;
        let tally = tally(&region);
        tally.go.store(1, Ordering::Release);
        thread::sleep(REPORT_PERIOD);
        let errno = tally.errno.load(Ordering::Acquire);
        if errno != 0 {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let nr_ops = tally.nr_ops.load(Ordering::Relaxed);
        let nr_new = nr_ops - nr_seen;
        nr_seen = nr_ops;
        Ok(nr_new)
    }))
}

/// The child: waits for its parent's start, then repeats until it is killed or fails.
fn repeat(tally: &Tally, op: &mut impl FnMut() -> io::Result<u64>) -> libc::c_int {
    while tally.go.load(Ordering::Acquire) == 0 {
        thread::sleep(Duration::from_millis(1));
    }
    loop {
        match op() {
            Ok(nr_ops) => tally.nr_ops.fetch_add(nr_ops, Ordering::Relaxed),
            Err(err) => {
                let errno = err.raw_os_error().unwrap_or(libc::EIO);
                tally.errno.store(errno, Ordering::Release);
                return 1;
            }
        };
    }
}

fn tally(region: &Region) -> &Tally {
    // SAFETY: the mapping is a zeroed page, for which `Tally` is valid, and lives as long as `region`.
    unsafe { &*region.addr().cast() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_reports_and_ends() {
        let mut op = in_process(|| Ok(1)).unwrap();
        let nr_ops: u64 = (0..20).map(|_| op().unwrap()).sum();
        assert!(nr_ops > 0);
    }

    #[test]
    fn a_child_that_fails_says_so() {
        let mut op = in_process(|| Err(io::Error::from_raw_os_error(libc::ENOTTY))).unwrap();
        let failed = (0..200).find_map(|_| op().err());
        assert_eq!(failed.unwrap().raw_os_error(), Some(libc::ENOTTY));
    }
}
