//! The sampler: where each CPU is, 99 times a second.
//!
//! In: a perf event per CPU (cycles by NMI where there is a PMU, cpu-clock otherwise). Out: a sample in
//! its own ring; folding of what the contention programs left; the stack budget of the next tick.
//! Refuses: touching state that one of our programs is in the middle of.

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::generated::{
    bpf_get_current_comm, bpf_get_current_task, bpf_get_stack, bpf_probe_read_kernel,
};
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::perf_event;
use aya_ebpf::programs::PerfEventContext;
use livelock_common::{ABSENT, CpuState, SAMPLE_FRAMES, SAMPLE_RING, SampleRecord, lost};

use crate::globals;
use crate::mask::masked;
use crate::registers::{first_arg, interrupted_ip};
use crate::runs::{MOST_WALK_NS, ran_ns};
use crate::state::{CONTROL, CPU_STATE, SAMPLES, count_nested, enter, inside, leave, this_cpu};
use crate::{fold, place, scope, spin, stack, tasks};

const RING_MASK: i32 = SAMPLE_RING as i32 - 1;

/// Hook: perf event. Kernel: 5.19 (any with the tracepoints). Cost: one stack walk a tick.
#[perf_event]
pub fn sampler(ctx: PerfEventContext) -> u32 {
    // SAFETY: no preconditions.
    let started_ns = unsafe { bpf_ktime_get_ns() };
    let cpu = this_cpu();
    let Some(state) = CPU_STATE.get_ptr_mut(cpu) else {
        return 0;
    };
    // SAFETY: this CPU's elements. Tick counters have one writer, the sampler, which does not nest.
    unsafe {
        (*state).nr_ticks += 1;
        let in_self = inside(state);
        if in_self {
            (*state).nr_ticks_in_self += 1;
        }
        // The housekeeping below is due whoever runs.
        let in_user = if scope::has_current() {
            sample(ctx.as_ptr(), state, cpu, started_ns)
        } else {
            0
        };
        if !in_self && enter(state) {
            tick(state, cpu, in_user);
            (*state).sampler_self_ns += ran_ns(started_ns, bpf_ktime_get_ns(), MOST_WALK_NS);
            leave(state);
        }
    }
    0
}

/// Writes the sample. Gives 1 if it is proved to be of user mode.
#[inline(never)]
unsafe fn sample(ctx: *mut c_void, state: *mut CpuState, cpu: u32, now_ns: u64) -> u32 {
    let Some(ring) = SAMPLES.get_ptr_mut(cpu) else {
        return 0;
    };
    let id = bpf_get_current_pid_tgid();
    let pid = id as u32;
    // SAFETY: this CPU's ring, whose only writer is the sampler; masked index.
    unsafe {
        let head = (*ring).head;
        let tail = core::ptr::read_volatile(&raw const (*ring).tail);
        if head.wrapping_sub(tail) >= SAMPLE_RING as u64 {
            (*ring).nr_dropped += 1;
            return 0;
        }
        let to = (&raw mut (*ring).records)
            .cast::<SampleRecord>()
            .add(masked::<RING_MASK>(head));
        let frames = (&raw mut (*to).frames).cast();
        let bytes = bpf_get_stack(ctx, frames, (SAMPLE_FRAMES * 8) as u32, 0);
        // In kernel mode a walk gives at least the interrupted instruction, or an error; nothing at all
        // is user mode.
        let in_user = u32::from(bytes == 0 && pid != 0);
        (*to).nr_frames = if bytes > 0 {
            (bytes as u64 / 8) as u32
        } else {
            0
        };
        (*to).in_user = in_user;
        (*to).prio = prio();
        (*to).user_ip = if in_user != 0 { interrupted_ip(ctx) } else { 0 };
        (*to).first_arg = if bytes > 0 { first_arg(ctx) } else { 0 };
        if bytes < 0 {
            count_nested(&raw mut (*state).nr_stack_failed);
        }
        (*to).taken_ns = now_ns;
        (*to).pid = pid;
        (*to).tgid = (id >> 32) as u32;
        bpf_get_current_comm((&raw mut (*to).comm).cast(), 16);
        (*to).depth = (*state).depth;
        (*to).in_self = u32::from(inside(state));
        (*to).mutex_spin = tasks::spins(pid);
        core::ptr::write_volatile(&raw mut (*ring).head, head + 1);
        in_user
    }
}

/// `task_struct.prio` of the current task.
#[inline(always)]
fn prio() -> u32 {
    let offset = globals::TASK_PRIO.load();
    if offset == ABSENT {
        return ABSENT;
    }
    let mut prio = 0u32;
    // SAFETY: the helper checks the address; `prio` is ours.
    let failed = unsafe {
        let task = bpf_get_current_task();
        bpf_probe_read_kernel(
            (&raw mut prio).cast(),
            4,
            (task + u64::from(offset)) as *const c_void,
        )
    };
    if failed == 0 { prio } else { ABSENT }
}

/// Housekeeping of one tick.
#[inline(never)]
unsafe fn tick(state: *mut CpuState, cpu: u32, in_user: u32) {
    let Some(control) = CONTROL.get_ptr(0) else {
        return;
    };
    // SAFETY: the caller is inside on `state`, this CPU's element.
    unsafe {
        let Some(bank) = fold::bank_of(cpu, (*control).epoch) else {
            return;
        };
        fold::fold_pending(state, control, cpu, bank);
        // On a CPU that contends nothing, the next begin would come too late to find them.
        spin::prune(state, bpf_get_current_pid_tgid() as u32, 0);
        if in_user != 0 {
            // No kernel wait of this CPU or this task can be open.
            drop_open(state, bpf_get_current_pid_tgid() as u32);
        }
        stack::adapt(state, control);
        place::note_runqueue(state, cpu);
    }
}

/// Forgets waits that are proved over, and counts them.
#[inline(never)]
unsafe fn drop_open(state: *mut CpuState, pid: u32) {
    // SAFETY: the caller is inside on `state`; the current task is `pid`.
    unsafe {
        let depth = (*state).depth;
        if depth != 0 {
            (*state).lost[lost::END_MISSED] += u64::from(depth);
            (*state).depth = 0;
            (*state).high = 0;
        }
        let slot = tasks::find(pid);
        if !slot.is_null() && (*slot).lock_addr != 0 {
            (*state).lost[lost::END_MISSED] += 1;
            tasks::free(slot);
        }
    }
}
