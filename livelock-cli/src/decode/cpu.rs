//! The state of a CPU: its counters, its open waits, and what waits to be folded.
//!
//! In: a copy of the state. Out: a `Cpu` event, `InFlight` and `Unfolded` events. Refuses: a state that
//! claims more slots than there are.

use std::collections::BTreeMap;

use livelock_common::{CpuState, MAX_NEST, lost};
use livelock_core::event::{
    CpuCounters, DetailLossCause, Event, InFlightWait, LossCause, UnfoldedWait, WaitEvent,
};
use livelock_core::ids::{CpuId, LockAddr, MonotonicNs, Pid, Tgid};

use super::streamed::wait;
use super::{DecodeError, kind, stack_id};
use crate::raw::RingDrops;

/// Cost of one run of a contention program in nanoseconds where none was timed yet: twice the dearest
/// mean measured in a two-CPU guest (`cargo xtask bench cost`).
const UNTIMED_RUN_NS: u64 = 400;

/// Causes by their index on the wire.
const CAUSES: [(usize, LossCause); 5] = [
    (lost::NESTED, LossCause::Nested),
    (lost::TOO_DEEP, LossCause::TooDeep),
    (lost::END_MISSED, LossCause::EndMissed),
    (lost::TASK_SLOTS_FULL, LossCause::TaskSlotsFull),
    (lost::NESTED_SLEEP, LossCause::NestedSleep),
];

pub(super) struct Snapshot<'raw> {
    pub(super) cpu: u32,
    pub(super) state: &'raw CpuState,
    pub(super) dropped: RingDrops,
    pub(super) nr_table_overflow: u64,
    pub(super) nr_torn: u64,
}

pub(super) fn decode(
    snapshot: &Snapshot<'_>,
    at: MonotonicNs,
    sink: &mut Vec<Event>,
) -> Result<(), DecodeError> {
    let state = snapshot.state;
    let depth = state.depth as usize;
    let high = state.high as usize;
    if depth > MAX_NEST || high > MAX_NEST {
        return Err(DecodeError::TooDeep {
            depth: state.depth.max(state.high),
        });
    }
    let cpu = CpuId(snapshot.cpu);
    sink.push(Event::Cpu {
        cpu,
        counters: counters(snapshot),
    });
    open_spins(snapshot.cpu, state, depth, at, sink);
    for slot in state.slots.iter().take(high).skip(depth) {
        let wait_ns = slot.end_ns.saturating_sub(slot.begin_ns);
        let spin_ns = wait_ns.saturating_sub(slot.nested_ns);
        sink.push(Event::Unfolded(UnfoldedWait {
            lock: LockAddr(slot.lock_addr),
            kind: kind(slot.flags),
            cpu,
            spin_ns,
            wait: Some(WaitEvent {
                lock: LockAddr(slot.lock_addr),
                kind: kind(slot.flags),
                begin: MonotonicNs(slot.begin_ns),
                in_line_after_ns: None,
                end: MonotonicNs(slot.end_ns),
                spin_ns,
                pid: Pid(slot.pid),
                tgid: Tgid(slot.tgid),
                cpu,
                stack: stack_id(snapshot.cpu, slot.stack_id),
                acquired: true,
            }),
        }));
    }
    for record in state.done.iter().take(state.nr_done as usize) {
        sink.push(Event::Unfolded(UnfoldedWait {
            lock: LockAddr(record.lock_addr),
            kind: kind(record.flags),
            cpu,
            spin_ns: record.spin_ns,
            wait: wait(record).ok(),
        }));
    }
    Ok(())
}

