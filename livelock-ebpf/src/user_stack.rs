//! The user side of a waiter's stack, if somebody asked for it.
//!
//! In: a begin of which the kernel side was taken. Out: a record in this CPU's ring of user stacks. Refuses: to fault; what is
//! not in memory is not read.
//!
//! The kernel walks frame pointers. The function that enters the kernel is mostly a wrapper of the C library without one, so
//! the walk misses its caller; the words on top of the stack hold it, and user space finds it there.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_get_current_task_btf, bpf_get_stack, bpf_probe_read_kernel, bpf_probe_read_user,
    bpf_task_pt_regs,
};
use livelock_common::{ABSENT, STACK_RING, STACK_TOP_WORDS, USER_FRAMES, UserStackRecord};

use crate::globals;
use crate::mask::masked;
use crate::spin::Begin;
use crate::state::USER_STACKS;

/// `BPF_F_USER_STACK` (include/uapi/linux/bpf.h).
const USER_STACK: u64 = 1 << 8;

const RING_MASK: i32 = STACK_RING as i32 - 1;

/// Takes it. Without a user side (a kernel thread), or without room, there is no record; `false` if the walk failed.
///
/// # Safety
/// The caller is inside on this CPU's state; `ctx` is the context of the running program.
#[inline(never)]
pub unsafe fn take(ctx: *mut c_void, b: &Begin, stack_id: u32) -> bool {
    let Some(ring) = USER_STACKS.get_ptr_mut(b.cpu) else {
        return true;
    };
    // SAFETY: by contract; this CPU's ring, masked index.
    unsafe {
        let head = (*ring).head;
        let tail = core::ptr::read_volatile(&raw const (*ring).tail);
        if head.wrapping_sub(tail) >= STACK_RING as u64 {
            (*ring).nr_dropped += 1;
            return true;
        }
        let record = (&raw mut (*ring).records)
            .cast::<UserStackRecord>()
            .add(masked::<RING_MASK>(head));
        let bytes = bpf_get_stack(
            ctx,
            (&raw mut (*record).frames).cast(),
            (USER_FRAMES * 8) as u32,
            USER_STACK,
        );
        if bytes <= 0 {
            return bytes == 0;
        }
        (*record).stack_id = stack_id;
        (*record).tgid = b.tgid;
        (*record).nr_frames = (bytes as u64 / 8) as u32;
        (*record).nr_top_words = if read_top(record) {
            STACK_TOP_WORDS as u32
        } else {
            0
        };
        core::ptr::write_volatile(&raw mut (*ring).head, head + 1);
    }
    true
}

/// Copies what the user stack pointer of the current task points at.
///
/// # Safety
/// `record` is this CPU's.
#[inline(always)]
unsafe fn read_top(record: *mut UserStackRecord) -> bool {
    let offset = globals::REGS_SP.load();
    if offset == ABSENT {
        return false;
    }
    let mut sp = 0u64;
    // SAFETY: checked reads of the current task's registers, and of what they point at.
    unsafe {
        let regs = bpf_task_pt_regs(bpf_get_current_task_btf()) as *const u8;
        let at = regs.wrapping_add(offset as usize);
        if bpf_probe_read_kernel((&raw mut sp).cast(), 8, at.cast()) != 0 {
            return false;
        }
        bpf_probe_read_user(
            (&raw mut (*record).top).cast(),
            (STACK_TOP_WORDS * 8) as u32,
            sp as *const c_void,
        ) == 0
    }
}
