//! The wire: `repr(C)` records that the kernel programs write and user space reads.
//!
//! In: nothing. Out: layouts, capacities and the ABI version, identical on both sides. Refuses:
//! logic, `bool`, `Option`, implicit padding and anything that would need a kernel or an allocator.
//!
//! All maps are memory-mappable arrays with one element per possible CPU, so each element has one
//! kernel writer: the programs that run on that CPU, which exclude one another through
//! [`CpuState::seq`]. User space reads through the mapping, without a system call.
#![no_std]

mod activity;
mod declared;
mod record;
pub mod scope;
mod state;
mod table;

pub use activity::{
    CpuActivity, FunctionTime, GroupRuns, IrqTime, LONG_DELAY_NS, NR_COMPACT_RESULTS, NR_ERRNOS,
    NR_FLUSH_REASONS, NR_FUNCTION_SLOTS, NR_GROUPS, NR_IRQ_SLOTS, NR_OPEN_PAIRS, NR_SOFTIRQS,
    NR_SYSCALLS, OpenPair, PairTimes, RUNNABLE_SLOTS, RunnableSlot, SyscallResults, group,
};
pub use declared::{DeclaredCounts, MAX_DECLARED};
pub use record::{
    CallRecord, ReleaseRecord, Ring, SampleRecord, StackRecord, UserStackRecord, WaitRecord,
};
pub use state::{Control, CpuState, HoldSlot, TaskSlot, WaitSlot};
pub use table::{LockAgg, LockBank};

/// Layout version. Raise it with every change of a layout or a meaning in this crate; the loader
/// refuses an object that announces another one.
pub const ABI_VERSION: u32 = 12;

/// Deepest nesting of traced spin waits on one CPU: task, softirq, hardirq and NMI, each at most
/// twice, because a `qrwlock` slow path waits for its inner spinlock.
pub const MAX_NEST: usize = 8;

/// Completed sleeping waits that one CPU holds until its next begin or tick. A power of two.
pub const MAX_DONE: usize = 8;

/// Distinct locks that one CPU can tell apart within a window. Entry 0 collects the overflow.
pub const LOCKS_PER_CPU: usize = 256;

/// Buckets of the index in front of the lock entries. A power of two, at least twice the entries.
pub const INDEX_SLOTS: usize = 1024;

/// Probes before a lock counts as not found in the index.
pub const INDEX_PROBES: usize = 4;

/// Buckets of a wait histogram: two per octave, the first holds everything under 24 ns, the last
/// everything from 1.5 * 2^35 ns (52 s) up. See [`bucket_floor_ns`].
pub const HIST_BUCKETS: usize = 64;

/// Frames kept of a waiter's kernel stack.
pub const STACK_FRAMES: usize = 48;

/// Frames kept of a waiter's user stack.
pub const USER_FRAMES: usize = 32;

/// Words kept from the top of a waiter's user stack.
pub const STACK_TOP_WORDS: usize = 16;

/// Frames kept of a sampled kernel stack.
pub const SAMPLE_FRAMES: usize = 16;

/// Completed waits in a CPU's ring.
pub const WAIT_RING: usize = 1024;

/// Stacks in a CPU's ring.
pub const STACK_RING: usize = 128;

/// Instruction-pointer samples in a CPU's ring.
pub const SAMPLE_RING: usize = 128;

/// Releases in a CPU's ring.
pub const RELEASE_RING: usize = 256;

/// Calls of locking functions in a CPU's ring: as many as are watched at a time, with all hits that they have.
pub const CALL_RING: usize = 256;

/// Places for holds of sleeping locks whose release will be traced. A power of two.
pub const HOLD_SLOTS: usize = 4096;

/// Places for locks whose holds are told on kernels with lockdep. A power of two.
pub const WATCHED_LOCKS: usize = 4096;

/// Slots for tasks in a sleeping wait (or in the spin phase of one). A power of two.
pub const TASK_SLOTS: usize = 16_384;

/// Slots looked at before a task counts as homeless ([`lost::TASK_SLOTS_FULL`]).
pub const TASK_PROBES: usize = 4;

/// log2 of the length in nanoseconds of a streaming slice (1.05 ms). Waits are streamed when
/// `end_ns >> SLICE_SHIFT & Control::slice_mask == 0`, so that all CPUs stream the same moments
/// and hand-offs can be followed from CPU to CPU.
pub const SLICE_SHIFT: u32 = 20;

/// Records in a CPU's ring of waits up to which all waits are streamed, whatever the mask: a host with few waits, or one
/// so starved that the mask is seldom looked after, is seen whole. Below what makes the mask narrower.
pub const STREAMED_FREELY: u64 = 48;

