//! Folding: from completed waits to sums, histograms and streamed records.
//!
//! In: spin waits left above the open depth and sleeping waits left in `done`. Out: the lock table and
//! the ring of waits. Refuses: running in `contention_end`.

use core::ffi::c_void;
use core::ptr::read_volatile;

use aya_ebpf::helpers::generated::bpf_loop;
use livelock_common::{
    Control, CpuState, HIST_BUCKETS, LockAgg, LockBank, MAX_DONE, MAX_NEST, Ring, SLICE_SHIFT,
    STREAMED_FREELY, WAIT_RING, WaitRecord, WaitSlot, bucket_of,
};

use crate::filter;
use crate::mask::masked;
use crate::state::{LOCK_BANKS, WAITS};
use crate::table;

const HIST_MASK: i32 = HIST_BUCKETS as i32 - 1;
const RING_MASK: i32 = WAIT_RING as i32 - 1;
const NEST_MASK: i32 = MAX_NEST as i32 - 1;
const DONE_MASK: i32 = MAX_DONE as i32 - 1;

/// This CPU's bank of window `epoch`.
#[inline(always)]
pub fn bank_of(cpu: u32, epoch: u32) -> Option<*mut LockBank> {
    let bank = LOCK_BANKS.get_ptr_mut(cpu * 2 + (epoch & 1))?;
    // SAFETY: this CPU's element; callers are inside.
    unsafe { (*bank).epoch = epoch };
    Some(bank)
}

/// Slot `i` of the spin stack.
///
/// # Safety
/// `state` is this CPU's element.
#[inline(always)]
pub unsafe fn slot(state: *mut CpuState, i: u32) -> *mut WaitSlot {
    // SAFETY: masked into the array.
    unsafe {
        (&raw mut (*state).slots)
            .cast::<WaitSlot>()
            .add(masked::<NEST_MASK>(u64::from(i)))
    }
}

/// Slot `i` of the completed sleeping waits.
///
/// # Safety
/// `state` is this CPU's element.
#[inline(always)]
pub unsafe fn done(state: *mut CpuState, i: u32) -> *mut WaitRecord {
    // SAFETY: masked into the array.
    unsafe {
        (&raw mut (*state).done)
            .cast::<WaitRecord>()
            .add(masked::<DONE_MASK>(u64::from(i)))
    }
}

/// Folds everything that is pending on this CPU.
///
/// # Safety
/// The caller is inside on `state`, this CPU's element.
#[inline(always)]
pub unsafe fn fold_pending(
    state: *mut CpuState,
    control: *const Control,
    cpu: u32,
    bank: *mut LockBank,
) {
    // SAFETY: by contract.
    unsafe {
        let depth = (*state).depth;
        let high = (*state).high;
        if high == depth + 1 {
            fold_spin(slot(state, depth), control, cpu, bank);
        } else if high > depth {
            fold_spin_many(state, control, cpu, bank);
        }
        (*state).high = depth;
        if (*state).nr_done != 0 {
            fold_done(state, control, cpu, bank);
        }
    }
}

/// What the callbacks of the rare cases need.
///
/// `bpf_loop` (Linux 5.17) instead of loops: the verifier follows its callback once, not once per
/// iteration, and loading is part of the time to the first verdict.
#[repr(C)]
struct LoopContext {
    state: *mut CpuState,
    control: *const Control,
    bank: *mut LockBank,
    cpu: u64,
}

type Callback = extern "C" fn(u64, *mut LoopContext) -> i64;

/// Runs `callback` for 0 to `count` - 1.
#[inline(always)]
unsafe fn each(count: u32, callback: Callback, context: &mut LoopContext) {
    // SAFETY: the kernel calls back with an index and `context`, which outlives the call.
    unsafe {
        bpf_loop(
            count,
            callback as *mut c_void,
            (&raw mut *context).cast(),
            0,
        );
    }
}

