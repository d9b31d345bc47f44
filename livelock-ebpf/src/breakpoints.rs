//! Breakpoints at calls of locking functions: who is about to take, try or let go which lock.
//!
//! In: a breakpoint of a CPU's debug registers at the call, with a limit of hits that user space has set. Out: a record in a
//! ring of its own. Refuses: stack walks, and anything that another CPU must answer; the task may hold locks.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::bpf_get_current_comm;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::perf_event;
use aya_ebpf::programs::PerfEventContext;
use livelock_common::{CALL_RING, CallRecord, call};

use crate::mask::masked;
use crate::registers::first_arg;
use crate::state::{CALLS, this_cpu};

const RING_MASK: i32 = CALL_RING as i32 - 1;

/// From Linux 6.10 on a program that gives 0 keeps the kernel from counting the hit, and the limit from being reached
/// (`__perf_event_overflow`, kernel/events/core.c).
const COUNT_IT: u32 = 1;

/// Hook: breakpoint at a call that takes a lock. Kernel: 5.19. Cost: an exception, and some stores.
#[perf_event]
pub fn lock_call(ctx: PerfEventContext) -> u32 {
    record(&ctx, call::LOCK)
}

/// Hook: breakpoint at a call that tries to. Kernel and cost: the same.
#[perf_event]
pub fn trylock_call(ctx: PerfEventContext) -> u32 {
    record(&ctx, call::TRYLOCK)
}

/// Hook: breakpoint at a call that lets one go. Kernel and cost: the same.
#[perf_event]
pub fn unlock_call(ctx: PerfEventContext) -> u32 {
    record(&ctx, call::UNLOCK)
}

#[inline(always)]
fn record(ctx: &PerfEventContext, kind: u32) -> u32 {
    let Some(ring) = CALLS.get_ptr_mut(this_cpu()) else {
        return COUNT_IT;
    };
    let id = bpf_get_current_pid_tgid();
    // SAFETY: this CPU's ring; masked index. Its only writers are programs of perf events, of which the kernel runs one at
    // a time on a CPU (`bpf_overflow_handler`).
    unsafe {
        let head = (*ring).head;
        let tail = core::ptr::read_volatile(&raw const (*ring).tail);
        if head.wrapping_sub(tail) >= CALL_RING as u64 {
            (*ring).nr_dropped += 1;
            return COUNT_IT;
        }
        let to = (&raw mut (*ring).records)
            .cast::<CallRecord>()
            .add(masked::<RING_MASK>(head));
        (*to).lock_addr = first_arg(ctx.as_ptr());
        (*to).at_ns = bpf_ktime_get_ns();
        (*to).pid = id as u32;
        (*to).tgid = (id >> 32) as u32;
        bpf_get_current_comm((&raw mut (*to).comm).cast(), 16);
        (*to).kind = kind;
        core::ptr::write_volatile(&raw mut (*ring).head, head + 1);
    }
    COUNT_IT
}
