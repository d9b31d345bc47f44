//! Standard error while the screen is shown.
//!
//! In: what libraries, notes and panics write to file descriptor 2. Out: the same, after the screen was left. Refuses:
//! to touch it if it is no terminal: there it disturbs nobody.

use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _, Seek as _, Write as _};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};

/// Standard error as it was, and what was written to it since.
pub(super) struct HeldStderr {
    real: OwnedFd,
    held: File,
}

/// Most that is kept of it: what `-vv` says in an hour.
const MAX_BYTES: u64 = 4 << 20;

impl HeldStderr {
    /// Holds it, if it is a terminal.
    pub(super) fn hold() -> io::Result<Option<Self>> {
        if !io::stderr().is_terminal() {
            return Ok(None);
        }
        // SAFETY: the name is a string with an end; the result is checked before it is used.
        let held = unsafe { libc::memfd_create(c"livelock-stderr".as_ptr(), libc::MFD_CLOEXEC) };
        if held < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was opened just now, and nobody else knows it.
        let held = unsafe { File::from_raw_fd(held) };
        // SAFETY: takes no pointer; the result is checked before it is used.
        let real = unsafe { libc::fcntl(libc::STDERR_FILENO, libc::F_DUPFD_CLOEXEC, 3) };
        if real < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: it was opened just now, and nobody else knows it.
        let real = unsafe { OwnedFd::from_raw_fd(real) };
        replace(held.as_raw_fd())?;
        Ok(Some(Self { real, held }))
    }

    /// Gives it back, with what was written meanwhile.
    pub(super) fn release(mut self) {
        if replace(self.real.as_raw_fd()).is_err() {
            return;
        }
        let mut text = Vec::new();
        let is_read = self
            .held
            .rewind()
            .and_then(|()| (&mut self.held).take(MAX_BYTES).read_to_end(&mut text));
        if is_read.is_ok() {
            // Nobody is left to hear that this could not be printed.
            let _ = io::stderr().write_all(&text);
        }
    }
}

fn replace(with: i32) -> io::Result<()> {
    // SAFETY: takes no pointer, and both descriptors are open.
    if unsafe { libc::dup2(with, libc::STDERR_FILENO) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
