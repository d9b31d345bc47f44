//! The owner word of a sleeping lock: who has it while the current task begins to wait.
//!
//! In: the begin of a sampled wait. Out: the owner in its stack's record. Refuses: locks without such a word (spinlocks,
//! per-CPU rwsems, the reader-writer locks of RT kernels).
//!
//! The owner may let go, and end, between two reads: every read is a checked one, and what a freed task leaves behind
//! names nobody that runs. Cost: eight reads with a sampled stack, which costs as much as thirty begins anyway.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use livelock_common::{ABSENT, StackRecord, lcb, owner};

use crate::globals;

/// `MUTEX_FLAGS` (kernel/locking/mutex.h, v6.1 to v7.3).
const MUTEX_FLAGS: u64 = 7;
/// `RWSEM_OWNER_FLAGS_MASK` (kernel/locking/rwsem.c).
const RWSEM_FLAGS: u64 = 3;
/// `RWSEM_READER_OWNED`: the word names a reader that may be long gone.
const READER_OWNED: u64 = 1;
/// `RT_MUTEX_HAS_WAITERS` (kernel/locking/rtmutex_common.h).
const RT_MUTEX_FLAGS: u64 = 1;

/// Reads `bytes` bytes at `at` into `to`. Says whether it could.
///
/// # Safety
/// `to` has room for them.
#[inline(always)]
unsafe fn read<T>(to: *mut T, bytes: u32, at: u64) -> bool {
    // SAFETY: by contract; the helper checks the address.
    unsafe { bpf_probe_read_kernel(to.cast(), bytes, at as *const c_void) == 0 }
}

/// Reads a word of the task, if this kernel has it there; [`ABSENT`] if not.
#[inline(always)]
fn word(task: u64, offset: u32) -> u32 {
    let mut value = 0u32;
    // SAFETY: `value` has four bytes.
    if offset != ABSENT && unsafe { read(&raw mut value, 4, task + u64::from(offset)) } {
        value
    } else {
        ABSENT
    }
}

/// Fills in the owner of the lock at `lock_addr`.
///
/// # Safety
/// `record` points into this CPU's ring.
#[inline(always)]
pub unsafe fn fill(record: *mut StackRecord, lock_addr: u64, flags: u32) {
    // SAFETY: by contract.
    unsafe {
        (*record).owner = owner::UNKNOWN;
        let (offset, mask) =
            if flags & (lcb::SPIN | lcb::MUTEX) == lcb::SPIN || flags & lcb::PERCPU != 0 {
                return;
            } else if flags & lcb::RT != 0 {
                if flags & (lcb::READ | lcb::WRITE) != 0 {
                    return;
                }
                (globals::RT_MUTEX_OWNER.load(), RT_MUTEX_FLAGS)
            } else if flags & (lcb::READ | lcb::WRITE) != 0 {
                (globals::RWSEM_OWNER.load(), RWSEM_FLAGS)
            } else {
                (globals::MUTEX_OWNER.load(), MUTEX_FLAGS)
            };
        let mut held = 0u64;
        if offset == ABSENT || !read(&raw mut held, 8, lock_addr + u64::from(offset)) {
            return;
        }
        if mask == RWSEM_FLAGS && held & READER_OWNED != 0 {
            (*record).owner = owner::READERS;
            return;
        }
        let task = held & !mask;
        if task == 0 {
            (*record).owner = owner::NOBODY;
            return;
        }
        let pid = word(task, globals::TASK_PID.load());
        let tgid = word(task, globals::TASK_TGID.load());
        let comm = globals::TASK_COMM.load();
        if pid == ABSENT || tgid == ABSENT || comm == ABSENT {
            return;
        }
        if !read(&raw mut (*record).owner_comm, 16, task + u64::from(comm)) {
            return;
        }
        (*record).owner = owner::TASK;
        (*record).owner_pid = pid;
        (*record).owner_tgid = tgid;
        (*record).owner_on_cpu = word(task, globals::TASK_ON_CPU.load());
        (*record).owner_state = word(task, globals::TASK_STATE.load());
        (*record).owner_cpu = word(task, globals::TASK_CPU.load());
    }
}
