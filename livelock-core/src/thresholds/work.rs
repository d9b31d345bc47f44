//! Work items that do not end, and threads that reclaim makes to sleep: from when they are worth a word.
//!
//! In: nothing. Out: thresholds with unit and source. Refuses: nothing.

/// Age of a work item in nanoseconds from which it is told that it has not ended. Source: ten times
/// `wq_cpu_intensive_thresh_us` (kernel/workqueue.c, v6.5 on), past which the kernel no longer counts on its end.
pub const WORK_OPEN_NS: u64 = 100_000_000;

/// Threads asleep on average because reclaim made them sleep, from which that is told: a tenth of one thread's time. Our choice.
pub const THROTTLED_THREADS: f64 = 0.1;
