//! What a CPU was busy with: system calls, interrupts, page faults, reclaim.
//!
//! In: stores of the programs of probe level 1. Out: cumulative counters of one CPU. Refuses: locks and
//! hashes that grow; what does not fit is summed up in the first entry.

/// System calls told apart; those with higher numbers share the last entry.
pub const NR_SYSCALLS: usize = 512;

/// `errno` values told apart; the kernel's highest is 133. A power of two, which the verifier can check.
pub const NR_ERRNOS: usize = 256;

/// Pairs of system call and `errno` told apart on one CPU, by hash; entry 0 sums up those that find no room. A power of two.
pub const NR_FAILURE_SLOTS: usize = 64;

/// How often one system call failed with one `errno`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FailureCount {
    /// Number of the call in the upper half, `errno` in the lower; 0: free, or entry 0.
    pub call_errno: u32,
    /// Keeps the size explicit.
    pub pad: u32,
    /// Times.
    pub nr: u64,
}

/// Rounds of the allocator's reclaim loop told apart; the kernel gives up after 16 (`MAX_RECLAIM_RETRIES`, mm/internal.h).
/// A power of two.
pub const NR_RECLAIM_ROUNDS: usize = 32;

/// Reasons to throttle reclaim told apart (`enum vmscan_throttle_state`, include/linux/mmzone.h). A power of two.
pub const NR_THROTTLE_REASONS: usize = 8;

/// Vectors of soft interrupts (`NR_SOFTIRQS`, include/linux/interrupt.h).
pub const NR_SOFTIRQS: usize = 10;

/// Interrupt lines told apart on one CPU, by hash; a line that finds no room is counted in entry 0.
pub const NR_IRQ_SLOTS: usize = 64;

/// Groups of programs whose cost is told apart.
pub const NR_GROUPS: usize = 9;

/// Index of each group in [`CpuActivity::runs`].
pub mod group {
    /// Results of system calls.
    pub const SYSCALLS: usize = 0;
    /// Time in interrupts.
    pub const INTERRUPTS: usize = 1;
    /// Switches and delays.
    pub const SCHEDULER: usize = 2;
    /// Page faults.
    pub const FAULTS: usize = 3;
    /// Reclaim and compaction.
    pub const RECLAIM: usize = 4;
    /// Packets dropped.
    pub const PACKETS: usize = 5;
    /// Calls between CPUs.
    pub const CROSS_CALLS: usize = 6;
    /// Work items.
    pub const WORKQUEUE: usize = 7;
    /// Transactions of a file system.
    pub const TRANSACTIONS: usize = 8;
}

/// What the programs of one group cost on one CPU.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct GroupRuns {
    /// Runs.
    pub nr_runs: u64,
    /// Time in those runs that were timed.
    pub timed_ns: u64,
    /// How many those were.
    pub nr_timed: u64,
}

/// Begins that one CPU remembers until their end, by hash of the thread id. A power of two.
pub const NR_OPEN_PAIRS: usize = 8;

/// Something that a thread has begun on this CPU and not ended.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct OpenPair {
    /// `CLOCK_MONOTONIC` at the begin; 0: none.
    pub begin_ns: u64,
    /// Thread.
    pub pid: u32,
    /// Keeps the size explicit.
    pub pad: u32,
}

/// Something that threads begin and end, timed where both were seen on one CPU.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct PairTimes {
    /// Begun and not ended.
    pub open: [OpenPair; NR_OPEN_PAIRS],
    /// Ended, having begun on this CPU.
    pub nr: u64,
    /// Sum of the times in between, in which the thread may have waited.
    pub ns: u64,
    /// Ended without their begin in `open`: begun on another CPU, before the attach, or overtaken here by
    /// another thread.
    pub nr_unpaired: u64,
}

/// What became of the item in the [`OpenPair`] of the same index.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct OpenWork {
    /// Function of the item begun; 0: unknown.
    pub function_addr: u64,
    /// `CLOCK_MONOTONIC` at which the thread of the pair last ended an item here; 0: never.
    pub end_ns: u64,
}

/// Functions told apart on one CPU, by hash; entry 0 sums up those that find no room.
pub const NR_FUNCTION_SLOTS: usize = 16;

/// How often a function ran, or was asked to.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct FunctionTime {
    /// Address; 0: free, or entry 0.
    pub function_addr: u64,
    /// Times.
    pub nr: u64,
    /// Time in it; 0 where it is not measured.
    pub ns: u64,
}

/// Results of a compaction told apart (`enum compact_result`, include/linux/compaction.h). A power of two.
pub const NR_COMPACT_RESULTS: usize = 16;

/// Reasons of TLB flushes told apart (`enum tlb_flush_reason`, include/linux/mm_types.h). A power of two.
pub const NR_FLUSH_REASONS: usize = 8;

/// Results of one system call.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct SyscallResults {
    /// Returned more than 0.
    pub nr_positive: u64,
    /// Returned 0.
    pub nr_zero: u64,
    /// Failed with a code that asks to try again (`EAGAIN`, `EINTR`, `EBUSY`, `ETIMEDOUT`, `EDEADLK`,
    /// restarts).
    pub nr_retry: u64,
    /// Failed otherwise.
    pub nr_failed: u64,
}

