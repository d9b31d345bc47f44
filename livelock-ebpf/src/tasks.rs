//! Sleeping waits: one slot per task, wherever it runs.
//!
//! In: begins and ends of mutex, rwsem, per-CPU rwsem and rtmutex waits. Out: open slots, and
//! completed waits in the `done` list of the CPU of the end. Refuses: task storage and hash maps,
//! which take locks.

use core::ffi::c_void;
use core::ptr::null_mut;

use aya_ebpf::helpers::generated::{bpf_get_current_task, bpf_probe_read_kernel};
use livelock_common::{
    ABSENT, CpuState, MAX_DONE, TASK_PROBES, TASK_SLOTS, TaskSlot, lcb, line, lost,
};

use crate::fold::done;
use crate::globals;
use crate::release;
use crate::spin::Begin;
use crate::state::{TASKS, claim_word};

const TASK_MASK: u32 = TASK_SLOTS as u32 - 1;

/// 2^32 divided by the golden ratio.
const GOLDEN: u32 = 0x9E37_79B9;

/// Bits of a phase that are flags of the tracepoint.
const FLAGS: u32 = (1 << line::SHIFT) - 1;

#[inline(always)]
const fn home(pid: u32) -> u32 {
    pid.wrapping_mul(GOLDEN) >> (32 - TASK_SLOTS.trailing_zeros())
}

/// The slot of `pid`, or null.
///
/// A pointer, not an `Option`: LLVM may spill the payload of a `None`, and the verifier refuses to read
/// a register that was never written.
#[inline(always)]
pub fn find(pid: u32) -> *mut TaskSlot {
    let home = home(pid);
    for probe in 0..TASK_PROBES as u32 {
        let Some(slot) = TASKS.get_ptr_mut((home + probe) & TASK_MASK) else {
            break;
        };
        // SAFETY: an element of the map; the word is only ever changed by its owner or while it is 0.
        if unsafe { (*slot).pid } == pid {
            return slot;
        }
    }
    null_mut()
}

/// A free slot, made the property of `pid`, or null.
#[inline(always)]
fn claim(pid: u32) -> *mut TaskSlot {
    let home = home(pid);
    for probe in 0..TASK_PROBES as u32 {
        let Some(slot) = TASKS.get_ptr_mut((home + probe) & TASK_MASK) else {
            break;
        };
        // SAFETY: an aligned word of the map, shared with other CPUs: hence the atomic claim.
        if unsafe { (*slot).pid == 0 && claim_word(&raw mut (*slot).pid, pid) } {
            return slot;
        }
    }
    null_mut()
}

/// Context switches of the current task, their lowest bits; `None` if this kernel does not tell.
#[inline(always)]
fn nr_switches() -> Option<u32> {
    let (voluntary, involuntary) = (globals::TASK_NVCSW.load(), globals::TASK_NIVCSW.load());
    if voluntary == ABSENT || involuntary == ABSENT {
        return None;
    }
    let mut counts = [0u64; 2];
    // SAFETY: the helper checks the addresses; `counts` is ours.
    unsafe {
        let task = bpf_get_current_task();
        for (count, offset) in [(0, voluntary), (1, involuntary)] {
            let to = (&raw mut counts).cast::<u64>().add(count).cast();
            bpf_probe_read_kernel(to, 8, (task + u64::from(offset)) as *const c_void);
        }
    }
    Some(counts[0].wrapping_add(counts[1]) as u32)
}

/// Books the present phase of `slot` up to `now_ns` if it burned this CPU from end to end.
#[inline(always)]
unsafe fn close_phase(state: *mut CpuState, slot: *mut TaskSlot, cpu: u32, now_ns: u64) {
    // SAFETY: the caller is inside on `state` and owns `slot`.
    unsafe {
        if (*slot).phase & lcb::SPIN == 0 || u32::from((*slot).phase_cpu) != cpu {
            return;
        }
        // Unknown is not booked: time on the runqueue must not be taken for time that burned.
        if nr_switches() != Some((*slot).nr_switches) {
            return;
        }
        let phase_ns = now_ns.wrapping_sub((*slot).phase_ns);
        let nested_ns = (*state).spin_ns.wrapping_sub((*slot).spin_before_ns);
        (*slot).spin_ns += phase_ns.saturating_sub(nested_ns);
        (*state).spin_ns = (*slot).spin_before_ns + phase_ns;
    }
}

#[inline(always)]
unsafe fn open_phase(state: *mut CpuState, slot: *mut TaskSlot, b: &Begin, now_ns: u64) {
    // SAFETY: as `close_phase`.
    unsafe {
        let mut line_units = (*slot).phase >> line::SHIFT;
        // Once in line it stays there, also while it spins as the first of it.
        if line_units == 0 && b.flags & lcb::SPIN == 0 {
            line_units = line::units(now_ns.wrapping_sub((*slot).begin_ns)).unwrap_or(0);
        }
        (*slot).phase = b.flags & FLAGS | line_units << line::SHIFT;
        (*slot).phase_ns = now_ns;
        (*slot).phase_cpu = b.cpu as u16;
        (*slot).spin_before_ns = (*state).spin_ns;
        (*slot).nr_switches = if b.flags & lcb::SPIN != 0 {
            nr_switches().unwrap_or(0)
        } else {
            0
        };
    }
}

