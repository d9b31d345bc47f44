//! `lock:contention_begin` and `lock:contention_end`.
//!
//! In: both tracepoints, Linux 5.19 and later. Out: open and completed waits (`spin`, `tasks`).
//! Refuses: in `contention_end`, everything but a clock read and stores to this CPU's element (and, for
//! a sleeping wait, to the task's own slot).
//!
//! Blind, by the kernel's construction: the pending-bit waiter of native qspinlocks, test-and-set
//! spinlocks of guests, a writer's successful optimistic spin on an rwsem, trylock loops.

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use livelock_common::{lcb, lost};

use crate::runs::{MOST_RUN_NS, MOST_WALK_NS, ran_ns};
use crate::spin::{self, Begin};
use crate::state::{CONTROL, CPU_STATE, count_nested, enter, leave, this_cpu};
use crate::{filter, fold, lockdep, scope, stack, tasks};

/// One run in this many is timed, to know what the program costs. A power of two.
const TIMED_ONE_IN: u64 = 64;

/// Whether a wait with `flags` stays on its CPU until it ends.
#[inline(always)]
const fn stays_on_cpu(flags: u32) -> bool {
    flags & lcb::SPIN != 0 && flags & lcb::MUTEX == 0
}

/// Hook: `lock:contention_begin(lock, flags)`, before the waiter queues. Kernel: 5.19. Cost: see
/// `cargo xtask bench cost`. Cannot see: waits that begin inside another of our programs (counted).
#[btf_tracepoint(function = "contention_begin")]
pub fn contention_begin(ctx: BtfTracePointContext) -> i32 {
    // Before anything is booked: the books of a scope are of its waits alone.
    if !scope::has_current() {
        return 0;
    }
    let cpu = this_cpu();
    let Some(state) = CPU_STATE.get_ptr_mut(cpu) else {
        return 0;
    };
    let Some(control) = CONTROL.get_ptr(0) else {
        return 0;
    };
    // SAFETY: this CPU's element; `enter` keeps other programs of ours out.
    unsafe {
        if !enter(state) {
            count_nested(&raw mut (*state).lost[lost::NESTED]);
            return 0;
        }
        let begun = (*state).nr_begun + 1;
        let is_timed = begun % TIMED_ONE_IN == 0;
        let entered_ns = if is_timed { bpf_ktime_get_ns() } else { 0 };
        let epoch = (*control).epoch;
        let Some(bank) = fold::bank_of(cpu, epoch) else {
            leave(state);
            return 0;
        };
        let id = bpf_get_current_pid_tgid();
        let b = Begin {
            lock_addr: ctx.arg::<u64>(0),
            flags: ctx.arg::<u64>(1) as u32,
            pid: id as u32,
            tgid: (id >> 32) as u32,
            cpu,
            epoch,
        };
        fold::fold_pending(state, control, cpu, bank);
        spin::prune(state, b.pid, b.lock_addr);

        let mut present = core::ptr::null_mut();
        if !stays_on_cpu(b.flags) {
            present = tasks::find(b.pid);
            if !present.is_null() && tasks::continues(state, present, &b, bpf_ktime_get_ns()) {
                leave(state);
                return 0;
            }
        }

        // What is open may go on; nothing new is booked.
        if (*control).is_closed != 0 {
            leave(state);
            return 0;
        }
        if filter::wants(b.lock_addr, b.flags) {
            lockdep::watch(b.lock_addr, b.flags);
        }
        (*state).nr_begun = begun;
        let mut stack_id = 0;
        let mut has_walked = false;
        let mut now_ns = bpf_ktime_get_ns();
        if filter::wants(b.lock_addr, b.flags) && stack::due(state, control, now_ns) {
            has_walked = true;
            let started_ns = now_ns;
            stack_id = stack::take(ctx.as_ptr(), state, &b, started_ns);
            now_ns = bpf_ktime_get_ns();
            (*state).stacked_self_ns += ran_ns(started_ns, now_ns, MOST_WALK_NS);
        }
        if stays_on_cpu(b.flags) {
            spin::begin(state, bank, &b, stack_id, now_ns);
        } else {
            tasks::begin(state, present, &b, stack_id, now_ns);
        }
        if is_timed && !has_walked {
            (*state).timed_self_ns += ran_ns(entered_ns, bpf_ktime_get_ns(), MOST_RUN_NS);
            (*state).nr_timed += 1;
        }
        leave(state);
    }
    0
}

/// Hook: `lock:contention_end(lock, ret)`, **with the lock held**. Kernel: 5.19. It asks nobody for the scope: the
/// end of a wait that was not booked finds no begin.
#[btf_tracepoint(function = "contention_end")]
pub fn contention_end(ctx: BtfTracePointContext) -> i32 {
    let now_ns = bpf_now();
    let cpu = this_cpu();
    let Some(state) = CPU_STATE.get_ptr_mut(cpu) else {
        return 0;
    };
    let lock_addr = ctx.arg::<u64>(0);
    // SAFETY: this CPU's element; `enter` keeps other programs of ours out.
    unsafe {
        if !enter(state) {
            count_nested(&raw mut (*state).nr_end_refused);
            return 0;
        }
        let depth = (*state).depth;
        if depth != 0 && (*fold::slot(state, depth - 1)).lock_addr == lock_addr {
            spin::close(state, depth - 1, now_ns);
        } else {
            end_elsewhere(state, lock_addr, ctx.arg::<u64>(1) as i32, cpu, now_ns);
        }
        leave(state);
    }
    0
}

#[inline(always)]
fn bpf_now() -> u64 {
    // SAFETY: no preconditions.
    unsafe { bpf_ktime_get_ns() }
}

/// An end that is not of this CPU's innermost spin wait.
#[inline(never)]
unsafe fn end_elsewhere(
    state: *mut livelock_common::CpuState,
    lock_addr: u64,
    ret: i32,
    cpu: u32,
    now_ns: u64,
) {
    // SAFETY: the caller is inside on `state`.
    unsafe {
        if (*state).depth > 1 && spin::close_outer(state, lock_addr, now_ns) {
            return;
        }
        let pid = bpf_get_current_pid_tgid() as u32;
        if !tasks::end(state, pid, lock_addr, ret, cpu, now_ns) {
            (*state).nr_end_unmatched += 1;
        }
    }
}
