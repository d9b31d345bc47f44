//! Spin waits: the stack of slots of one CPU.
//!
//! In: begins and ends of waits that stay on their CPU (qspinlock, qrwlock). Out: open slots, and
//! completed ones left in place for the next fold. Refuses: waits of tasks that may move (`tasks`).

use livelock_common::{CpuState, LockBank, MAX_NEST, WaitSlot, lost};

use crate::fold::slot;
use crate::table;

/// A begin, ready to be booked.
pub struct Begin {
    /// Address of the lock.
    pub lock_addr: u64,
    /// `flags` of the tracepoint.
    pub flags: u32,
    /// Thread id.
    pub pid: u32,
    /// Process id.
    pub tgid: u32,
    /// This CPU.
    pub cpu: u32,
    /// Present window.
    pub epoch: u32,
}

/// Drops open slots whose ends were missed: those of tasks that are not current, because a spinning
/// task is never switched out, and one for `lock_addr`, which nobody waits for twice. 0: any lock.
///
/// # Safety
/// The caller is inside on `state`; nothing is pending.
#[inline(always)]
pub unsafe fn prune(state: *mut CpuState, pid: u32, lock_addr: u64) {
    // SAFETY: by contract.
    unsafe {
        if (*state).depth != 0 && is_over(slot(state, (*state).depth - 1), pid, lock_addr) {
            prune_all(state, pid, lock_addr);
        }
    }
}

#[inline(always)]
unsafe fn is_over(open: *const WaitSlot, pid: u32, lock_addr: u64) -> bool {
    // SAFETY: a slot of the caller's element.
    unsafe { (*open).pid != pid || (*open).lock_addr == lock_addr }
}

#[inline(never)]
unsafe fn prune_all(state: *mut CpuState, pid: u32, lock_addr: u64) {
    // SAFETY: as `prune`.
    unsafe {
        for _ in 0..MAX_NEST {
            let depth = (*state).depth;
            if depth == 0 || !is_over(slot(state, depth - 1), pid, lock_addr) {
                break;
            }
            (*state).depth = depth - 1;
            (*state).high = depth - 1;
            (*state).lost[lost::END_MISSED] += 1;
        }
    }
}

/// Opens a slot.
///
/// # Safety
/// The caller is inside on `state`; nothing is pending.
#[inline(always)]
pub unsafe fn begin(
    state: *mut CpuState,
    bank: *mut LockBank,
    b: &Begin,
    stack_id: u32,
    now_ns: u64,
) {
    // SAFETY: by contract.
    unsafe {
        let depth = (*state).depth;
        if depth >= MAX_NEST as u32 {
            (*state).lost[lost::TOO_DEEP] += 1;
            return;
        }
        let number = table::find_or_insert(bank, b.lock_addr);
        let entry = table::entry(bank, number);
        (*entry).nr_begun += 1;
        let open = slot(state, depth);
        (*open).lock_addr = b.lock_addr;
        (*open).begin_ns = now_ns;
        (*open).spin_before_ns = (*state).spin_ns;
        (*open).flags = b.flags;
        (*open).pid = b.pid;
        (*open).tgid = b.tgid;
        (*open).stack_id = stack_id;
        (*open).entry = number;
        (*open).epoch = b.epoch;
        (*state).depth = depth + 1;
        (*state).high = depth + 1;
    }
}

/// Closes slot `i` and drops what was open above it.
///
/// # Safety
/// The caller is inside on `state`; `i` is an open slot.
#[inline(always)]
pub unsafe fn close(state: *mut CpuState, i: u32, now_ns: u64) {
    // SAFETY: by contract.
    unsafe {
        let open = slot(state, i);
        (*open).end_ns = now_ns;
        (*open).nested_ns = (*state).spin_ns.wrapping_sub((*open).spin_before_ns);
        (*state).spin_ns = (*open).spin_before_ns + now_ns.wrapping_sub((*open).begin_ns);
        (*state).depth = i;
        (*state).nr_completed += 1;
    }
}

/// An end that is not of the innermost slot: one further out, whose inner waits have lost their ends.
/// Says whether there was one.
///
/// # Safety
/// The caller is inside on `state`.
#[inline(always)]
pub unsafe fn close_outer(state: *mut CpuState, lock_addr: u64, now_ns: u64) -> bool {
    // SAFETY: by contract.
    unsafe {
        let depth = (*state).depth;
        for i in 0..MAX_NEST as u32 {
            if i < depth && (*slot(state, i)).lock_addr == lock_addr {
                let missed = depth - 1 - i;
                (*state).lost[lost::END_MISSED] += u64::from(missed);
                // The slots above were open, not completed: nothing there may be folded.
                (*state).high = i + 1;
                close(state, i, now_ns);
                return true;
            }
        }
    }
    false
}