/// A further begin of a wait that is already open: another phase of a mutex. `true` if it was that.
///
/// # Safety
/// The caller is inside on `state`.
#[inline(always)]
pub unsafe fn continues(state: *mut CpuState, slot: *mut TaskSlot, b: &Begin, now_ns: u64) -> bool {
    // SAFETY: by contract; the slot belongs to the current task.
    unsafe {
        if (*slot).lock_addr != b.lock_addr {
            return false;
        }
        close_phase(state, slot, b.cpu, now_ns);
        open_phase(state, slot, b, now_ns);
        (*state).nr_phases += 1;
    }
    true
}

/// Opens a wait. `present` is the task's slot if it has one, of another wait that is still open, or
/// null.
///
/// # Safety
/// The caller is inside on `state`.
#[inline(always)]
pub unsafe fn begin(
    state: *mut CpuState,
    present: *mut TaskSlot,
    b: &Begin,
    stack_id: u32,
    now_ns: u64,
) {
    // SAFETY: by contract.
    unsafe {
        let mut slot = present;
        if slot.is_null() {
            slot = claim(b.pid);
            if slot.is_null() {
                (*state).lost[lost::TASK_SLOTS_FULL] += 1;
                return;
            }
        } else if (*slot).phase & lcb::PERCPU != 0 {
            // A per-CPU rwsem waits for other sleeping locks inside its own wait.
            (*state).lost[lost::NESTED_SLEEP] += 1;
            return;
        } else {
            // Nothing else does: the wait found open has lost its end.
            (*state).lost[lost::END_MISSED] += 1;
        }
        (*slot).begin_ns = now_ns;
        (*slot).phase = 0;
        (*slot).spin_ns = 0;
        (*slot).tgid = b.tgid;
        (*slot).stack_id = stack_id;
        (*slot).stack_cpu = b.cpu as u16;
        open_phase(state, slot, b, now_ns);
        core::ptr::write_volatile(&raw mut (*slot).lock_addr, b.lock_addr);
    }
}

/// Closes the wait of `pid` for `lock_addr`. `false` if none is open.
///
/// # Safety
/// The caller is inside on `state`.
#[inline(always)]
pub unsafe fn end(
    state: *mut CpuState,
    pid: u32,
    lock_addr: u64,
    ret: i32,
    cpu: u32,
    now_ns: u64,
) -> bool {
    let slot = find(pid);
    if slot.is_null() {
        return false;
    }
    // SAFETY: by contract; the slot belongs to the current task.
    unsafe {
        if (*slot).lock_addr != lock_addr {
            return false;
        }
        close_phase(state, slot, cpu, now_ns);
        let nr_done = (*state).nr_done;
        if nr_done < MAX_DONE as u32 {
            let record = done(state, nr_done);
            (*record).lock_addr = lock_addr;
            (*record).begin_ns = (*slot).begin_ns;
            (*record).end_ns = now_ns;
            (*record).spin_ns = (*slot).spin_ns;
            (*record).flags = (*slot).phase & FLAGS;
            (*record).pid = pid;
            (*record).tgid = (*slot).tgid;
            (*record).stack_id = (*slot).stack_id;
            (*record).stack_cpu = u32::from((*slot).stack_cpu);
            (*record).cpu = cpu;
            (*record).ret = ret;
            (*record).line_units = (*slot).phase >> line::SHIFT;
            (*state).nr_done = nr_done + 1;
        } else {
            (*state).nr_unattributed += 1;
        }
        (*state).nr_completed += 1;
        if ret == 0 {
            release::note(slot, pid, lock_addr, now_ns);
        }
        free(slot);
    }
    true
}

/// 1 if task `pid` is in the spin phase of a mutex.
#[inline(never)]
pub fn spins(pid: u32) -> u32 {
    let slot = find(pid);
    if pid == 0 || slot.is_null() {
        return 0;
    }
    // SAFETY: an element of the map, of the current task.
    unsafe { u32::from((*slot).lock_addr != 0 && (*slot).phase & lcb::SPIN != 0) }
}

/// Frees a slot.
///
/// # Safety
/// `slot` belongs to the current task.
#[inline(always)]
pub unsafe fn free(slot: *mut TaskSlot) {
    // SAFETY: by contract; `pid` last, because it gives the slot away.
    unsafe {
        core::ptr::write_volatile(&raw mut (*slot).lock_addr, 0);
        core::ptr::write_volatile(&raw mut (*slot).pid, 0);
    }
}
