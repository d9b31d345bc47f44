//! Emptying the rings.
//!
//! In: one ring per CPU and class. Out: their records, in order. Refuses: reading a record before its
//! writer has let go of it.

use std::ptr::{read_volatile, write_volatile};
use std::sync::atomic::{Ordering, fence};

use livelock_common::Ring;

use super::mapping::{MappedArray, copy};

/// Whether stores of one CPU become visible to others in program order, so that a record is complete
/// as soon as `head` counts it. Elsewhere a record is read only once a whole drain interval old.
const STORES_IN_ORDER: bool = cfg!(target_arch = "x86_64");

/// How full the rings were.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Drained {
    /// Records in the fullest ring of waits.
    pub nr_waits: u64,
    /// Share of the fullest of all other rings that was full.
    pub other_share: f64,
}

/// The rings of one class, one per CPU.
pub(super) struct Rings<T, const N: usize> {
    map: MappedArray<Ring<T, N>>,
    heads_last_drain: Vec<u64>,
}

impl<T: Copy, const N: usize> Rings<T, N> {
    pub(super) fn new(map: MappedArray<Ring<T, N>>) -> Self {
        let heads_last_drain = vec![0; map.len()];
        Self {
            map,
            heads_last_drain,
        }
    }

    /// As [`Self::drain`]; gives the share of the fullest ring that was full.
    pub(super) fn drain_share(&mut self, sink: impl FnMut(u32, T)) -> f64 {
        self.drain(sink) as f64 / N as f64
    }

    /// Hands every complete record to `sink`, CPU by CPU; gives the number of records in the fullest
    /// ring.
    pub(super) fn drain(&mut self, mut sink: impl FnMut(u32, T)) -> u64 {
        let mut nr_in_fullest = 0;
        for (cpu, last_head) in self.heads_last_drain.iter_mut().enumerate() {
            let Some(ring) = self.map.get(cpu) else {
                continue;
            };
            // SAFETY: `ring` is an element of the mapping; `head` has one writer, the kernel, and
            // `tail` one, this process; records before `head` are not written again before `tail`
            // passes them.
            unsafe {
                let head = read_volatile(&raw const (*ring).head);
                fence(Ordering::Acquire);
                let safe_head = if STORES_IN_ORDER { head } else { *last_head };
                *last_head = head;
                let mut tail = read_volatile(&raw const (*ring).tail);
                nr_in_fullest = nr_in_fullest.max(safe_head.saturating_sub(tail));
                let records = (&raw const (*ring).records).cast::<T>();
                while tail < safe_head {
                    let i = usize::try_from(tail % N as u64).unwrap_or(0);
                    sink(u32::try_from(cpu).unwrap_or(u32::MAX), copy(records.add(i)));
                    tail += 1;
                }
                fence(Ordering::Release);
                write_volatile(&raw mut (*ring).tail, tail);
            }
        }
        nr_in_fullest
    }

    /// Records of `cpu` since attach that were not to be streamed.
    pub(super) fn nr_left_out(&self, cpu: usize) -> u64 {
        // SAFETY: as above.
        self.map.get(cpu).map_or(0, |ring| unsafe {
            read_volatile(&raw const (*ring).nr_left_out)
        })
    }

    /// Records dropped by the ring of `cpu` since attach.
    pub(super) fn nr_dropped(&self, cpu: usize) -> u64 {
        // SAFETY: as above.
        self.map.get(cpu).map_or(0, |ring| unsafe {
            read_volatile(&raw const (*ring).nr_dropped)
        })
    }
}
