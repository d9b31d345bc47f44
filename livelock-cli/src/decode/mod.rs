//! From raw records to events. The only decode there is: live, replay and export share it.
//!
//! In: [`RawRecord`]s. Out: [`Event`]s. Refuses: to panic on any value; what makes no sense is an error
//! value that is counted.

mod activity;
mod cpu;
mod error;
mod streamed;

use livelock_core::event::{Event, InFlightWait, LockKind};
use livelock_core::hist::WaitHistogram;
use livelock_core::ids::{CpuId, LockAddr, MonotonicNs, Pid, StackId, Tgid};

pub use error::DecodeError;

use crate::raw::RawRecord;
use livelock_common::{LockAgg, TaskSlot, lcb, line};

/// Decodes one record into `sink`. `at` is the moment of the snapshot that it belongs to; open waits
/// are as old as that.
///
/// # Errors
/// If the record makes no sense; `sink` is unchanged then.
pub fn decode(raw: &RawRecord, at: MonotonicNs, sink: &mut Vec<Event>) -> Result<(), DecodeError> {
    match raw {
        RawRecord::Wait(record) => sink.push(Event::Wait(streamed::wait(record)?)),
        RawRecord::Stack { cpu, record, user } => {
            let stack = streamed::stack(*cpu, record, user.as_deref())?;
            sink.push(Event::Stack(stack));
        }
        RawRecord::Sample { cpu, record } => {
            sink.push(Event::Sample(streamed::sample(*cpu, record)?));
        }
        RawRecord::Release(record) => sink.push(Event::Release(streamed::release(record)?)),
        RawRecord::Call { cpu, record } => {
            sink.push(Event::LockCall(streamed::call(*cpu, record)?));
        }
        RawRecord::Lock {
            cpu,
            is_overflow,
            entry,
        } => {
            sink.push(lock_totals(*cpu, *is_overflow, entry));
        }
        RawRecord::Cpu {
            cpu,
            state,
            dropped,
            nr_table_overflow,
            nr_torn,
        } => {
            let snapshot = cpu::Snapshot {
                cpu: *cpu,
                state,
                dropped: *dropped,
                nr_table_overflow: *nr_table_overflow,
                nr_torn: *nr_torn,
            };
            cpu::decode(&snapshot, at, sink)?;
        }
        RawRecord::Task(slot) => sink.push(Event::InFlight(open_task(slot, at))),
        RawRecord::Activity {
            cpu,
            probes,
            activity,
        } => sink.push(Event::Activity {
            cpu: CpuId(*cpu),
            activity: Box::new(activity::activity(*probes, activity)),
        }),
        RawRecord::Runnable(slot) => {
            sink.extend(activity::starved(slot, at).map(Event::Starved));
        }
        RawRecord::RecursionMisses(nr) => sink.push(Event::RecursionMisses(*nr)),
    }
    Ok(())
}

/// Family of a lock by the flags of its waits.
///
/// Source: `lock:contention_begin` callers, `kernel/locking/`, v6.18.
#[must_use]
pub const fn kind(flags: u32) -> LockKind {
    if flags & lcb::RT != 0 {
        LockKind::Rtmutex
    } else if flags & lcb::PERCPU != 0 {
        LockKind::PercpuRwsem
    } else if flags & lcb::MUTEX != 0 || flags == 0 {
        // Linux 5.19 emits no flag for mutexes.
        LockKind::Mutex
    } else if flags & lcb::SPIN != 0 {
        if flags & (lcb::READ | lcb::WRITE) != 0 {
            LockKind::Rwlock
        } else {
            LockKind::Spinlock
        }
    } else if flags & (lcb::READ | lcb::WRITE) != 0 {
        LockKind::Rwsem
    } else {
        LockKind::Unknown
    }
}

/// When a sleeping wait had come to stand in line, at the latest.
fn in_line_after_ns(line_units: u32) -> Option<u64> {
    (line_units != 0).then(|| u64::from(line_units) * line::UNIT_NS)
}

fn stack_id(cpu: u32, number: u32) -> Option<StackId> {
    (number != 0).then_some(StackId {
        cpu: CpuId(cpu),
        number,
    })
}

fn lock_totals(cpu: u32, is_overflow: bool, entry: &LockAgg) -> Event {
    Event::LockTotals(livelock_core::event::LockTotals {
        cpu: CpuId(cpu),
        lock: (!is_overflow).then_some(LockAddr(entry.lock_addr)),
        kind: if is_overflow {
            LockKind::Unknown
        } else {
            kind(entry.flags)
        },
        nr_begun: u64::from(entry.nr_begun),
        nr_waits: entry.nr_waits,
        wait_ns: entry.wait_ns,
        spin_ns: entry.spin_ns,
        max_ns: entry.max_ns,
        nr_failed: entry.nr_failed,
        hist: WaitHistogram::from_counts(entry.hist.iter().map(|&nr| u64::from(nr))),
    })
}

/// Longest part of a mutex spin phase that is booked while it is still open: one tick at 250 Hz. A
/// spinner with a competitor yields by then, and is on the runqueue inside the same phase; whether it
/// was is known when the phase ends.
const OPEN_SPIN_PHASE_NS: u64 = 4_000_000;

/// A sleeping wait that is open; its spin phase, if it is in one, burns until now.
fn open_task(slot: &TaskSlot, at: MonotonicNs) -> InFlightWait {
    let (flags, line_units) = (
        slot.phase & ((1 << line::SHIFT) - 1),
        slot.phase >> line::SHIFT,
    );
    let spinning = flags & lcb::SPIN != 0;
    let phase_ns = if spinning {
        at.since(MonotonicNs(slot.phase_ns)).min(OPEN_SPIN_PHASE_NS)
    } else {
        0
    };
    InFlightWait {
        lock: LockAddr(slot.lock_addr),
        kind: kind(flags),
        begin: MonotonicNs(slot.begin_ns),
        in_line_after_ns: in_line_after_ns(line_units),
        spin_ns: slot.spin_ns.saturating_add(phase_ns),
        unbooked_spin_ns: phase_ns,
        spinning,
        cpu: CpuId(u32::from(slot.phase_cpu)),
        pid: Pid(slot.pid),
        tgid: Tgid(slot.tgid),
        stack: stack_id(u32::from(slot.stack_cpu), slot.stack_id),
    }
}

#[cfg(test)]
mod tests;
