//! Calls of locking functions in a function's code.
//!
//! In: its instructions, and what the functions that it calls do. Out: the calls around a trylock that tell which lock is
//! held meanwhile. Refuses: functions that do not both take and let go; what they hold, somebody else knows.

use iced_x86::{FlowControl, Instruction, OpKind};
use livelock_core::ids::CodeAddr;
use livelock_core::lock_call::{LockCallKind, LockCallSite};
use livelock_core::thresholds::NR_CALLS_WATCHED;

/// The calls of one function, by address.
pub(super) struct LockCalls(Vec<LockCallSite>);

impl LockCalls {
    /// In `steps`. `kind_of` says what the function that starts at an address does.
    pub(super) fn of(steps: &[Instruction], kind_of: &dyn Fn(u64) -> Option<LockCallKind>) -> Self {
        let calls = steps.iter().filter_map(|step| {
            Some(LockCallSite {
                at: CodeAddr(step.ip()),
                kind: kind_of(target(step)?)?,
            })
        });
        Self(calls.collect())
    }

    /// The trylock at `trylock_at` and the nearest others: those that take locks from before it, those that let them go from
    /// behind it. Where a compiler has moved them, the nearest on the other side.
    pub(super) fn around(&self, trylock_at: u64) -> Vec<LockCallSite> {
        let at = CodeAddr(trylock_at);
        let (before, behind): (Vec<_>, Vec<_>) = self.0.iter().partition(|call| call.at < at);
        let of = |kind| move |call: &&&LockCallSite| call.kind == kind;
        let before = |kind| before.iter().rev().filter(of(kind));
        let behind = |kind| behind.iter().filter(of(kind));
        let mut locks = before(LockCallKind::Lock).chain(behind(LockCallKind::Lock));
        let unlocks = behind(LockCallKind::Unlock).chain(before(LockCallKind::Unlock));
        let trylock = LockCallSite {
            at,
            kind: LockCallKind::Trylock,
        };
        let Some(lock) = locks.next() else {
            return Vec::new();
        };
        let mut calls = vec![trylock, **lock];
        // Of two that let go, one is for when the trylock succeeded.
        calls.extend(
            unlocks
                .take(NR_CALLS_WATCHED - calls.len())
                .map(|call| **call),
        );
        if calls.iter().all(|call| call.kind != LockCallKind::Unlock) {
            return Vec::new();
        }
        let nr_left = NR_CALLS_WATCHED - calls.len();
        calls.extend(locks.take(nr_left).map(|call| **call));
        calls
    }
}

/// Where a call goes, the last one of a function included, which is a jump.
pub(super) fn target(step: &Instruction) -> Option<u64> {
    let goes = matches!(
        step.flow_control(),
        FlowControl::Call | FlowControl::UnconditionalBranch
    );
    let is_near = step.op_count() > 0 && step.op0_kind() == OpKind::NearBranch64;
    (goes && is_near).then(|| step.near_branch_target())
}