/// Open spin waits; each is charged only the time in which it was the innermost.
fn open_spins(cpu: u32, state: &CpuState, depth: usize, at: MonotonicNs, sink: &mut Vec<Event>) {
    for (i, slot) in state.slots.iter().enumerate().take(depth) {
        let inner = state.slots.get(i + 1).filter(|_| i + 1 < depth);
        let (until_ns, booked_ns) = inner.map_or((at.0, state.spin_ns), |inner| {
            (inner.begin_ns, inner.spin_before_ns)
        });
        let age_ns = until_ns.saturating_sub(slot.begin_ns);
        let nested_ns = booked_ns.saturating_sub(slot.spin_before_ns);
        let spin_ns = age_ns.saturating_sub(nested_ns);
        sink.push(Event::InFlight(InFlightWait {
            lock: LockAddr(slot.lock_addr),
            kind: kind(slot.flags),
            begin: MonotonicNs(slot.begin_ns),
            in_line_after_ns: None,
            spin_ns,
            unbooked_spin_ns: spin_ns,
            spinning: true,
            cpu: CpuId(cpu),
            pid: Pid(slot.pid),
            tgid: Tgid(slot.tgid),
            stack: stack_id(cpu, slot.stack_id),
        }));
    }
}

fn counters(snapshot: &Snapshot<'_>) -> CpuCounters {
    let state = snapshot.state;
    let mut lost = BTreeMap::new();
    for (index, cause) in CAUSES {
        if let Some(&nr) = state.lost.get(index).filter(|&&nr| nr > 0) {
            lost.insert(cause, nr);
        }
    }
    let detail_lost = [
        (DetailLossCause::WaitRingFull, snapshot.dropped.nr_waits),
        (DetailLossCause::StackRingFull, snapshot.dropped.nr_stacks),
        (DetailLossCause::SampleRingFull, snapshot.dropped.nr_samples),
        (
            DetailLossCause::ReleaseRingFull,
            snapshot
                .dropped
                .nr_releases
                .saturating_add(state.nr_release_refused),
        ),
        (DetailLossCause::CallRingFull, snapshot.dropped.nr_calls),
        (
            DetailLossCause::UserStackRingFull,
            snapshot.dropped.nr_user_stacks,
        ),
        (DetailLossCause::StackFailed, state.nr_stack_failed),
        (DetailLossCause::LockTableFull, snapshot.nr_table_overflow),
        (DetailLossCause::FoldBacklog, state.nr_unattributed),
        (DetailLossCause::TornSnapshot, snapshot.nr_torn),
    ];
    let nr_nested = state.lost.get(lost::NESTED).copied().unwrap_or(0);
    // An end without its begin is that of a wait outside the scope: both were looked at.
    let nr_outside = state.nr_end_unmatched.saturating_mul(2);
    let nr_runs = state
        .nr_begun
        .saturating_add(state.nr_completed)
        .saturating_add(nr_outside);
    let run_ns = state
        .timed_self_ns
        .checked_div(state.nr_timed)
        .unwrap_or(UNTIMED_RUN_NS);
    // With lockdep a release is a run of its programs, most of which find that nobody asks for the lock.
    let nr_lockdep = state.lockdep.nr_runs;
    let nr_releases = if nr_lockdep == 0 {
        state.nr_releases
    } else {
        0
    };
    let lockdep_run_ns = state.lockdep.timed_ns.checked_div(state.lockdep.nr_timed);
    let lockdep_self_ns = nr_lockdep.saturating_mul(lockdep_run_ns.unwrap_or(UNTIMED_RUN_NS));
    CpuCounters {
        nr_begun: state.nr_begun.saturating_add(nr_nested),
        nr_completed: state.nr_completed,
        nr_open_spin: u64::from(state.depth),
        lost,
        detail_lost: detail_lost.into_iter().filter(|(_, nr)| *nr > 0).collect(),
        nr_end_unmatched: state.nr_end_unmatched.saturating_add(state.nr_end_refused),
        nr_phases: state.nr_phases,
        spin_ns: state.spin_ns,
        nr_ticks: state.nr_ticks,
        nr_ticks_in_self: state.nr_ticks_in_self,
        nr_stacks: state.nr_stacks,
        nr_waits_left_out: Some(snapshot.dropped.nr_waits_left_out),
        nr_releases_left_out: Some(snapshot.dropped.nr_releases_left_out),
        slice_mask: Some(snapshot.dropped.slice_mask),
        lockdep_self_ns,
        self_ns: nr_runs
            .saturating_add(nr_releases)
            .saturating_mul(run_ns)
            .saturating_add(lockdep_self_ns)
            .saturating_add(state.stacked_self_ns)
            .saturating_add(state.sampler_self_ns),
    }
}
