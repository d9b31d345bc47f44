//! `lock:contended_release`: when a lock that somebody waits for is let go.
//!
//! In: the tracepoint, Linux 7.2 and later, and what `contention_end` noted of the acquisition. Out: holds from end to end.
//! Refuses: stack walks. Of a mutex it fires after the release (or before the hand-off) but with the lock of its wait list taken and interrupts off, of
//! an rwsem after the release, of others before it: each time somebody waits for this CPU to go on.
//!
//! Blind: holders that never waited for the lock themselves, and releases while all who wait still spin and none has queued.

use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use livelock_common::{
    ABSENT, CpuState, HOLD_SLOTS, HoldSlot, RELEASE_RING, RELEASED_FREELY, ReleaseRecord,
    SLICE_SHIFT, TaskSlot,
};

use crate::globals;
use crate::mask::masked;
use crate::scope;
use crate::state::{CONTROL, CPU_STATE, HOLDS, RELEASES, count_nested, enter, leave, this_cpu};

const RING_MASK: i32 = RELEASE_RING as i32 - 1;

/// 2^64 divided by the golden ratio.
pub const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Where a task's hold of a lock is noted. Who comes second to a place takes it: a hold that is not found is not told.
#[inline(always)]
pub fn place(pid: u32, lock_addr: u64) -> Option<*mut HoldSlot> {
    let key = lock_addr ^ (u64::from(pid) << 32);
    let home = key.wrapping_mul(GOLDEN) >> (64 - HOLD_SLOTS.trailing_zeros());
    HOLDS.get_ptr_mut(home as u32)
}

/// Notes an acquisition, in `contention_end`: stores alone, and none where no release will be told, or where lockdep has not
/// noted it before.
///
/// # Safety
/// `slot` belongs to the current task.
#[inline(always)]
pub unsafe fn note(slot: *const TaskSlot, pid: u32, lock_addr: u64, now_ns: u64) {
    let has_lockdep = globals::HAS_LOCKDEP.load() != ABSENT;
    if globals::HAS_CONTENDED_RELEASE.load() == ABSENT && !has_lockdep {
        return;
    }
    let Some(hold) = place(pid, lock_addr) else {
        return;
    };
    if has_lockdep {
        // SAFETY: an element of the map. A mutex is acquired just before the end of its wait.
        unsafe {
            if (*hold).lock_addr == lock_addr && (*hold).pid == pid {
                (*hold).acquired_ns = now_ns;
                (*hold).stack_id = (*slot).stack_id;
                (*hold).stack_cpu = u32::from((*slot).stack_cpu);
            }
        }
        return;
    }
    // SAFETY: an element of the map. Two CPUs may write to one place at the same time; whoever finds a mix of both finds
    // neither its lock nor its task in it, or a time that is not later than its own.
    unsafe {
        (*hold).lock_addr = 0;
        (*hold).acquired_ns = now_ns;
        (*hold).stack_id = (*slot).stack_id;
        (*hold).stack_cpu = u32::from((*slot).stack_cpu);
        (*hold).pid = pid;
        (*hold).ip = 0;
        core::ptr::write_volatile(&raw mut (*hold).lock_addr, lock_addr);
    }
}

/// Hook: `lock:contended_release(lock)`. Kernel: 7.2.
#[btf_tracepoint(function = "contended_release")]
pub fn contended_release(ctx: BtfTracePointContext) -> i32 {
    traced(ctx.arg::<u64>(0));
    0
}

/// A release that a tracepoint tells.
#[inline(always)]
pub fn traced(lock_addr: u64) {
    if !scope::has_current() {
        return;
    }
    // SAFETY: no preconditions.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    let cpu = this_cpu();
    let Some(state) = CPU_STATE.get_ptr_mut(cpu) else {
        return;
    };
    // SAFETY: this CPU's element; `enter` keeps other programs of ours out.
    unsafe {
        if !enter(state) {
            count_nested(&raw mut (*state).nr_release_refused);
            return;
        }
        released(state, lock_addr, cpu, now_ns);
        leave(state);
    }
}

#[inline(always)]
unsafe fn released(state: *mut CpuState, lock_addr: u64, cpu: u32, now_ns: u64) {
    let id = bpf_get_current_pid_tgid();
    let pid = id as u32;
    let Some(hold) = place(pid, lock_addr) else {
        return;
    };
    let Some(ring) = RELEASES.get_ptr_mut(cpu) else {
        return;
    };
    let Some(control) = CONTROL.get_ptr(0) else {
        return;
    };
    // SAFETY: the caller is inside on `state`; this CPU's ring, masked index.
    unsafe {
        (*state).nr_releases += 1;
        if (*hold).lock_addr != lock_addr || (*hold).pid != pid {
            (*state).nr_release_unmatched += 1;
            return;
        }
        (*hold).lock_addr = 0;
        let head = (*ring).head;
        let tail = core::ptr::read_volatile(&raw const (*ring).tail);
        // The moments in which waits are streamed, whose ends these releases belong to; all while there are few, as of waits.
        if (now_ns >> SLICE_SHIFT) & (*control).slice_mask != 0
            && head.wrapping_sub(tail) >= RELEASED_FREELY
        {
            (*ring).nr_left_out += 1;
            return;
        }
        if head.wrapping_sub(tail) >= RELEASE_RING as u64 {
            (*ring).nr_dropped += 1;
            return;
        }
        let to = (&raw mut (*ring).records)
            .cast::<ReleaseRecord>()
            .add(masked::<RING_MASK>(head));
        (*to).lock_addr = lock_addr;
        (*to).acquired_ns = (*hold).acquired_ns;
        (*to).released_ns = now_ns;
        (*to).pid = pid;
        (*to).tgid = (id >> 32) as u32;
        (*to).stack_id = (*hold).stack_id;
        (*to).stack_cpu = (*hold).stack_cpu;
        (*to).cpu = cpu;
        (*to).pad = 0;
        (*to).ip = (*hold).ip;
        core::ptr::write_volatile(&raw mut (*ring).head, head + 1);
    }
}
