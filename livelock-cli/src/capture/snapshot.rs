//! Closing a window: a copy of every CPU's state and of the lock tables just closed.
//!
//! In: mapped state, tables and task slots. Out: raw records. Refuses: trusting a copy whose sequence
//! word moved; it is taken again, and marked torn if that does not help.

use std::ptr::{read_volatile, write_bytes, write_volatile};
use std::sync::atomic::{Ordering, fence};
use std::time::{Duration, Instant};

use livelock_common::{CpuState, LOCKS_PER_CPU, LockBank, TaskSlot, lost};
use livelock_core::ids::{CpuId, LockAddr};

use super::mapping::{MappedArray, copy};
use crate::raw::RawRecord;

/// Copies of a CPU's state before it counts as torn. Programs run for 0.1 to 20 µs and leave gaps of
/// the same order at the highest event rates seen.
const MAX_COPIES: u32 = 256;

/// Copies of the slot of a sleeping wait after which it is left to the next look: its owner moves on a few times at most while a word is
/// copied.
const MAX_SLOT_COPIES: u32 = 8;

/// How long a CPU may stay inside one program before its table is read regardless. In an overcommitted
/// guest a virtual CPU stands still for host time slices (5 to 16 ms measured).
const QUIESCE_LIMIT: Duration = Duration::from_millis(20);

/// How long to wait for a program without giving the CPU away. Who gives it away on a host without spare CPUs gets it back
/// when the next one has spun its time slice, which takes seconds in the worst case; programs run for 0.1 to 20 µs.
const BUSY_WAIT_LIMIT: Duration = Duration::from_micros(200);

/// Waits a little for a program that began before `started`.
fn pause(started: Instant) {
    if started.elapsed() < BUSY_WAIT_LIMIT {
        std::hint::spin_loop();
    } else {
        std::thread::yield_now();
    }
}

/// Waits until `cpu` has left the program that may still use the closed bank; says whether it has.
pub(super) fn quiesce(states: &MappedArray<CpuState>, cpu: usize) -> bool {
    let Some(state) = states.get(cpu) else {
        return false;
    };
    // SAFETY: an element of the mapping.
    let seq = || unsafe { read_volatile(&raw const (*state).seq) };
    let first = seq();
    if first & 1 == 0 {
        return true;
    }
    let started = Instant::now();
    while seq() == first {
        if started.elapsed() > QUIESCE_LIMIT {
            return false;
        }
        pause(started);
    }
    true
}

/// A consistent copy of the state of `cpu`, and whether it is one.
pub(super) fn state(states: &MappedArray<CpuState>, cpu: usize) -> Option<(Box<CpuState>, bool)> {
    let at = states.get(cpu)?;
    let started = Instant::now();
    for attempt in 0.. {
        // SAFETY: an element of the mapping; plain integers.
        let (before, copied, after) = unsafe {
            let before = read_volatile(&raw const (*at).seq);
            fence(Ordering::Acquire);
            let copied = Box::new(copy(at));
            fence(Ordering::Acquire);
            (before, copied, read_volatile(&raw const (*at).seq))
        };
        if before == after && before & 1 == 0 {
            return Some((copied, false));
        }
        if attempt >= MAX_COPIES && started.elapsed() > QUIESCE_LIMIT {
            return Some((copied, true));
        }
        if before & 1 == 1 {
            pause(started);
        }
    }
    None
}

/// Waits that are over on all CPUs since attach, by their ends or because something proved it, each CPU as it is when it is read.
pub(super) fn nr_over(states: &MappedArray<CpuState>) -> u64 {
    let of = |cpu| {
        let state = states.get(cpu)?;
        // SAFETY: an element of the mapping; two words, of which each only grows.
        Some(unsafe {
            let nr_missed = read_volatile(&raw const (*state).lost[lost::END_MISSED]);
            read_volatile(&raw const (*state).nr_completed).wrapping_add(nr_missed)
        })
    };
    (0..states.len()).filter_map(of).fold(0, u64::wrapping_add)
}

/// Whether some CPU has a spin wait open.
pub(super) fn has_spinners(states: &MappedArray<CpuState>) -> bool {
    let depth = |cpu| {
        let state = states.get(cpu)?;
        // SAFETY: as above.
        Some(unsafe { read_volatile(&raw const (*state).depth) })
    };
    (0..states.len()).filter_map(depth).any(|depth| depth > 0)
}

/// Where the run queues are, of the CPUs on which the sampler found them.
pub(super) fn runqueues(states: &MappedArray<CpuState>) -> Vec<(CpuId, LockAddr)> {
    let addr = |cpu: usize| {
        let state = states.get(cpu)?;
        // SAFETY: an element of the mapping; the word is written once.
        let addr = unsafe { read_volatile(&raw const (*state).runqueue_addr) };
        let cpu = u32::try_from(cpu).ok()?;
        (addr != 0).then_some((CpuId(cpu), LockAddr(addr)))
    };
    (0..states.len()).filter_map(addr).collect()
}

/// Reads the closed bank of `cpu` and makes it empty. Gives the begins that found no room.
pub(super) fn take_bank(
    banks: &MappedArray<LockBank>,
    cpu: usize,
    bank: usize,
    sink: &mut Vec<RawRecord>,
) -> u32 {
    let Some(at) = banks.get(2 * cpu + bank) else {
        return 0;
    };
    // SAFETY: an element of the mapping. The kernel side left this bank at the flip, so nobody
    // writes to it now.
    unsafe {
        let nr_used = (read_volatile(&raw const (*at).nr_used) as usize).min(LOCKS_PER_CPU);
        let nr_overflow = read_volatile(&raw const (*at).nr_overflow);
        let entries = (&raw mut (*at).entries).cast::<livelock_common::LockAgg>();
        for i in 0..nr_used {
            let entry = copy(entries.add(i));
            if entry.nr_begun == 0 && entry.nr_waits == 0 {
                continue;
            }
            sink.push(RawRecord::Lock {
                cpu: u32::try_from(cpu).unwrap_or(u32::MAX),
                is_overflow: i == 0,
                entry: Box::new(entry),
            });
        }
        if nr_used > 0 {
            write_bytes(entries, 0, nr_used);
            write_bytes(&raw mut (*at).index, 0, 1);
            write_volatile(&raw mut (*at).nr_overflow, 0);
            write_volatile(&raw mut (*at).nr_used, 0);
        }
        nr_overflow
    }
}

/// Sleeping waits that are open now.
pub(super) fn open_tasks(tasks: &MappedArray<TaskSlot>, sink: &mut Vec<RawRecord>) {
    for i in 0..tasks.len() {
        let Some(at) = tasks.get(i) else { return };
        // SAFETY: an element of the mapping; plain integers.
        unsafe {
            if read_volatile(&raw const (*at).lock_addr) == 0 {
                continue;
            }
            let mut first = copy(at);
            for _ in 0..MAX_SLOT_COPIES {
                fence(Ordering::Acquire);
                let second = copy(at);
                // Otherwise the owner moved on between the copies.
                if first.begin_ns == second.begin_ns
                    && first.phase_ns == second.phase_ns
                    && first.lock_addr == second.lock_addr
                {
                    if second.lock_addr != 0 {
                        sink.push(RawRecord::Task(second));
                    }
                    break;
                }
                first = second;
            }
        }
    }
}
