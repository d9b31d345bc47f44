//! Stacks of waiters: sampled, on the waiter's side only.
//!
//! In: a begin. Out: a record in this CPU's ring of stacks. Refuses: more than the budget; a walk
//! costs as much as thirty begins (4.7 µs and more in a guest).

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_get_current_cgroup_id, bpf_get_current_comm, bpf_get_prandom_u32, bpf_get_stack,
};
use livelock_common::{Control, CpuState, SLICE_SHIFT, STACK_FRAMES, STACK_RING, StackRecord};

use crate::mask::masked;
use crate::owner;
use crate::place;
use crate::spin::Begin;
use crate::state::STACKS;
use crate::{globals, user_stack};

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
        if globals::USER_STACKS_WANTED.load() != 0 && !user_stack::take(ctx, b, id) {
            (*state).nr_stack_failed += 1;
        }
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
        let (kind, offset) = place::of(b.lock_addr);
        (*record).object = kind;
        (*record).object_offset = offset;
        owner::fill(record, b.lock_addr, b.flags);
        core::ptr::write_volatile(&raw mut (*ring).head, head + 1);
        id
    }
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
