//! Per-CPU state, per-task slots and the control word.
//!
//! In: stores of the contention programs and the sampler. Out: what user space reads to see waits
//! that are still open, and the counters that must add up. Refuses: anything shared between CPUs
//! on the spin path.

use crate::{GroupRuns, MAX_DONE, MAX_NEST, lost, record::WaitRecord};

/// What user space tells the programs. One element; written by user space
/// only, but for `abi_version`.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct Control {
    /// Number of the present window; its lowest bit is the [`LockBank`](crate::LockBank) of each CPU to
    /// fold into.
    pub epoch: u32,
    /// Stacks that one CPU may take between two sampler ticks.
    pub stacks_per_tick: u32,
    /// See [`SLICE_SHIFT`](crate::SLICE_SHIFT); 0 streams every completed wait.
    pub slice_mask: u64,
    /// Lower bound on the stack sampling period, set by the governor.
    pub min_stack_period: u32,
    /// [`ABI_VERSION`](crate::ABI_VERSION) of the object; written once, by the program `announce`.
    pub abi_version: u32,
    /// Not 0: no wait that begins is booked any more; those that are open still end.
    pub is_closed: u32,
    /// Keeps the size a multiple of the alignment.
    pub pad: [u32; 9],
}

/// A spin wait on the CPU that it burns.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct WaitSlot {
    /// Address of the lock.
    pub lock_addr: u64,
    /// `CLOCK_MONOTONIC` at `contention_begin`.
    pub begin_ns: u64,
    /// `CLOCK_MONOTONIC` at `contention_end`; valid once the slot is above the open depth.
    pub end_ns: u64,
    /// [`CpuState::spin_ns`] at begin.
    pub spin_before_ns: u64,
    /// Time that waits inside this one have booked for themselves.
    pub nested_ns: u64,
    /// `flags` of `contention_begin`.
    pub flags: u32,
    /// Thread id of the current task (the interrupted one in interrupt context).
    pub pid: u32,
    /// Thread group id of it.
    pub tgid: u32,
    /// Ties the wait to its [`StackRecord`](crate::StackRecord); 0 if no stack was taken.
    pub stack_id: u32,
    /// Entry in the [`LockBank`](crate::LockBank) of `epoch`.
    pub entry: u32,
    /// Window that `entry` is of: a wait may outlast two windows, and banks come round again.
    pub epoch: u32,
}

