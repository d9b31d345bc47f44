//! The maps, and the word that keeps our programs off one another.
//!
//! In: the number of this CPU. Out: pointers into its element. Refuses: waiting; a program that finds
//! another of ours inside leaves at once and counts itself.

use core::ptr::{addr_of, addr_of_mut, read_volatile, write_volatile};

use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::macros::map;
use aya_ebpf::maps::Array;
use livelock_common::{
    CALL_RING, CallRecord, Control, CpuActivity, CpuState, HoldSlot, LockBank, RELEASE_RING,
    RUNNABLE_SLOTS, ReleaseRecord, Ring, RunnableSlot, SAMPLE_RING, STACK_RING, SampleRecord,
    StackRecord, TASK_SLOTS, TaskSlot, UserStackRecord, WAIT_RING, WaitRecord,
};

/// `BPF_F_MMAPABLE`: user space reads the element without a system call.
const MMAPABLE: u32 = 1 << 10;

/// Elements for CPUs; user space sets the real number at load.
const CPUS: u32 = 1;

/// What user space tells us.
#[map]
pub static CONTROL: Array<Control> = Array::with_max_entries(1, MMAPABLE);

/// State by CPU: open waits, counters.
#[map]
pub static CPU_STATE: Array<CpuState> = Array::with_max_entries(CPUS, MMAPABLE);

/// Locks by CPU: element `2 * cpu + bank`.
#[map]
pub static LOCK_BANKS: Array<LockBank> = Array::with_max_entries(2 * CPUS, MMAPABLE);

/// Completed waits by CPU; written under [`enter`].
#[map]
pub static WAITS: Array<Ring<WaitRecord, WAIT_RING>> = Array::with_max_entries(CPUS, MMAPABLE);

/// Waiters' stacks by CPU; written under [`enter`].
#[map]
pub static STACKS: Array<Ring<StackRecord, STACK_RING>> = Array::with_max_entries(CPUS, MMAPABLE);

/// The user side of waiters' stacks by CPU; written under [`enter`]. One element unless somebody asked for it.
#[map]
pub static USER_STACKS: Array<Ring<UserStackRecord, STACK_RING>> =
    Array::with_max_entries(CPUS, MMAPABLE);

/// Samples by CPU; written by the sampler only, which may interrupt the writers of the other rings.
#[map]
pub static SAMPLES: Array<Ring<SampleRecord, SAMPLE_RING>> =
    Array::with_max_entries(CPUS, MMAPABLE);

/// Releases by CPU; written under [`enter`].
#[map]
pub static RELEASES: Array<Ring<ReleaseRecord, RELEASE_RING>> =
    Array::with_max_entries(CPUS, MMAPABLE);

/// Watched calls by CPU; written by the programs of breakpoints only, which the kernel keeps from one another.
#[map]
pub static CALLS: Array<Ring<CallRecord, CALL_RING>> = Array::with_max_entries(CPUS, MMAPABLE);

/// Holds of sleeping locks, by hash of thread and lock; one element where no release is traced.
#[map]
pub static HOLDS: Array<HoldSlot> = Array::with_max_entries(1, MMAPABLE);

/// Locks whose holds are told, by hash of their `lockdep_map`; one word on kernels without lockdep.
#[map]
pub static WATCHED: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// Tasks in a sleeping wait, by hash of the thread id.
#[map]
pub static TASKS: Array<TaskSlot> = Array::with_max_entries(TASK_SLOTS as u32, MMAPABLE);

/// What each CPU was busy with; probe level 1.
#[map]
pub static ACTIVITY: Array<CpuActivity> = Array::with_max_entries(CPUS, MMAPABLE);

/// Tasks that wait to run; probe level 1.
#[map]
pub static RUNNABLE: Array<RunnableSlot> = Array::with_max_entries(RUNNABLE_SLOTS as u32, MMAPABLE);

/// Processes of the scope, a bit each; one word long unless the scope is a process tree.
#[map]
pub static MEMBERS: Array<u64> = Array::with_max_entries(1, MMAPABLE);

/// This CPU's number.
#[inline(always)]
pub fn this_cpu() -> u32 {
    // SAFETY: the helper has no preconditions.
    unsafe { bpf_get_smp_processor_id() }
}

/// Claims this CPU's state for one program. `false`: another of ours is inside.
///
/// # Safety
/// `state` is this CPU's element.
#[inline(always)]
pub unsafe fn enter(state: *mut CpuState) -> bool {
    // SAFETY: by contract; volatile, so that no access moves across the word.
    unsafe {
        let seq = addr_of_mut!((*state).seq);
        let now = read_volatile(seq);
        if now & 1 != 0 {
            return false;
        }
        write_volatile(seq, now + 1);
    }
    true
}

/// Gives it back.
///
/// # Safety
/// After an [`enter`] that said yes, on the same `state`.
#[inline(always)]
pub unsafe fn leave(state: *mut CpuState) {
    // SAFETY: by contract.
    unsafe {
        let seq = addr_of_mut!((*state).seq);
        write_volatile(seq, read_volatile(seq) + 1);
    }
}

/// Whether one of our programs is inside.
///
/// # Safety
/// `state` is this CPU's element.
#[inline(always)]
pub unsafe fn inside(state: *mut CpuState) -> bool {
    // SAFETY: by contract.
    unsafe { read_volatile(addr_of!((*state).seq)) & 1 != 0 }
}

/// Adds one to a counter that an interrupt of our own programs may be adding to as well.
///
/// # Safety
/// `counter` points into this CPU's element.
#[inline(always)]
pub unsafe fn count_nested(counter: *mut u64) {
    // SAFETY: by contract, aligned and valid. Assembly, because the target declares no atomic
    // read-modify-write; the instruction exists since Linux 3.18.
    unsafe {
        core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) 1u64, options(nostack));
    }
}

/// Stores `new` into `word` if it is 0. Says whether it was.
///
/// # Safety
/// `word` is aligned and points into a map element.
#[inline(always)]
pub unsafe fn claim_word(word: *mut u32, new: u32) -> bool {
    let mut seen = 0u64;
    // SAFETY: by contract. Assembly for the reason above; the instruction exists since Linux 5.12.
    unsafe {
        core::arch::asm!(
            "w0 = cmpxchg32_32(r1 + 0, w0, w2)",
            in("r1") word,
            in("r2") u64::from(new),
            inlateout("r0") seen,
            options(nostack),
        );
    }
    seen as u32 == 0
}
