//! SIGINT, SIGTERM and SIGHUP, taken by waiting for them instead of by a handler.
//!
//! In: the process's signals. Out: "end early". Refuses: every other signal. Must be blocked before
//! the first thread starts, so that all threads inherit the mask and only `main` takes the signal.

use std::io;
use std::mem;
use std::ptr;
use std::time::Duration;

/// The signals that end a load early, blocked for this thread and those it starts.
pub(crate) struct EndSignals {
    set: libc::sigset_t,
}

impl EndSignals {
    /// Blocks the signals.
    pub(crate) fn block() -> io::Result<Self> {
        // SAFETY: `sigset_t` is a plain bit mask; `sigemptyset` initialises it anyway.
        let mut set: libc::sigset_t = unsafe { mem::zeroed() };
        // SAFETY: `set` is a live local, and both numbers are valid signals.
        unsafe {
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            // A lost terminal must not leave settings of the kernel changed.
            libc::sigaddset(&raw mut set, libc::SIGHUP);
        }
        // SAFETY: `set` is initialised; a null old set is allowed.
        let rc = unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, ptr::null_mut()) };
        if rc != 0 {
            return Err(io::Error::from_raw_os_error(rc));
        }
        Ok(Self { set })
    }

    /// Sleeps for at most `timeout`; true if one of the signals arrived.
    pub(crate) fn wait(&self, timeout: Duration) -> bool {
        let timeout = libc::timespec {
            tv_sec: timeout.as_secs().try_into().unwrap_or(libc::time_t::MAX),
            tv_nsec: timeout.subsec_nanos().into(),
        };
        // SAFETY: the set is initialised, the timespec is valid, a null siginfo is allowed.
        unsafe { libc::sigtimedwait(&raw const self.set, ptr::null_mut(), &raw const timeout) > 0 }
    }
}
