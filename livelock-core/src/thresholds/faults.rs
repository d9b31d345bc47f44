//! Page faults that do not get on.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

/// CPU time of a page fault that also spins on a lock, from which it starts over inside the kernel instead of coming back:
/// ten times what zeroing a page of 2 MiB takes at 2 GB/s, the longest that faults do by themselves on most hosts.
/// Source: docs/verdicts/fault_loop.md.
pub const FAULT_CPU_NS: u64 = 10_000_000;

/// Faults of one task at one address a second that are no accident. Source: docs/verdicts/fault_loop.md.
pub const SAME_FAULTS_PER_SEC: f64 = 1000.0;

/// Page faults a second and CPU that are worth a look: at 1 us each, 2 % of a CPU go into no more than entering
/// them. Our choice.
pub const FAULTS_PER_SEC_AND_CPU: f64 = 20_000.0;