/// One interrupt line.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct IrqTime {
    /// Line number plus one; 0 is free.
    pub line_plus_one: u32,
    /// Keeps the size explicit.
    pub pad: u32,
    /// Handlers run.
    pub nr_handled: u64,
    /// Time in them.
    pub handled_ns: u64,
}

/// Tasks that wait to run, by hash of the thread id. A task that finds its slot taken by another takes it
/// over: a delay is then not measured, never a wrong one.
pub const RUNNABLE_SLOTS: usize = 16_384;

/// Time from runnable to running in nanoseconds from which a task was starved: what the kernel leaves to ordinary
/// tasks beside real-time ones is 50 ms of each second (`sched_rt_runtime_us`, kernel/sched/rt.c).
pub const LONG_DELAY_NS: u64 = 900_000_000;

/// A task that became runnable.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct RunnableSlot {
    /// `CLOCK_MONOTONIC` at which it did; 0: free.
    pub since_ns: u64,
    /// Thread id.
    pub pid: u32,
    /// `task_struct.prio`, or [`ABSENT`](crate::ABSENT).
    pub prio: u32,
}

/// Counters of one CPU since attach. Written by programs that may interrupt one another, but each field
/// only by one kind of them.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct CpuActivity {
    /// `CLOCK_MONOTONIC` at which the present soft interrupt began; 0: none.
    pub softirq_begin_ns: u64,
    /// `hardirq_ns` at that moment.
    pub hardirq_before_ns: u64,
    /// Time by vector, hard interrupts inside left out.
    pub softirq_ns: [u64; NR_SOFTIRQS],
    /// Runs by vector.
    pub nr_softirqs: [u64; NR_SOFTIRQS],
    /// `CLOCK_MONOTONIC` at which the present device handler began; 0: none.
    pub hardirq_begin_ns: u64,
    /// Time in device handlers.
    pub hardirq_ns: u64,
    /// By line.
    pub irqs: [IrqTime; NR_IRQ_SLOTS],
    /// Page faults, user and kernel mode.
    pub nr_faults: u64,
    /// Of those, at the address and by the task of the one before: a fault that does not get past itself.
    pub nr_same_faults: u64,
    /// Page of the last one.
    pub last_fault_page: u64,
    /// Thread of the last one.
    pub last_fault_pid: u32,
    /// Thread of the last fault that repeated.
    pub same_fault_pid: u32,
    /// Allocations that went round the reclaim loop again, by rounds without progress so far; the last entry: or more.
    pub reclaim_retries: [u64; NR_RECLAIM_ROUNDS],
    /// Threads made to sleep by reclaim: how often, by reason.
    pub nr_throttled: [u64; NR_THROTTLE_REASONS],
    /// The same: for how long.
    pub throttled_us: [u64; NR_THROTTLE_REASONS],
    /// Packets dropped, in whatever network namespace.
    pub nr_packets_dropped: u64,
    /// Switches to another task.
    pub nr_switches: u64,
    /// Of those, away from a task that wanted to go on: preempted, or yielding (`task_struct.nivcsw`).
    pub nr_involuntary_switches: u64,
    /// Tasks that ran after having been seen to become runnable.
    pub nr_run_delays: u64,
    /// Sum of the times in between.
    pub run_delay_ns: u64,
    /// Of them, those that had waited for longer than [`LONG_DELAY_NS`].
    pub nr_long_delays: u64,
    /// The last of those: how long.
    pub long_delay_ns: u64,
    /// The last of those: thread.
    pub long_delay_pid: u32,
    /// The last of those: `task_struct.prio`, or [`ABSENT`](crate::ABSENT).
    pub long_delay_prio: u32,
    /// Time that real-time tasks ran, up to the last switch.
    pub rt_run_ns: u64,
    /// `CLOCK_MONOTONIC` of the last switch.
    pub last_switch_ns: u64,
    /// By system call.
    pub syscalls: [SyscallResults; NR_SYSCALLS],
    /// Failures by `errno`, those that ask to try again included.
    pub errnos: [u64; NR_ERRNOS],
    /// The same by system call.
    pub failures: [FailureCount; NR_FAILURE_SLOTS],
    /// Direct reclaim, of the host or of a control group.
    pub direct_reclaim: PairTimes,
    /// Pages that it reclaimed, those of ends without a begin included.
    pub nr_direct_reclaimed: u64,
    /// Compactions.
    pub compaction: PairTimes,
    /// Compactions by result, those without a begin included.
    pub compact_results: [u64; NR_COMPACT_RESULTS],
    /// Work items that run.
    pub work: PairTimes,
    /// Which, and whether they still do.
    pub open_work: [OpenWork; NR_OPEN_PAIRS],
    /// Work items that ended, by function.
    pub work_functions: [FunctionTime; NR_FUNCTION_SLOTS],
    /// Interrupts sent to other CPUs.
    pub nr_ipis: u64,
    /// Calls queued for other CPUs, by function.
    pub call_functions: [FunctionTime; NR_FUNCTION_SLOTS],
    /// TLB flushes by reason.
    pub tlb_flushes: [u64; NR_FLUSH_REASONS],
    /// Transactions of a file system that started over.
    pub nr_trans_restarts: u64,
    /// Those that committed.
    pub nr_trans_commits: u64,
    /// What these programs cost, by [`group`].
    pub runs: [GroupRuns; NR_GROUPS],
    /// Keeps the size a multiple of the alignment.
    pub pad: [u64; 2],
}
