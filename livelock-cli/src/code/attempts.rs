//! Places in a function's code where it attempts something.
//!
//! In: the code of a function, and which functions take locks, try to, or let them go. Out: [`FoundSite`]s. Refuses:
//! anything but the two shapes below, on x86-64; a site that is none would be counted for nothing.
//!
//! A *trylock* is a call of one, whose result decides a branch right behind it. A *guarded read* is a loop that loads a
//! word, pauses while it is odd, and starts over if the same word has changed at its end
//! (`read_seqbegin`, `read_seqretry`: include/linux/seqlock.h).

use std::collections::BTreeSet;
use std::ops::Range;

use iced_x86::{
    ConditionCode, Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register,
};
use livelock_core::attempts::{AttemptKind, AttemptSite, FoundSite};
use livelock_core::ids::CodeAddr;
use livelock_core::lock_call::LockCallKind;

use super::calls::{LockCalls, target};
use super::facts::Bytes;
use super::flow::{Loop, innermost_loop_within};
use super::isa::Isa;

/// Instructions between a call and the branch on its result, or between a comparison and what it compares.
const MAX_BETWEEN: usize = 6;

/// Attempts of one function that are told; more is a table, not a loop.
const MAX_SITES: usize = 8;

/// Attempts in `code` from `start_addr`, where the function begins, to `end_addr`.
pub(super) fn attempts(
    code: &Bytes<'_>,
    (start_addr, end_addr): (u64, u64),
    kind_of: &dyn Fn(u64) -> Option<LockCallKind>,
) -> Vec<FoundSite> {
    if code.isa != Isa::X86_64 {
        return Vec::new();
    }
    let steps = decode(code, start_addr, end_addr);
    let calls = LockCalls::of(&steps, kind_of);
    let found = (0..steps.len()).filter_map(|at| {
        if let Some((tried_at, succeeded_at)) = trylock(&steps, at, kind_of) {
            let site = AttemptSite {
                kind: AttemptKind::Trylock,
                tried_at: CodeAddr(tried_at),
                succeeded_at: CodeAddr(succeeded_at),
                begin: CodeAddr(start_addr),
                end: CodeAddr(end_addr),
            };
            let calls = steps.get(at).map(|call| calls.around(call.ip()));
            return Some(FoundSite {
                site,
                calls: calls.unwrap_or_default(),
            });
        }
        let site = guarded_read(code, start_addr..end_addr, &steps, at)?;
        let calls = Vec::new();
        Some(FoundSite { site, calls })
    });
    found.take(MAX_SITES).collect()
}

/// Where the calls of a piece of code go.
pub(super) fn call_targets(code: &Bytes<'_>, (start_addr, end_addr): (u64, u64)) -> Vec<u64> {
    if code.isa != Isa::X86_64 {
        return Vec::new();
    }
    let steps = decode(code, start_addr, end_addr);
    steps.iter().filter_map(target).collect()
}

/// All instructions: the kernel keeps no data between them.
fn decode(code: &Bytes<'_>, start_addr: u64, end_addr: u64) -> Vec<Instruction> {
    let at = |addr: u64| usize::try_from(addr.checked_sub(code.base_addr)?).ok();
    let end = at(end_addr).map(|end| end.min(code.bytes.len()));
    let bytes = at(start_addr)
        .zip(end)
        .and_then(|(start, end)| code.bytes.get(start..end))
        .unwrap_or_default();
    let mut decoder = Decoder::with_ip(64, bytes, start_addr, DecoderOptions::NONE);
    let mut steps = Vec::new();
    while decoder.can_decode() {
        steps.push(decoder.decode());
    }
    steps
}

/// If a trylock is called at `at`: where its result is looked at, and where control goes with the lock.
fn trylock(
    steps: &[Instruction],
    at: usize,
    kind_of: &dyn Fn(u64) -> Option<LockCallKind>,
) -> Option<(u64, u64)> {
    let call = steps.get(at)?;
    let is_call = call.flow_control() == FlowControl::Call;
    if !is_call || kind_of(target(call)?) != Some(LockCallKind::Trylock) {
        return None;
    }
    let mut results = BTreeSet::from([Register::RAX]);
    let mut is_tested = false;
    for step in steps.iter().skip(at + 1).take(MAX_BETWEEN) {
        let (to, from) = (register(step, 0), register(step, 1));
        let is_result = |register: Option<Register>| register.is_some_and(|r| results.contains(&r));
        match (step.flow_control(), step.mnemonic()) {
            (FlowControl::ConditionalBranch, _) if is_tested => {
                return match step.condition_code() {
                    ConditionCode::e => Some((call.next_ip(), step.next_ip())),
                    ConditionCode::ne => Some((call.next_ip(), step.near_branch_target())),
                    _ => None,
                };
            }
            (FlowControl::Next, Mnemonic::Test) => is_tested = is_result(to) && to == from,
            (FlowControl::Next, Mnemonic::Mov | Mnemonic::Movzx) => {
                if is_result(from) {
                    results.extend(to);
                } else if let Some(to) = to {
                    results.remove(&to);
                }
            }
            (FlowControl::Next, Mnemonic::Lea | Mnemonic::Nop) => {
                results.retain(|result| Some(*result) != to);
            }
            _ => return None,
        }
    }
    None
}

