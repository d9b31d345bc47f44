//! The control word: which bank, how many stacks, which moments are streamed, when no more is booked.
//!
//! In: decisions of the governor, the end. Out: stores to the one element of `CONTROL`. Refuses: values that
//! would let the programs exceed their budget.

use std::cell::Cell;
use std::ptr::{read_volatile, write_volatile};
use std::sync::atomic::{Ordering, fence};
use std::time::Duration;

use livelock_common::Control;

use super::mapping::MappedArray;

/// Stacks that one CPU may take between two ticks of the 99 Hz sampler: about 100 a second, at 5 to
/// 20 µs each (measured in a guest) 0.05 to 0.2 % of that CPU.
const STACKS_PER_TICK: u32 = 1;

/// Time after which a store of another CPU is visible here: a store buffer drains in well under 1 µs.
const STORE_VISIBLE_AFTER: Duration = Duration::from_micros(20);

pub(super) struct ControlWord {
    map: MappedArray<Control>,
    /// The mask that left out most since [`Self::take_widest_mask`].
    widest_mask: Cell<u64>,
    /// What that gave last, without what was before.
    widest_before: Cell<u64>,
}

impl ControlWord {
    pub(super) fn new(map: MappedArray<Control>, slice_mask: u64) -> Self {
        let word = Self {
            map,
            widest_mask: Cell::new(slice_mask),
            widest_before: Cell::new(slice_mask),
        };
        if let Some(at) = word.map.get(0) {
            // SAFETY: element 0 exists; only this process writes it.
            unsafe {
                write_volatile(&raw mut (*at).stacks_per_tick, STACKS_PER_TICK);
                write_volatile(&raw mut (*at).min_stack_period, 1);
                write_volatile(&raw mut (*at).slice_mask, slice_mask);
            }
        }
        word
    }

    /// What the object said of itself; 0 if it said nothing.
    pub(super) fn abi_version(map: &MappedArray<Control>) -> u32 {
        // SAFETY: element 0 exists; written before the program that writes it returned.
        map.get(0).map_or(0, |at| unsafe {
            read_volatile(&raw const (*at).abi_version)
        })
    }

    /// Starts the next window: all CPUs fold into the other bank from now on. Gives the number of the
    /// bank just closed.
    pub(super) fn flip_bank(&self) -> usize {
        let Some(at) = self.map.get(0) else { return 0 };
        // SAFETY: as above.
        unsafe {
            let closed = read_volatile(&raw const (*at).epoch);
            write_volatile(&raw mut (*at).epoch, closed.wrapping_add(1));
            // A program stores its sequence word and then loads the epoch; we store the epoch and then
            // load that word. The fence orders our side, and the pause lets a store that a CPU has made
            // but not yet shown become visible.
            fence(Ordering::SeqCst);
            std::thread::sleep(STORE_VISIBLE_AFTER);
            (closed & 1) as usize
        }
    }

    /// Has no wait booked that begins from now on.
    pub(super) fn close(&self) {
        if let Some(at) = self.map.get(0) {
            // SAFETY: as above.
            unsafe { write_volatile(&raw mut (*at).is_closed, 1) };
        }
    }

    /// Streams only waits that end in slices whose number has none of these bits.
    pub(super) fn set_slice_mask(&self, mask: u64) {
        if let Some(at) = self.map.get(0) {
            // SAFETY: as above.
            unsafe { write_volatile(&raw mut (*at).slice_mask, mask) };
        }
        self.widest_mask.set(self.widest_mask.get().max(mask));
    }

    /// The widest mask since the last call but one: a close may be done again.
    pub(super) fn take_widest_mask(&self) -> u64 {
        // SAFETY: as above.
        let now = self.map.get(0).map_or(0, |at| unsafe {
            read_volatile(&raw const (*at).slice_mask)
        });
        let widest = self.widest_mask.replace(now);
        self.widest_before.replace(widest).max(widest)
    }

    /// At most one stack in so many begins.
    pub(super) fn set_min_stack_period(&self, period: u32) {
        if let Some(at) = self.map.get(0) {
            // SAFETY: as above.
            unsafe { write_volatile(&raw mut (*at).min_stack_period, period.max(1)) };
        }
    }
}
