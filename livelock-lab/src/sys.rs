//! System calls, without their pitfalls.
//!
//! In: numbers and live objects. Out: `io::Result`. Refuses: to hide an error; `EAGAIN` and `EINTR`
//! count as "nothing done" only where the caller says so.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd as _, OwnedFd, RawFd};
use std::ptr;

/// Size of a page on the machines that the lab knows.
pub(crate) const PAGE_BYTES: usize = 4096;

/// What a system call returns: negative is failure.
pub(crate) trait ReturnCode: Copy {
    /// Did the call fail?
    fn failed(self) -> bool;
}

impl ReturnCode for libc::c_int {
    fn failed(self) -> bool {
        self < 0
    }
}

impl ReturnCode for i64 {
    fn failed(self) -> bool {
        self < 0
    }
}

impl ReturnCode for isize {
    fn failed(self) -> bool {
        self < 0
    }
}

/// The return code, or `errno`.
pub(crate) fn done<T: ReturnCode>(rc: T) -> io::Result<T> {
    if rc.failed() {
        Err(io::Error::last_os_error())
    } else {
        Ok(rc)
    }
}

/// 1 for success, 0 if the call would have had to wait or was interrupted.
pub(crate) fn tried<T>(result: io::Result<T>) -> io::Result<u64> {
    match result {
        Ok(_) => Ok(1),
        Err(err) if is_again(&err) => Ok(0),
        Err(err) => Err(err),
    }
}

/// `EAGAIN`, `EWOULDBLOCK`, a timeout, or `EINTR`.
pub(crate) fn is_again(err: &io::Error) -> bool {
    matches!(
        err.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut | io::ErrorKind::Interrupted
    )
}

/// Is the error this one?
pub(crate) fn is_errno(err: &io::Error, errno: libc::c_int) -> bool {
    err.raw_os_error() == Some(errno)
}

/// Takes over a descriptor that a system call just made.
pub(crate) fn own_fd<T: ReturnCode + TryInto<RawFd>>(rc: T) -> io::Result<OwnedFd> {
    let raw_fd = done(rc)?
        .try_into()
        .map_err(|_| io::Error::from_raw_os_error(libc::EBADF))?;
    // SAFETY: the descriptor is new and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(raw_fd) })
}

/// A nonblocking event counter.
pub(crate) fn eventfd(start: u32) -> io::Result<OwnedFd> {
    // SAFETY: takes numbers only.
    own_fd(unsafe { libc::eventfd(start, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })
}

/// A pipe: the end to read, the end to write.
pub(crate) fn pipe(flags: libc::c_int) -> io::Result<(OwnedFd, OwnedFd)> {
    let mut ends = [0; 2];
    // SAFETY: the kernel writes two descriptors into a live local.
    done(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | flags) })?;
    Ok((own_fd(ends[0])?, own_fd(ends[1])?))
}

/// Writes all or part of `bytes`.
pub(crate) fn write(fd: &impl AsRawFd, bytes: &[u8]) -> io::Result<usize> {
    // SAFETY: the kernel reads at most the length of a live slice.
    let rc = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
    done(rc).map(isize::unsigned_abs)
}