/// The rare case: several nested waits ended since the last begin.
#[inline(never)]
unsafe fn fold_spin_many(
    state: *mut CpuState,
    control: *const Control,
    cpu: u32,
    bank: *mut LockBank,
) {
    let mut context = LoopContext {
        state,
        control,
        bank,
        cpu: u64::from(cpu),
    };
    // SAFETY: as `fold_pending`.
    unsafe { each(MAX_NEST as u32, fold_spin_at, &mut context) };
}

extern "C" fn fold_spin_at(i: u64, context: *mut LoopContext) -> i64 {
    // SAFETY: `each` passes the context of `fold_spin_many`.
    unsafe {
        let state = (*context).state;
        let i = i as u32;
        if i >= (*state).depth && i < (*state).high {
            fold_spin(
                slot(state, i),
                (*context).control,
                (*context).cpu as u32,
                (*context).bank,
            );
        }
    }
    0
}

/// Sleeping waits that ended on this CPU.
#[inline(never)]
unsafe fn fold_done(state: *mut CpuState, control: *const Control, cpu: u32, bank: *mut LockBank) {
    let mut context = LoopContext {
        state,
        control,
        bank,
        cpu: u64::from(cpu),
    };
    // SAFETY: as `fold_pending`.
    unsafe {
        each(MAX_DONE as u32, fold_done_at, &mut context);
        (*state).nr_done = 0;
    }
}

extern "C" fn fold_done_at(i: u64, context: *mut LoopContext) -> i64 {
    // SAFETY: `each` passes the context of `fold_done`.
    unsafe {
        let state = (*context).state;
        let i = i as u32;
        if i >= (*state).nr_done {
            return 1;
        }
        let cpu = (*context).cpu as u32;
        fold_one_done(done(state, i), (*context).control, cpu, (*context).bank);
    }
    0
}

/// One of them.
#[inline(always)]
unsafe fn fold_one_done(
    record: *mut WaitRecord,
    control: *const Control,
    cpu: u32,
    bank: *mut LockBank,
) {
    // SAFETY: as `fold_pending`.
    unsafe {
        let number = table::find_or_insert(bank, (*record).lock_addr);
        let entry = table::entry(bank, number);
        let wait_ns = (*record).end_ns.wrapping_sub((*record).begin_ns);
        book(entry, wait_ns, (*record).spin_ns, (*record).flags);
        (*entry).nr_begun += 1;
        (*entry).nr_failed += u64::from((*record).ret != 0);
        if filter::wants((*record).lock_addr, (*record).flags) {
            if streams(control, cpu, (*record).end_ns, (*record).stack_id) {
                stream(cpu, record);
            } else {
                leave_out(cpu);
            }
        }
    }
}

/// One spin wait: its entry is known from its begin unless the window changed meanwhile.
#[inline(always)]
unsafe fn fold_spin(slot: *mut WaitSlot, control: *const Control, cpu: u32, bank: *mut LockBank) {
    // SAFETY: as `fold_pending`.
    unsafe {
        if (*slot).epoch != (*bank).epoch {
            (*slot).entry = table::find_or_insert(bank, (*slot).lock_addr);
        }
        let number = read_volatile(&raw const (*slot).entry);
        let wait_ns = (*slot).end_ns.wrapping_sub((*slot).begin_ns);
        let spin_ns = wait_ns.wrapping_sub((*slot).nested_ns);
        book(table::entry(bank, number), wait_ns, spin_ns, (*slot).flags);
        if filter::wants((*slot).lock_addr, (*slot).flags) {
            if streams(control, cpu, (*slot).end_ns, (*slot).stack_id) {
                stream_slot(cpu, slot, spin_ns);
            } else {
                leave_out(cpu);
            }
        }
    }
}

