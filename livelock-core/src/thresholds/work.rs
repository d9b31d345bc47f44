//! Work items: from when one that has not ended is worth a word.

/// Age of a work item in nanoseconds from which it is told that it has not ended. Source: ten times
/// `wq_cpu_intensive_thresh_us` (kernel/workqueue.c, v6.5 on), past which the kernel no longer counts on its end.
pub const WORK_OPEN_NS: u64 = 100_000_000;
