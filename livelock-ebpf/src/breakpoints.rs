//! Breakpoints at calls of locking functions: who is about to take, try or let go which lock.
//!
//! In: a breakpoint of a CPU's debug registers at the call, with a limit of hits that user space has set. Out: a record in a
//! ring of its own. Refuses: stack walks, and anything that another CPU must answer; the task may hold locks.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_get_current_comm;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use livelock_common::{CALL_RING, CallRecord, call};

use crate::mask::masked;
use crate::registers::first_arg;
use crate::state::{CALLS, this_cpu};

const RING_MASK: i32 = CALL_RING as i32 - 1;

/// What a program gives. From Linux 6.10 on 0 would keep the kernel from counting the hit, and the limit from being reached
/// (`__perf_event_overflow`, kernel/events/core.c).
const COUNT_IT: u32 = 1;

/// A program of a perf event that gives [`COUNT_IT`]; the attribute macro of aya-ebpf has all of them give 0.
macro_rules! at_call {
    ($(#[$doc:meta])* $name:ident, $kind:expr) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        #[unsafe(link_section = "perf_event")]
        pub fn $name(ctx: *mut c_void) -> u32 {
            record(ctx, $kind);
            COUNT_IT
        }
    };
}

at_call!(
    /// Hook: breakpoint at a call that takes a lock. Kernel: 5.19. Cost: an exception, and some stores.
    lock_call,
    call::LOCK
);
at_call!(
    /// Hook: breakpoint at a call that tries to. Kernel and cost: the same.
    trylock_call,
    call::TRYLOCK
);
at_call!(
    /// Hook: breakpoint at a call that lets one go. Kernel and cost: the same.
    unlock_call,
    call::UNLOCK
);

#[inline(always)]
fn record(ctx: *mut c_void, kind: u32) {
    let Some(ring) = CALLS.get_ptr_mut(this_cpu()) else {
        return;
    };
    let id = bpf_get_current_pid_tgid();
    // SAFETY: this CPU's ring; masked index. Its only writers are programs of perf events, of which the kernel runs one at
    // a time on a CPU (`bpf_overflow_handler`).
    unsafe {
        let head = (*ring).head;
        let tail = core::ptr::read_volatile(&raw const (*ring).tail);
        if head.wrapping_sub(tail) >= CALL_RING as u64 {
            (*ring).nr_dropped += 1;
            return;
        }
        let to = (&raw mut (*ring).records)
            .cast::<CallRecord>()
            .add(masked::<RING_MASK>(head));
        (*to).lock_addr = first_arg(ctx);
        (*to).at_ns = bpf_ktime_get_ns();
        (*to).pid = id as u32;
        (*to).tgid = (id >> 32) as u32;
        bpf_get_current_comm((&raw mut (*to).comm).cast(), 16);
        (*to).kind = kind;
        core::ptr::write_volatile(&raw mut (*ring).head, head + 1);
    }
}