/// Sums and histogram.
#[inline(always)]
unsafe fn book(entry: *mut LockAgg, wait_ns: u64, spin_ns: u64, flags: u32) {
    // SAFETY: `entry` points into this CPU's bank, and the caller is inside.
    unsafe {
        (*entry).flags |= flags;
        (*entry).nr_waits += 1;
        (*entry).wait_ns += wait_ns;
        (*entry).spin_ns += spin_ns;
        if wait_ns > (*entry).max_ns {
            (*entry).max_ns = wait_ns;
        }
        let bucket = masked::<HIST_MASK>(bucket_of(wait_ns) as u64);
        *(&raw mut (*entry).hist).cast::<u32>().add(bucket) += 1;
    }
}

/// Whether a wait is streamed: all that ended in an open slice, all with a stack, and all others while the ring is nearly
/// empty.
#[inline(always)]
unsafe fn streams(control: *const Control, cpu: u32, end_ns: u64, stack_id: u32) -> bool {
    // SAFETY: `control` is the element of `CONTROL`; the caller is inside.
    unsafe { (end_ns >> SLICE_SHIFT) & (*control).slice_mask == 0 || stack_id != 0 || has_few(cpu) }
}

#[inline(always)]
unsafe fn has_few(cpu: u32) -> bool {
    // SAFETY: as `reserve`.
    WAITS.get_ptr_mut(cpu).is_some_and(|ring| unsafe {
        let tail = read_volatile(&raw const (*ring).tail);
        (*ring).head.wrapping_sub(tail) < STREAMED_FREELY
    })
}

/// Counts a wait that is not streamed, so that user space knows when it has them all.
#[inline(always)]
unsafe fn leave_out(cpu: u32) {
    if let Some(ring) = WAITS.get_ptr_mut(cpu) {
        // SAFETY: this CPU's ring, and the caller is inside.
        unsafe { (*ring).nr_left_out += 1 };
    }
}

/// Room for one more record in this CPU's ring; counts the drop if there is none.
#[inline(always)]
unsafe fn reserve(cpu: u32) -> Option<(*mut Ring<WaitRecord, WAIT_RING>, *mut WaitRecord)> {
    let ring = WAITS.get_ptr_mut(cpu)?;
    // SAFETY: this CPU's ring, and the caller is inside; `tail` is user space's, read once.
    unsafe {
        let head = (*ring).head;
        let tail = read_volatile(&raw const (*ring).tail);
        if head.wrapping_sub(tail) >= WAIT_RING as u64 {
            (*ring).nr_dropped += 1;
            return None;
        }
        let i = masked::<RING_MASK>(head);
        Some((ring, (&raw mut (*ring).records).cast::<WaitRecord>().add(i)))
    }
}

#[inline(always)]
unsafe fn commit(ring: *mut Ring<WaitRecord, WAIT_RING>) {
    // SAFETY: as `reserve`. Volatile: after the stores to the record, on machines that keep their order;
    // user space waits for the next drain before it trusts the newest record elsewhere.
    unsafe { core::ptr::write_volatile(&raw mut (*ring).head, (*ring).head + 1) };
}

#[inline(always)]
unsafe fn stream(cpu: u32, record: *const WaitRecord) {
    // SAFETY: as `reserve`.
    unsafe {
        if let Some((ring, to)) = reserve(cpu) {
            *to = *record;
            commit(ring);
        }
    }
}

#[inline(always)]
unsafe fn stream_slot(cpu: u32, slot: *const WaitSlot, spin_ns: u64) {
    // SAFETY: as `reserve`.
    unsafe {
        if let Some((ring, to)) = reserve(cpu) {
            (*to).lock_addr = (*slot).lock_addr;
            (*to).begin_ns = (*slot).begin_ns;
            (*to).end_ns = (*slot).end_ns;
            (*to).spin_ns = spin_ns;
            (*to).flags = (*slot).flags;
            (*to).pid = (*slot).pid;
            (*to).tgid = (*slot).tgid;
            (*to).stack_id = (*slot).stack_id;
            (*to).stack_cpu = cpu;
            (*to).cpu = cpu;
            (*to).ret = 0;
            (*to).line_units = 0;
            commit(ring);
        }
    }
}
