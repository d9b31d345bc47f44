//! Calls of locking functions in a function's code.
//!
//! In: its instructions, and what the functions that it calls do. Out: the calls around a trylock that tell which lock is
//! held meanwhile. Refuses: functions that do not both take and let go (what they hold, somebody else knows), and those with
//! more calls than can be watched.

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

    /// The trylock at `trylock_at`, and all others that take locks or let them go, if they are few enough to be watched at the
    /// same time and the lock that is taken last before the trylock is not let go on the way. Else nothing: a call that
    /// nobody watches may end the hold.
    pub(super) fn around(&self, trylock_at: u64) -> Vec<LockCallSite> {
        let at = CodeAddr(trylock_at);
        let is = |kind| move |call: &&LockCallSite| call.kind == kind;
        let has = |kind| self.0.iter().any(|call| call.kind == kind);
        if !has(LockCallKind::Lock) || !has(LockCallKind::Unlock) {
            return Vec::new();
        }
        let before = || self.0.iter().filter(|call| call.at < at);
        let locked_at = before().rfind(is(LockCallKind::Lock)).map(|call| call.at);
        let is_let_go = locked_at.is_some_and(|locked_at| {
            before().any(|call| call.kind == LockCallKind::Unlock && call.at > locked_at)
        });
        let trylock = LockCallSite {
            at,
            kind: LockCallKind::Trylock,
        };
        let mut calls = vec![trylock];
        let others = self
            .0
            .iter()
            .filter(|call| call.kind != LockCallKind::Trylock);
        calls.extend(others);
        if is_let_go || calls.len() > NR_CALLS_WATCHED {
            return Vec::new();
        }
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