/// Reads into `bytes`.
pub(crate) fn read(fd: &impl AsRawFd, bytes: &mut [u8]) -> io::Result<usize> {
    // SAFETY: the kernel writes at most the length of a live slice.
    let rc = unsafe { libc::read(fd.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
    done(rc).map(isize::unsigned_abs)
}

/// Waits until `fd` can be read, for at most `timeout_ms`.
pub(crate) fn poll_in(fd: &impl AsRawFd, timeout_ms: libc::c_int) -> io::Result<bool> {
    let mut entry = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one live entry.
    let rc = unsafe { libc::poll(&raw mut entry, 1, timeout_ms) };
    match done(rc) {
        Ok(nr_ready) => Ok(nr_ready > 0),
        Err(err) if is_again(&err) => Ok(false),
        Err(err) => Err(err),
    }
}

/// Opens a path as the kernel is told, without libc's or std's additions.
pub(crate) fn open(path: &CStr, flags: libc::c_int) -> io::Result<OwnedFd> {
    // SAFETY: the path ends with NUL; the mode is read only with O_CREAT.
    own_fd(unsafe { libc::open(path.as_ptr(), flags | libc::O_CLOEXEC, 0o600) })
}

/// Looks a path up, and asks for the inode behind it.
pub(crate) fn stat(path: &CStr) -> io::Result<()> {
    // SAFETY: `stat` is made of integers, for which zero is valid.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    // SAFETY: the path ends with NUL, the kernel writes into a live local.
    done(unsafe { libc::stat(path.as_ptr(), &raw mut stat) }).map(drop)
}

/// A private or shared mapping of memory, unmapped when dropped.
#[derive(Debug)]
pub(crate) struct Region {
    addr: *mut u8,
    len_bytes: usize,
}

// SAFETY: the mapping belongs to the process, not to a thread; whoever shares it writes bytes that
// nobody interprets, or uses atomics.
unsafe impl Send for Region {}
// SAFETY: as above.
unsafe impl Sync for Region {}

impl Region {
    /// Maps zeroed memory. `flags` may be `MAP_PRIVATE` or `MAP_SHARED`.
    pub(crate) fn anonymous(
        len_bytes: usize,
        prot: libc::c_int,
        flags: libc::c_int,
    ) -> io::Result<Self> {
        Self::map(len_bytes, prot, flags | libc::MAP_ANONYMOUS, -1, 0)
    }

    /// Maps part of a file.
    pub(crate) fn of_file(
        fd: &impl AsRawFd,
        len_bytes: usize,
        prot: libc::c_int,
        offset: i64,
    ) -> io::Result<Self> {
        Self::map(len_bytes, prot, libc::MAP_SHARED, fd.as_raw_fd(), offset)
    }

    fn map(
        len_bytes: usize,
        prot: libc::c_int,
        flags: libc::c_int,
        fd: RawFd,
        offset: i64,
    ) -> io::Result<Self> {
        // SAFETY: a mapping at an address of the kernel's choice overlaps nothing.
        let addr = unsafe { libc::mmap(ptr::null_mut(), len_bytes, prot, flags, fd, offset) };
        if addr == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        Ok(Self {
            addr: addr.cast(),
            len_bytes,
        })
    }

    /// First byte.
    pub(crate) fn addr(&self) -> *mut u8 {
        self.addr
    }

    /// Length.
    pub(crate) fn len_bytes(&self) -> usize {
        self.len_bytes
    }

    /// Writes one byte into the first page. The mapping must be writable.
    pub(crate) fn touch_first(&self) {
        // SAFETY: inside the mapping; volatile, because only the page fault is wanted.
        unsafe { self.addr.write_volatile(1) };
    }

    /// Writes one byte into each page. The mapping must be writable.
    pub(crate) fn touch(&self) {
        for offset in (0..self.len_bytes).step_by(PAGE_BYTES) {
            // SAFETY: inside the mapping; volatile, because only the page fault is wanted.
            unsafe { self.addr.add(offset).write_volatile(1) };
        }
    }

    /// Reads one byte of each page of a part. The mapping must be readable.
    pub(crate) fn look(&self, start: usize, nr_bytes: usize) {
        let end = self.len_bytes.min(start + nr_bytes);
        for offset in (start..end).step_by(PAGE_BYTES) {
            // SAFETY: inside the mapping; volatile, because only the page fault is wanted.
            unsafe { self.addr.add(offset).read_volatile() };
        }
    }

    /// `madvise` on all of it.
    pub(crate) fn advise(&self, advice: libc::c_int) -> io::Result<()> {
        // SAFETY: the whole mapping is ours, and nobody keeps references into it.
        done(unsafe { libc::madvise(self.addr.cast(), self.len_bytes, advice) }).map(drop)
    }

    /// `mprotect` on all of it.
    pub(crate) fn protect(&self, prot: libc::c_int) -> io::Result<()> {
        // SAFETY: the whole mapping is ours, and nobody keeps references into it.
        done(unsafe { libc::mprotect(self.addr.cast(), self.len_bytes, prot) }).map(drop)
    }
}

impl Drop for Region {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours and ends here.
        unsafe { libc::munmap(self.addr.cast(), self.len_bytes) };
    }
}