/// If the branch at `at` closes a loop of a guarded read. Its rare paths may stand at the end of the `function`: bounds
/// checks of a large one move them far away.
fn guarded_read(
    code: &Bytes<'_>,
    function: Range<u64>,
    steps: &[Instruction],
    at: usize,
) -> Option<AttemptSite> {
    let branch = steps.get(at)?;
    let is_equality = matches!(
        branch.condition_code(),
        ConditionCode::e | ConditionCode::ne
    );
    if branch.flow_control() != FlowControl::ConditionalBranch || !is_equality {
        return None;
    }
    let (compared_at, loaded_at, word) = compared(steps, at)?;
    let around = innermost_loop_within(code, function, branch.ip())?;
    let (taken, next) = (branch.near_branch_target(), branch.next_ip());
    let succeeded_at = match (around.contains(taken), around.contains(next)) {
        (true, false) => next,
        (false, true) => taken,
        _ => return None,
    };
    // Equal is what a read that held finds.
    let holds_if_taken = branch.condition_code() == ConditionCode::e;
    if holds_if_taken != (succeeded_at == taken) || !begins_read(&around, steps, loaded_at, word) {
        return None;
    }
    let near = around.near(branch.ip());
    Some(AttemptSite {
        kind: AttemptKind::SeqRead,
        tried_at: CodeAddr(compared_at),
        succeeded_at: CodeAddr(succeeded_at),
        begin: CodeAddr(near.start),
        end: CodeAddr(near.end),
    })
}

/// The comparison that the branch at `at` decides by, if it is with a word of memory: where it is, where the word is
/// loaded, and which word it is.
fn compared(steps: &[Instruction], at: usize) -> Option<(u64, u64, Word)> {
    let before = || steps.iter().take(at).rev().take(MAX_BETWEEN);
    let is_quiet = |step: &&Instruction| matches!(step.mnemonic(), Mnemonic::Mov | Mnemonic::Lea);
    let nr_between = before().take_while(is_quiet).count();
    let comparison = before().nth(nr_between)?;
    if comparison.mnemonic() != Mnemonic::Cmp {
        return None;
    }
    if let Some(word) = Word::of(comparison) {
        let with_register = register(comparison, 0).or(register(comparison, 1));
        return with_register.map(|_| (comparison.ip(), comparison.ip(), word));
    }
    let compares = [register(comparison, 0), register(comparison, 1)];
    let load = before().skip(nr_between + 1).find(|step| {
        step.mnemonic() == Mnemonic::Mov
            && Word::of(step).is_some()
            && register(step, 0).is_some_and(|to| compares.contains(&Some(to)))
    })?;
    Some((comparison.ip(), load.ip(), Word::of(load)?))
}

/// Whether the loop begins as a guarded read does: loads the word elsewhere as well, asks whether it is odd, and pauses.
/// The pause may be of a loop of its own, from which the first attempt and all others go on, anywhere in the function.
fn begins_read(around: &Loop, steps: &[Instruction], loaded_at: u64, word: Word) -> bool {
    let within = || steps.iter().filter(|step| around.contains(step.ip()));
    let loads = within().any(|step| step.ip() != loaded_at && Word::of(step) == Some(word));
    let is_one = |step: &Instruction| {
        step.mnemonic() == Mnemonic::Test
            && matches!(step.op1_kind(), OpKind::Immediate8 | OpKind::Immediate32)
            && step.immediate(1) == 1
    };
    let pauses = |step: &Instruction| step.mnemonic() == Mnemonic::Pause;
    loads && within().any(is_one) && steps.iter().any(pauses)
}

/// A word of 32 bits in memory, as the sequence of a counter is, by how it is addressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Word {
    segment: Register,
    base: Register,
    index: Register,
    scale: u32,
    displacement: u64,
}

impl Word {
    /// The one that `step` reads, if it reads one.
    fn of(step: &Instruction) -> Option<Self> {
        let is_read = match step.mnemonic() {
            Mnemonic::Mov => step.op1_kind() == OpKind::Memory,
            Mnemonic::Cmp => step.op0_kind() == OpKind::Memory || step.op1_kind() == OpKind::Memory,
            _ => false,
        };
        (is_read && step.memory_size().size() == 4).then(|| Self {
            segment: step.memory_segment(),
            base: step.memory_base(),
            index: step.memory_index(),
            scale: step.memory_index_scale(),
            displacement: step.memory_displacement64(),
        })
    }
}

/// The whole register that is operand `operand`.
fn register(step: &Instruction, operand: u32) -> Option<Register> {
    let is_register = operand < step.op_count() && step.op_kind(operand) == OpKind::Register;
    is_register.then(|| step.op_register(operand).full_register())
}