/// Everything that one CPU's programs keep between two events.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct CpuState {
    /// Odd while one of our programs is inside. It keeps them from one another on this CPU and
    /// tells a reader to try again.
    pub seq: u64,
    /// Open spin waits: `slots[..depth]`.
    pub depth: u32,
    /// `slots[depth..high]` are over and wait to be folded.
    pub high: u32,
    /// Closed spin time on this CPU, each nanosecond once (a wait inside a wait counts as its own).
    pub spin_ns: u64,
    /// Waits that ended in the books: spin waits and, at their last CPU, sleeping waits.
    pub nr_completed: u64,
    /// Waits begun, without those refused as [`lost::NESTED`].
    pub nr_begun: u64,
    /// Completed sleeping waits in `done`.
    pub nr_done: u32,
    /// Begins until the next stack.
    pub stack_countdown: u32,
    /// Begins since the last stack: the weight of the next one.
    pub begins_since_stack: u32,
    /// Stacks still allowed before the next tick.
    pub stack_tokens: u32,
    // Up to here is one cache line: all that a begin or an end without a stack touches.
    /// Present sampling period of stacks: one in so many begins.
    pub stack_period: u32,
    /// Last stack id given out on this CPU.
    pub last_stack_id: u32,
    /// Ends without a begin in the books: begun before we attached, or refused at begin.
    pub nr_end_unmatched: u64,
    /// `nr_begun` at the last sampler tick.
    pub begun_at_tick: u64,
    /// Sampler ticks.
    pub nr_ticks: u64,
    /// Ticks that found one of our own programs inside.
    pub nr_ticks_in_self: u64,
    /// Begins that carried on a wait in another phase (mutex: spin, sleep, spin again).
    pub nr_phases: u64,
    /// Ends refused because one of our programs was inside (their begins were refused as well).
    pub nr_end_refused: u64,
    /// Completed sleeping waits that found `done` full: counted, not attributed to a lock.
    pub nr_unattributed: u64,
    /// Stack walks that failed.
    pub nr_stack_failed: u64,
    /// Stacks taken.
    pub nr_stacks: u64,
    /// Time inside `contention_begin` when a stack was taken.
    pub stacked_self_ns: u64,
    /// Time inside those `contention_begin` runs without a stack that were timed.
    pub timed_self_ns: u64,
    /// How many those were.
    pub nr_timed: u64,
    /// Time inside the sampler.
    pub sampler_self_ns: u64,
    /// Waits lost, by cause ([`lost`]).
    pub lost: [u64; lost::COUNT],
    /// Address of this CPU's `struct rq`, from which the addresses of all its per-CPU variables follow; 0 until the
    /// sampler found it, or if this kernel does not lead there.
    pub runqueue_addr: u64,
    /// Releases of contended locks.
    pub nr_releases: u64,
    /// Those of holders that had not waited.
    pub nr_release_unmatched: u64,
    /// Releases refused because one of our programs was inside.
    pub nr_release_refused: u64,
    /// What the programs of lockdep's tracepoints cost. All zero where they are not attached.
    pub lockdep: GroupRuns,
    /// Spin waits, outermost first.
    pub slots: [WaitSlot; MAX_NEST],
    /// Completed sleeping waits that wait to be folded.
    pub done: [WaitRecord; MAX_DONE],
}

/// The hold of a sleeping lock by a task that had to wait for it. Noted at the end of the wait, found again at the release.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct HoldSlot {
    /// Address of the lock; 0 if nobody is noted.
    pub lock_addr: u64,
    /// `CLOCK_MONOTONIC` at the acquisition.
    pub acquired_ns: u64,
    /// Thread id.
    pub pid: u32,
    /// Stack of the begin, as in [`WaitSlot::stack_id`].
    pub stack_id: u32,
    /// CPU that took the stack.
    pub stack_cpu: u32,
    /// Keeps the size a multiple of the alignment.
    pub pad: u32,
    /// As in [`ReleaseRecord::ip`](crate::ReleaseRecord::ip).
    pub ip: u64,
}

/// A task's sleeping wait: mutex (its spin phase included), rwsem, per-CPU rwsem, rtmutex.
///
/// Written by its own task only, wherever that runs; a free slot is taken with one
/// compare-and-swap. A slot stays with its task after the wait (`lock_addr` 0).
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct TaskSlot {
    /// Thread id that owns the slot; 0 is free.
    pub pid: u32,
    /// Flags of the present phase, and above them, from [`line::SHIFT`](crate::line::SHIFT) on, the units after which the wait stood in
    /// line; 0 if it does not.
    pub phase: u32,
    /// Address of the lock; 0 if no wait is open.
    pub lock_addr: u64,
    /// `CLOCK_MONOTONIC` at the first begin.
    pub begin_ns: u64,
    /// `CLOCK_MONOTONIC` at the start of the present phase.
    pub phase_ns: u64,
    /// Closed spin phases.
    pub spin_ns: u64,
    /// [`CpuState::spin_ns`] of `phase_cpu` at the start of the present phase.
    pub spin_before_ns: u64,
    /// CPU that the present phase began on.
    pub phase_cpu: u16,
    /// CPU that took the stack.
    pub stack_cpu: u16,
    /// Thread group id.
    pub tgid: u32,
    /// Stack of the first begin, as in [`WaitSlot::stack_id`].
    pub stack_id: u32,
    /// Context switches of the task at the start of the present phase, its lowest bits. A mutex
    /// spinner that must yield is switched out and back in within its spin phase; then nobody knows
    /// how much of the phase burned a CPU, and none of it is booked.
    pub nr_switches: u32,
}
