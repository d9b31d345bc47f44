//! Streamed records and the per-CPU ring that carries them.
//!
//! In: one kernel writer per ring. Out: one user-space reader. Refuses: locks, wake-ups and records
//! of variable length. An array instead of a BPF ring buffer, because that one takes a spinlock whose
//! slow path is itself traced, on kernels before 6.15 a raw one.

use crate::{SAMPLE_FRAMES, STACK_FRAMES, STACK_TOP_WORDS, USER_FRAMES};

/// A single-producer, single-consumer ring of `N` records; `N` is a power of two.
///
/// `head` counts what was ever written, `tail` what was ever read. The writer drops and counts when
/// `head - tail == N`.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct Ring<T, const N: usize> {
    /// Written by the kernel side.
    pub head: u64,
    /// Records dropped because the ring was full; written by the kernel side.
    pub nr_dropped: u64,
    /// Waits or releases that were left out because their moment was not to be streamed; written by the kernel side.
    pub nr_left_out: u64,
    /// Keeps `tail` on a line of its own.
    pub pad_head: [u64; 5],
    /// Written by user space.
    pub tail: u64,
    /// Keeps the records off the line of `tail`.
    pub pad_tail: [u64; 7],
    /// The records; record `i` is at `i % N`.
    pub records: [T; N],
}

/// A completed wait.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct WaitRecord {
    /// Address of the lock.
    pub lock_addr: u64,
    /// `CLOCK_MONOTONIC` at begin.
    pub begin_ns: u64,
    /// `CLOCK_MONOTONIC` at end: the moment of acquisition (or of giving up).
    pub end_ns: u64,
    /// Time that burned a CPU: the wait less what nested waits booked, or the spin phases of a mutex.
    pub spin_ns: u64,
    /// `flags` of the first begin; for a mutex the union of its phases.
    pub flags: u32,
    /// Thread id.
    pub pid: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Stack of the begin on `stack_cpu`; 0 if none was taken.
    pub stack_id: u32,
    /// CPU that took the stack.
    pub stack_cpu: u32,
    /// CPU of the end.
    pub cpu: u32,
    /// `ret` of `contention_end`: 0 acquired, negative gave up.
    pub ret: i32,
    /// Units of [`line`](crate::line) from the begin after which it stood in line; 0 if it never did, or spun from end to end.
    pub line_units: u32,
}

/// The release of a lock: by somebody who had waited for it, or of kernels with lockdep by anybody.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ReleaseRecord {
    /// Address of the lock.
    pub lock_addr: u64,
    /// `CLOCK_MONOTONIC` at the end of the wait.
    pub acquired_ns: u64,
    /// `CLOCK_MONOTONIC` at the release.
    pub released_ns: u64,
    /// Thread id.
    pub pid: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Stack of the begin of the wait on `stack_cpu`; 0 if none was taken.
    pub stack_id: u32,
    /// CPU that took the stack.
    pub stack_cpu: u32,
    /// CPU of the release.
    pub cpu: u32,
    /// Keeps the size a multiple of the alignment.
    pub pad: u32,
    /// Code that took the lock, of kernels with lockdep; 0 if that is not known.
    pub ip: u64,
}

/// A call of a locking function that a breakpoint saw, about to be made.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CallRecord {
    /// Its first argument: the address of the lock.
    pub lock_addr: u64,
    /// `CLOCK_MONOTONIC`.
    pub at_ns: u64,
    /// Thread id.
    pub pid: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Command name, NUL-padded.
    pub comm: [u8; 16],
    /// What it does ([`call`](crate::call)).
    pub kind: u32,
    /// Keeps the size a multiple of the alignment.
    pub pad: u32,
}

/// A waiter's stack, taken at its begin.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct StackRecord {
    /// Unique on its CPU until it wraps.
    pub stack_id: u32,
    /// Begins that this one stands for, itself included.
    pub weight: u32,
    /// `CLOCK_MONOTONIC` when it was taken.
    pub taken_ns: u64,
    /// Address of the lock.
    pub lock_addr: u64,
    /// cgroup v2 id of the current task.
    pub cgroup_id: u64,
    /// Thread id.
    pub pid: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Command name, NUL-padded.
    pub comm: [u8; 16],
    /// Which structure of the task holds the lock ([`object`](crate::object)).
    pub object: u32,
    /// Offset of the lock in that structure.
    pub object_offset: u32,
    /// Frames in `frames`.
    pub nr_frames: u32,
    /// `flags` of the begin.
    pub flags: u32,
    /// Who had the lock ([`owner`](crate::owner)); what follows is of that task, [`ABSENT`](crate::ABSENT) where this
    /// kernel does not tell.
    pub owner: u32,
    /// Thread id.
    pub owner_pid: u32,
    /// Thread group id.
    pub owner_tgid: u32,
    /// `task_struct.on_cpu`: not 0 if it ran.
    pub owner_on_cpu: u32,
    /// `task_struct.__state`: 0 if it wanted to run.
    pub owner_state: u32,
    /// CPU that it ran on, or last ran on.
    pub owner_cpu: u32,
    /// Command name, NUL-padded.
    pub owner_comm: [u8; 16],
    /// Return addresses, innermost first.
    pub frames: [u64; STACK_FRAMES],
}

/// The user side of a waiter's stack, in a ring of its own that is only there if somebody asked for it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct UserStackRecord {
    /// Of the [`StackRecord`] on the same CPU that it belongs to.
    pub stack_id: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Frames in `frames`.
    pub nr_frames: u32,
    /// Words in `top`: all or none.
    pub nr_top_words: u32,
    /// Where the task entered the kernel, and return addresses by frame pointers, innermost first.
    pub frames: [u64; USER_FRAMES],
    /// What the stack pointer points at: functions without a frame pointer keep their return address there.
    pub top: [u64; STACK_TOP_WORDS],
}

/// What the sampler found on its CPU.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SampleRecord {
    /// `CLOCK_MONOTONIC`.
    pub taken_ns: u64,
    /// Thread id; 0 is the idle task.
    pub pid: u32,
    /// Thread group id.
    pub tgid: u32,
    /// Command name, NUL-padded.
    pub comm: [u8; 16],
    /// Frames in `frames`; 0 in user mode and where the walk failed.
    pub nr_frames: u32,
    /// Spin waits open on this CPU.
    pub depth: u32,
    /// 1 if the current task is in the spin phase of a mutex.
    pub mutex_spin: u32,
    /// 1 if the sample interrupted one of our own programs.
    pub in_self: u32,
    /// 1 if the CPU was in user mode.
    pub in_user: u32,
    /// Kernel priority of the current task (`task_struct.prio`: below 100 real-time, 120 is nice 0);
    /// [`ABSENT`](crate::ABSENT) if this kernel does not tell.
    pub prio: u32,
    /// Interrupted instruction in user mode; 0 in kernel mode.
    pub user_ip: u64,
    /// Register of the first argument in kernel mode, 0 in user mode: a lock, where a function that tries to take one
    /// was interrupted.
    pub first_arg: u64,
    /// Kernel addresses, innermost first.
    pub frames: [u64; SAMPLE_FRAMES],
}