/// The same of a CPU's ring of releases.
pub const RELEASED_FREELY: u64 = 48;

/// An offset or a size that the running kernel's BTF does not have: the feature is off.
pub const ABSENT: u32 = u32::MAX;

/// What a watched call does. Values of [`CallRecord::kind`].
pub mod call {
    /// Takes a lock, and waits for it if need be.
    pub const LOCK: u32 = 1;
    /// Takes a lock if it is free.
    pub const TRYLOCK: u32 = 2;
    /// Lets a lock go.
    pub const UNLOCK: u32 = 3;
}

/// Why a begun wait has no end in the books. Indices into [`CpuState::lost`].
pub mod lost {
    /// Begun while another of our programs was running on that CPU (it interrupted us).
    pub const NESTED: usize = 0;
    /// More than [`MAX_NEST`](super::MAX_NEST) spin waits inside one another.
    pub const TOO_DEEP: usize = 1;
    /// Its end never reached us; found out when something later proved it over.
    pub const END_MISSED: usize = 2;
    /// All [`TASK_PROBES`](super::TASK_PROBES) slots of that task were taken.
    pub const TASK_SLOTS_FULL: usize = 3;
    /// A second sleeping wait of a task that already had one open.
    pub const NESTED_SLEEP: usize = 4;
    /// Number of causes.
    pub const COUNT: usize = 8;
}

/// `flags` of `lock:contention_begin`.
///
/// Source: `include/trace/events/lock.h`, `LCB_F_*`, v6.18.
pub mod lcb {
    /// Spins.
    pub const SPIN: u32 = 1;
    /// Wants to read.
    pub const READ: u32 = 2;
    /// Wants to write.
    pub const WRITE: u32 = 4;
    /// Real-time mutex or an RT kernel's sleeping spinlock.
    pub const RT: u32 = 8;
    /// Per-CPU reader/writer semaphore.
    pub const PERCPU: u32 = 16;
    /// Mutex.
    pub const MUTEX: u32 = 32;
}

/// Since when a sleeping wait has stood in the lock's line, in [`TaskSlot::phase`] and [`WaitRecord::line_units`]. Who spins for a mutex
/// does not stand there yet.
pub mod line {
    /// Bits of a phase below the units.
    pub const SHIFT: u32 = 8;
    /// Nanoseconds of a unit.
    pub const UNIT_NS: u64 = 1024;
    /// Most units: 17 s.
    pub const MOST_UNITS: u64 = (1 << (32 - SHIFT)) - 1;

    /// Units from the begin of a wait to the end of the one in which it has come to stand in line; never 0. `None` if that
    /// cannot be told any more.
    #[must_use]
    #[inline(always)]
    pub const fn units(after_ns: u64) -> Option<u32> {
        let units = after_ns / UNIT_NS + 1;
        if units > MOST_UNITS {
            None
        } else {
            Some(units as u32)
        }
    }
}

/// Which structure of the waiting task a lock sits in, in [`StackRecord::object`].
pub mod object {
    /// None of those looked at, or not looked at.
    pub const NONE: u32 = 0;
    /// `task_struct` of the waiter.
    pub const TASK: u32 = 1;
    /// `mm_struct`.
    pub const MM: u32 = 2;
    /// `files_struct`.
    pub const FILES: u32 = 3;
    /// `fs_struct`.
    pub const FS: u32 = 4;
    /// `sighand_struct`.
    pub const SIGHAND: u32 = 5;
    /// `signal_struct`.
    pub const SIGNAL: u32 = 6;
    /// `sighand_struct` of the parent.
    pub const PARENT_SIGHAND: u32 = 7;
    /// `signal_struct` of the parent.
    pub const PARENT_SIGNAL: u32 = 8;
    /// `tty_struct` of the session.
    pub const TTY: u32 = 9;
    /// `io_ring_ctx` used last.
    pub const IO_RING: u32 = 10;
    /// `ipc_namespace`.
    pub const IPC: u32 = 11;
    /// `net`, the network namespace.
    pub const NET: u32 = 12;
}

/// Who has the lock that is waited for, in [`StackRecord::owner`].
pub mod owner {
    /// Not told: a lock without an owner word, or one that could not be read.
    pub const UNKNOWN: u32 = 0;
    /// Nobody at that moment.
    pub const NOBODY: u32 = 1;
    /// Readers; how many and which is not told.
    pub const READERS: u32 = 2;
    /// A task.
    pub const TASK: u32 = 3;
}

