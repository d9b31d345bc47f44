//! Stacks of waiters: sampled, on the waiter's side only.
//!
//! In: a begin. Out: a record in this CPU's ring of stacks. Refuses: more than the budget; a walk
//! costs as much as thirty begins (4.7 µs and more in a guest).

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_current_task, bpf_get_prandom_u32,
    bpf_get_stack, bpf_probe_read_kernel,
};
use livelock_common::{
    ABSENT, Control, CpuState, SLICE_SHIFT, STACK_FRAMES, STACK_RING, StackRecord, object,
};

use crate::globals;
use crate::mask::masked;
use crate::spin::Begin;
use crate::state::STACKS;

/// Ticks whose tokens may be saved up: streamed moments can be 67 ms apart.
const MAX_SAVED_TICKS: u32 = 4;

const RING_MASK: i32 = STACK_RING as i32 - 1;

/// Whether this begin takes a stack: one in `stack_period` on average, never more than the tokens, and
/// in moments that are streamed, where the hand-off after it is seen as well.
///
/// # Safety
/// The caller is inside on `state`.
#[inline(always)]
pub unsafe fn due(state: *mut CpuState, control: *const Control, now_ns: u64) -> bool {
    // SAFETY: by contract.
    unsafe {
        (*state).begins_since_stack += 1;
        let left = (*state).stack_countdown;
        if left > 1 {
            (*state).stack_countdown = left - 1;
            return false;
        }
        if (*state).stack_tokens == 0 || (now_ns >> SLICE_SHIFT) & (*control).slice_mask != 0 {
            return false;
        }
        (*state).stack_tokens -= 1;
        // Uniform over 1..2N: no resonance with loops that take their locks in a fixed order.
        let period = (*state).stack_period;
        (*state).stack_countdown = if period > 1 {
            1 + bpf_get_prandom_u32() % (2 * period - 1)
        } else {
            1
        };
    }
    true
}

/// Takes the stack. The id ties it to its wait; 0 if it could not be taken.
///
/// # Safety
/// The caller is inside on `state`; `ctx` is the context of the running program.
#[inline(never)]
pub unsafe fn take(ctx: *mut c_void, state: *mut CpuState, b: &Begin, now_ns: u64) -> u32 {
    let Some(ring) = STACKS.get_ptr_mut(b.cpu) else {
        return 0;
    };
    // SAFETY: by contract; this CPU's ring, masked index.
    unsafe {
        let head = (*ring).head;
        let tail = core::ptr::read_volatile(&raw const (*ring).tail);
        if head.wrapping_sub(tail) >= STACK_RING as u64 {
            (*ring).nr_dropped += 1;
            return 0;
        }
        let record = (&raw mut (*ring).records)
            .cast::<StackRecord>()
            .add(masked::<RING_MASK>(head));
        let bytes = bpf_get_stack(
            ctx,
            (&raw mut (*record).frames).cast(),
            (STACK_FRAMES * 8) as u32,
            0,
        );
        if bytes <= 0 {
            (*state).nr_stack_failed += 1;
            return 0;
        }
        let mut id = (*state).last_stack_id.wrapping_add(1);
        if id == 0 {
            id = 1;
        }
        (*state).last_stack_id = id;
        (*state).nr_stacks += 1;
        (*record).stack_id = id;
        (*record).weight = (*state).begins_since_stack;
        (*state).begins_since_stack = 0;
        (*record).taken_ns = now_ns;
        (*record).lock_addr = b.lock_addr;
        (*record).cgroup_id = bpf_get_current_cgroup_id();
        (*record).pid = b.pid;
        (*record).tgid = b.tgid;
        (*record).nr_frames = (bytes as u64 / 8) as u32;
        (*record).flags = b.flags;
        bpf_get_current_comm((&raw mut (*record).comm).cast(), 16);
        let (kind, offset) = place(b.lock_addr);
        (*record).object = kind;
        (*record).object_offset = offset;
        core::ptr::write_volatile(&raw mut (*ring).head, head + 1);
        id
    }
}

/// In which structure of the current task the lock sits, and where.
#[inline(always)]
fn place(lock_addr: u64) -> (u32, u32) {
    // SAFETY: no preconditions; the value is only compared and read through a checked helper.
    let task = unsafe { bpf_get_current_task() };
    let size = globals::TASK_SIZE.load();
    if size != ABSENT && lock_addr.wrapping_sub(task) < u64::from(size) {
        return (object::TASK, lock_addr.wrapping_sub(task) as u32);
    }
    macro_rules! behind {
        ($member:ident, $size:ident, $kind:ident) => {
            if let Some(offset) = inside(
                task,
                globals::$member.load(),
                globals::$size.load(),
                lock_addr,
            ) {
                return (object::$kind, offset);
            }
        };
    }
    behind!(TASK_FILES, FILES_SIZE, FILES);
    behind!(TASK_MM, MM_SIZE, MM);
    behind!(TASK_SIGHAND, SIGHAND_SIZE, SIGHAND);
    behind!(TASK_SIGNAL, SIGNAL_SIZE, SIGNAL);
    behind!(TASK_FS, FS_SIZE, FS);
    (object::NONE, 0)
}

/// Offset of `lock_addr` in the structure that the pointer at `task + member` points to.
#[inline(always)]
fn inside(task: u64, member: u32, size: u32, lock_addr: u64) -> Option<u32> {
    if member == ABSENT || size == ABSENT {
        return None;
    }
    let mut base = 0u64;
    // SAFETY: the helper checks the address; `base` is ours.
    let failed = unsafe {
        bpf_probe_read_kernel(
            (&raw mut base).cast(),
            8,
            (task + u64::from(member)) as *const c_void,
        )
    };
    let offset = lock_addr.wrapping_sub(base);
    (failed == 0 && base != 0 && offset < u64::from(size)).then_some(offset as u32)
}

/// Once a sampler tick: new tokens, and a period that spends them evenly.
///
/// # Safety
/// The caller is inside on `state`.
#[inline(always)]
pub unsafe fn adapt(state: *mut CpuState, control: *const Control) {
    // SAFETY: by contract.
    unsafe {
        let budget = (*control).stacks_per_tick;
        let begun = (*state).nr_begun;
        let since_tick = begun.wrapping_sub((*state).begun_at_tick);
        (*state).begun_at_tick = begun;
        let saved = (*state).stack_tokens + budget;
        let most = budget.saturating_mul(MAX_SAVED_TICKS);
        (*state).stack_tokens = if saved > most { most } else { saved };
        // Half way to the period that would have spent the budget exactly, so that one odd tick does
        // not upset it.
        let exact = if budget == 0 {
            u64::from(u32::MAX) / 4
        } else {
            since_tick / u64::from(budget)
        };
        let mut period = (u64::from((*state).stack_period) + exact).div_ceil(2);
        let least = u64::from((*control).min_stack_period);
        if period < least {
            period = least;
        }
        if period > u64::from(u32::MAX) / 4 {
            period = u64::from(u32::MAX) / 4;
        }
        (*state).stack_period = period as u32;
        if (*state).stack_countdown as u64 > 2 * period + 1 {
            (*state).stack_countdown = period as u32;
        }
    }
}
