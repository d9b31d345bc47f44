//! The per-CPU, per-window table of locks.
//!
//! In: folded waits of one CPU. Out: exact counts, times and histograms by lock. Refuses: sharing
//! between CPUs; user space merges.

use crate::{HIST_BUCKETS, INDEX_SLOTS, LOCKS_PER_CPU};

/// What one CPU saw of one lock in one window.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct LockAgg {
    /// Address of the lock; 0 in the overflow entry.
    pub lock_addr: u64,
    /// Union of the flags seen.
    pub flags: u32,
    /// Begins seen in this window, completed or not.
    pub nr_begun: u32,
    /// Waits completed.
    pub nr_waits: u64,
    /// Whole length of the completed waits.
    pub wait_ns: u64,
    /// Part of it that burned this CPU.
    pub spin_ns: u64,
    /// Longest completed wait.
    pub max_ns: u64,
    /// Waits that ended without the lock (`ret` not 0).
    pub nr_failed: u64,
    /// Completed waits by length ([`bucket_of`](crate::bucket_of)).
    pub hist: [u32; HIST_BUCKETS],
}

/// One bank: entries in order of first sight, and an index of them by address.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct LockBank {
    /// Entries in use, the overflow entry included; 0 in a bank that was never used.
    pub nr_used: u32,
    /// Begins that went to the overflow entry because the table or the probe run was full.
    pub nr_overflow: u32,
    /// Where the kernel side puts a number down and picks it up again, so that the verifier forgets
    /// how it was found and has one state to follow instead of one per path.
    pub scratch: u32,
    /// Window that the kernel side last used this bank for.
    pub epoch: u32,
    /// Keeps the index on lines of its own.
    pub pad: [u32; 12],
    /// Entry number by hash of the address; 0 is empty (entry 0 is the overflow entry).
    pub index: [u16; INDEX_SLOTS],
    /// The entries.
    pub entries: [LockAgg; LOCKS_PER_CPU],
}