/// 64-bit De Bruijn sequence B(2, 6); see H. S. Warren, "Hacker's Delight", 5-3.
const DE_BRUIJN: u64 = 0x03f7_9d71_b4cb_0a89;

/// log2 by the top six bits of a power of two times [`DE_BRUIJN`].
static LOG2_OF_PRODUCT: [u8; 64] = {
    let mut table = [0; 64];
    let mut log2 = 0;
    while log2 < 64 {
        table[(DE_BRUIJN << log2 >> 58) as usize] = log2 as u8;
        log2 += 1;
    }
    table
};

/// Bucket of a duration: two per octave, the first holds everything under 24 ns.
///
/// Arithmetic and one table look-up: BPF has no instruction that counts leading zeros, and a chain of
/// branches costs the verifier a state per path.
#[inline(always)]
#[must_use]
pub fn bucket_of(ns: u64) -> usize {
    let floor = if ns < 16 { 16 } else { ns };
    let mut v = floor;
    v |= v >> 1;
    v |= v >> 2;
    v |= v >> 4;
    v |= v >> 8;
    v |= v >> 16;
    v |= v >> 32;
    let product = (v - (v >> 1)).wrapping_mul(DE_BRUIJN) >> 58;
    let log2 = u64::from(LOG2_OF_PRODUCT[product as usize & 63]);
    let bucket = (log2 * 2 - 8 + (floor >> (log2 - 1) & 1)) as usize;
    if bucket < HIST_BUCKETS {
        bucket
    } else {
        HIST_BUCKETS - 1
    }
}

/// Smallest duration in nanoseconds that falls into `bucket`.
#[must_use]
pub const fn bucket_floor_ns(bucket: usize) -> u64 {
    if bucket == 0 {
        return 0;
    }
    let octave = 4 + bucket / 2;
    let half = (bucket % 2) as u64;
    (1u64 << octave) + half * (1u64 << (octave - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_floors_are_inverse_of_bucket_of() {
        for bucket in 1..HIST_BUCKETS {
            let floor = bucket_floor_ns(bucket);
            assert_eq!(bucket_of(floor), bucket, "floor {floor}");
            assert_eq!(bucket_of(floor - 1), bucket - 1, "below floor {floor}");
        }
        assert_eq!(bucket_of(0), 0);
        assert_eq!(bucket_of(u64::MAX), HIST_BUCKETS - 1);
    }

    #[test]
    fn a_wait_in_line_has_units() {
        assert_eq!(line::units(0), Some(1));
        assert_eq!(line::units(1023), Some(1));
        assert_eq!(line::units(1024), Some(2));
        let most_ns = line::MOST_UNITS * line::UNIT_NS;
        assert_eq!(line::units(most_ns - 1), Some(line::MOST_UNITS as u32));
        assert_eq!(line::units(most_ns), None);
        assert_eq!(line::units(u64::MAX), None);
    }

    #[test]
    fn layouts_have_no_implicit_padding() {
        assert_eq!(size_of::<WaitSlot>(), 64);
        assert_eq!(size_of::<TaskSlot>(), 64);
        assert_eq!(size_of::<WaitRecord>(), 64);
        assert_eq!(size_of::<LockAgg>(), 56 + 4 * HIST_BUCKETS);
        assert_eq!(size_of::<CpuState>() % 64, 0);
        assert_eq!(size_of::<StackRecord>(), 112 + 8 * STACK_FRAMES);
        assert_eq!(size_of::<SampleRecord>(), 72 + 8 * SAMPLE_FRAMES);
        assert_eq!(size_of::<ReleaseRecord>(), 56);
        assert_eq!(size_of::<CallRecord>(), 48);
        assert_eq!(size_of::<HoldSlot>(), 40);
        assert_eq!(
            size_of::<UserStackRecord>(),
            16 + 8 * (USER_FRAMES + STACK_TOP_WORDS)
        );
        assert_eq!(size_of::<SyscallResults>(), 32);
        assert_eq!(size_of::<IrqTime>(), 24);
        assert_eq!(size_of::<RunnableSlot>(), 16);
        assert_eq!(size_of::<PairTimes>(), 16 * NR_OPEN_PAIRS + 24);
        assert_eq!(size_of::<FunctionTime>(), 24);
        assert_eq!(size_of::<GroupRuns>(), 24);
        assert_eq!(size_of::<CpuActivity>() % 64, 0);
        assert_eq!(size_of::<DeclaredCounts>(), 8 * MAX_DECLARED);
    }
}
