//! Of which waits details are wanted.
//!
//! In: a wait. Out: whether a stack may be taken of it, and whether it is streamed. Refuses: to be asked before a wait is
//! counted. The books and the time that burns are of all waits; stacks are what costs.

use crate::globals;

/// Whether details of this wait are wanted. Without a filter the rest is dead code: the globals are frozen.
#[inline(always)]
pub fn wants(lock_addr: u64, flags: u32) -> bool {
    let wanted_lock = globals::WANTED_LOCK.load();
    if wanted_lock != 0 && wanted_lock != lock_addr {
        return false;
    }
    let wanted_flags = globals::WANTED_FLAGS.load();
    wanted_flags == u64::MAX || wanted_flags >> (flags & 63) & 1 == 1
}
