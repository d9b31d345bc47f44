//! Probe level 1: who waits to run, and for how long.
//!
//! In: wake-ups and switches. Out: delays from wake-up to run, the tasks that still wait, the time that
//! real-time tasks take. Refuses: task storage and hash maps, which take locks; a slot is overwritten
//! instead, and that delay is not measured.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use livelock_common::{ABSENT, LONG_DELAY_NS, RUNNABLE_SLOTS, RunnableSlot, group};

use crate::globals;
use crate::runs::{Run, this};
use crate::scope;
use crate::state::RUNNABLE;

/// Priorities below are real-time (`MAX_RT_PRIO`, include/linux/sched/prio.h).
const MAX_RT_PRIO: u32 = 100;

/// A word of the task at `task + offset`; [`ABSENT`] if it cannot be had.
#[inline(always)]
pub fn word(task: u64, offset: u32) -> u32 {
    if offset == ABSENT {
        return ABSENT;
    }
    let mut value = 0u32;
    // SAFETY: the helper checks the address; `value` is ours.
    let failed = unsafe {
        let from = (task + u64::from(offset)) as *const c_void;
        bpf_probe_read_kernel((&raw mut value).cast(), 4, from)
    };
    if failed == 0 { value } else { ABSENT }
}

#[inline(always)]
fn slot(pid: u32) -> *mut RunnableSlot {
    match RUNNABLE.get_ptr_mut(pid & (RUNNABLE_SLOTS as u32 - 1)) {
        Some(slot) => slot,
        None => core::ptr::null_mut(),
    }
}

#[inline(always)]
fn becomes_runnable(task: u64, now_ns: u64) {
    let pid = word(task, globals::TASK_PID.load());
    if pid == 0 || pid == ABSENT {
        return;
    }
    let slot = slot(pid);
    if !slot.is_null() {
        // SAFETY: an element of the map. Two tasks may write it at once: then `pid` and `since_ns` may be
        // of different ones, within microseconds of each other.
        unsafe {
            (*slot).prio = word(task, globals::TASK_PRIO.load());
            (*slot).pid = pid;
            (*slot).since_ns = now_ns;
        }
    }
}

/// Hook: `sched:sched_wakeup(task)`. Kernel: 5.19.
#[btf_tracepoint(function = "sched_wakeup")]
pub fn sched_wakeup(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    // SAFETY: this CPU's element.
    unsafe {
        let run = Run::begin::<{ group::SCHEDULER }>(activity);
        becomes_runnable(ctx.arg::<u64>(0), bpf_ktime_get_ns());
        run.end();
    }
    0
}

/// Hook: `sched:sched_switch(preempt, prev, next, prev_state)`. Kernel: 5.19. Cannot see: tasks that were
/// runnable before the program was attached and have not run since.
#[btf_tracepoint(function = "sched_switch")]
pub fn sched_switch(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    let (prev, next) = (ctx.arg::<u64>(1), ctx.arg::<u64>(2));
    let is_preempted = ctx.arg::<u64>(0) as u8 != 0;
    let prev_state = ctx.arg::<u64>(3) as u32;
    // SAFETY: this CPU's element.
    let run = unsafe { Run::begin::<{ group::SCHEDULER }>(activity) };
    // SAFETY: no preconditions.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    if prev_state == 0 {
        becomes_runnable(prev, now_ns);
    }
    let pid = word(next, globals::TASK_PID.load());
    let slot = slot(pid);
    // The task that leaves is still the current one.
    let leaves_scope = scope::has_current();
    // SAFETY: this CPU's element; a switch does not nest. The slot: as in `becomes_runnable`.
    unsafe {
        if leaves_scope {
            (*activity).nr_switches += 1;
            // As the kernel counts them in `task_struct.nivcsw` (`__schedule`, kernel/sched/core.c); the idle task, whose id
            // is 0, is not put off.
            if (is_preempted || prev_state == 0) && bpf_get_current_pid_tgid() as u32 != 0 {
                (*activity).nr_involuntary_switches += 1;
            }
        }
        let last_ns = (*activity).last_switch_ns;
        (*activity).last_switch_ns = now_ns;
        if last_ns != 0 && leaves_scope && word(prev, globals::TASK_PRIO.load()) < MAX_RT_PRIO {
            (*activity).rt_run_ns += now_ns - last_ns;
        }
        if pid != 0 && !slot.is_null() && (*slot).pid == pid && (*slot).since_ns != 0 {
            let since_ns = (*slot).since_ns;
            (*slot).since_ns = 0;
            if now_ns > since_ns && scope::has_task(next) {
                (*activity).nr_run_delays += 1;
                (*activity).run_delay_ns += now_ns - since_ns;
                if now_ns - since_ns >= LONG_DELAY_NS {
                    (*activity).nr_long_delays += 1;
                    (*activity).long_delay_ns = now_ns - since_ns;
                    (*activity).long_delay_pid = pid;
                    (*activity).long_delay_prio = (*slot).prio;
                }
            }
        }
        run.end();
    }
    0
}
