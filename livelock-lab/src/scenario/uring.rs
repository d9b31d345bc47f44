//! An io_uring whose submissions a thread of the kernel polls, with raw system calls.
//!
//! In: nothing. Out: a ring that takes operations which do nothing. Refuses: everything else that
//! io_uring can do. Layout and numbers are those of `linux/io_uring.h`.

use std::io;
use std::mem;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::sys::{self, Region};

const NR_ENTRIES: u32 = 64;
const SQE_BYTES: usize = 64;
const CQE_BYTES: usize = 16;
const SETUP_SQPOLL: u32 = 1 << 1;
const SQ_NEED_WAKEUP: u32 = 1;
const ENTER_SQ_WAKEUP: u32 = 1 << 1;
const OFFSET_SQ_RING: i64 = 0;
const OFFSET_CQ_RING: i64 = 0x800_0000;
const OFFSET_SQES: i64 = 0x1000_0000;

/// The thread of the kernel goes to sleep after this time without work; it never gets there.
const IDLE_MS: u32 = 10_000;

/// Offsets into the ring of submissions.
#[repr(C)]
#[derive(Default)]
struct SqOffsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    flags: u32,
    dropped: u32,
    array: u32,
    resv1: u32,
    user_addr: u64,
}

/// Offsets into the ring of completions.
#[repr(C)]
#[derive(Default)]
struct CqOffsets {
    head: u32,
    tail: u32,
    ring_mask: u32,
    ring_entries: u32,
    overflow: u32,
    cqes: u32,
    flags: u32,
    resv1: u32,
    user_addr: u64,
}

/// `struct io_uring_params`.
#[repr(C)]
#[derive(Default)]
struct Params {
    sq_entries: u32,
    cq_entries: u32,
    flags: u32,
    sq_thread_cpu: u32,
    sq_thread_idle: u32,
    features: u32,
    wq_fd: u32,
    resv: [u32; 3],
    sq_off: SqOffsets,
    cq_off: CqOffsets,
}

const _: () = assert!(mem::size_of::<Params>() == 120);

/// The ring. One thread uses it.
pub(crate) struct PolledRing {
    fd: OwnedFd,
    params: Params,
    sq: Region,
    cq: Region,
    /// Zeroed by the kernel: an entry of zeroes is the operation that does nothing.
    _sqes: Region,
}

impl PolledRing {
    /// Makes a ring and its polling thread.
    pub(crate) fn new() -> io::Result<Self> {
        let mut params = Params {
            flags: SETUP_SQPOLL,
            sq_thread_idle: IDLE_MS,
            ..Params::default()
        };
        // SAFETY: the kernel reads and writes a live local of the size that it expects.
        let fd = sys::own_fd(unsafe {
            libc::syscall(libc::SYS_io_uring_setup, NR_ENTRIES, &raw mut params)
        })?;
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let sq_bytes = params.sq_off.array as usize + params.sq_entries as usize * 4;
        let cq_bytes = params.cq_off.cqes as usize + params.cq_entries as usize * CQE_BYTES;
        let sqes_bytes = params.sq_entries as usize * SQE_BYTES;
        Ok(Self {
            sq: Region::of_file(&fd, sq_bytes, prot, OFFSET_SQ_RING)?,
            cq: Region::of_file(&fd, cq_bytes, prot, OFFSET_CQ_RING)?,
            _sqes: Region::of_file(&fd, sqes_bytes, prot, OFFSET_SQES)?,
            fd,
            params,
        })
    }

    /// Puts one operation that does nothing into the ring, and wakes the polling thread if it sleeps.
    pub(crate) fn submit_nothing(&mut self) -> io::Result<()> {
        let offsets = &self.params.sq_off;
        let tail = word(&self.sq, offsets.tail);
        let at = tail.load(Ordering::Relaxed);
        let slot = at % self.params.sq_entries;
        word(&self.sq, offsets.array + slot * 4).store(slot, Ordering::Relaxed);
        tail.store(at.wrapping_add(1), Ordering::Release);
        let flags = word(&self.sq, offsets.flags).load(Ordering::Acquire);
        if flags & SQ_NEED_WAKEUP == 0 {
            return Ok(());
        }
        // SAFETY: takes numbers and no signal mask.
        sys::done(unsafe {
            libc::syscall(
                libc::SYS_io_uring_enter,
                self.fd.as_raw_fd(),
                0,
                0,
                ENTER_SQ_WAKEUP,
                0,
                0,
            )
        })
        .map(drop)
    }

    /// Takes all completions; says how many.
    pub(crate) fn reap(&mut self) -> u64 {
        let offsets = &self.params.cq_off;
        let head = word(&self.cq, offsets.head);
        let begin = head.load(Ordering::Relaxed);
        let end = word(&self.cq, offsets.tail).load(Ordering::Acquire);
        head.store(end, Ordering::Release);
        end.wrapping_sub(begin).into()
    }
}

/// A word of a ring.
fn word(ring: &Region, offset_bytes: u32) -> &AtomicU32 {
    // SAFETY: the kernel gave the offset, aligned and inside the mapping, which lives as long as
    // `ring`; both sides use the word atomically.
    unsafe { &*ring.addr().add(offset_bytes as usize).cast() }
}
