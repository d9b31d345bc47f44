//! The per-CPU table of locks.
//!
//! In: the address of a lock. Out: its entry's number. Refuses: growing, chaining and any loop
//! longer than [`INDEX_PROBES`]; what does not fit is summed up in entry 0.

use core::ptr::{read_volatile, write_volatile};

use livelock_common::{INDEX_PROBES, INDEX_SLOTS, LOCKS_PER_CPU, LockAgg, LockBank};

use crate::mask::masked;

const INDEX_MASK: i32 = INDEX_SLOTS as i32 - 1;
const ENTRY_MASK: i32 = LOCKS_PER_CPU as i32 - 1;

/// 2^64 divided by the golden ratio, for Fibonacci hashing.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// The entry of `number`; numbers out of range wrap.
///
/// # Safety
/// `bank` is an element of `LOCK_BANKS`.
#[inline(always)]
pub unsafe fn entry(bank: *mut LockBank, number: u32) -> *mut LockAgg {
    let i = masked::<ENTRY_MASK>(u64::from(number));
    // SAFETY: masked into the array.
    unsafe { (&raw mut (*bank).entries).cast::<LockAgg>().add(i) }
}

/// Number of the entry of `lock`, made if it is new; 0 if there is no room.
///
/// # Safety
/// `bank` is this CPU's, and the caller is inside.
#[inline(never)]
pub unsafe fn find_or_insert(bank: *mut LockBank, lock_addr: u64) -> u32 {
    // SAFETY: by contract.
    unsafe {
        let scratch = &raw mut (*bank).scratch;
        write_volatile(scratch, search(bank, lock_addr));
        read_volatile(scratch)
    }
}

#[inline(always)]
unsafe fn search(bank: *mut LockBank, lock_addr: u64) -> u32 {
    let hash = (lock_addr >> 2).wrapping_mul(GOLDEN) >> (64 - INDEX_SLOTS.trailing_zeros());
    // SAFETY: all indices are masked into their arrays.
    unsafe {
        let index = (&raw mut (*bank).index).cast::<u16>();
        for probe in 0..INDEX_PROBES as u64 {
            let slot = index.add(masked::<INDEX_MASK>(hash + probe));
            let number = u32::from(*slot);
            if number == 0 {
                let next = if (*bank).nr_used == 0 {
                    1
                } else {
                    (*bank).nr_used
                };
                if next >= LOCKS_PER_CPU as u32 {
                    break;
                }
                let fresh = entry(bank, next);
                (*fresh).lock_addr = lock_addr;
                (*bank).nr_used = next + 1;
                *slot = next as u16;
                return next;
            }
            if (*entry(bank, number)).lock_addr == lock_addr {
                return number;
            }
        }
        (*bank).nr_overflow += 1;
        if (*bank).nr_used == 0 {
            (*bank).nr_used = 1;
        }
    }
    0
}
