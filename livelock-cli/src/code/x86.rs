//! Instructions of x86.
//!
//! In: bytes and where they are. Out: a [`Step`]. Refuses: bytes that are no instruction.
//!
//! Locked are instructions with a `LOCK` prefix, and `xchg` with memory, which needs none (Intel SDM,
//! volume 2, XCHG). A `cmpxchg` without the prefix, as on per-CPU data, is atomic for its own CPU only and
//! contends with nobody.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind};
use livelock_core::code::AtomicOp;

use super::step::Step;

/// The longest instruction (Intel SDM, volume 3, 25.1).
pub(super) const MAX_STEP_BYTES: usize = 15;

/// Of addresses and operands by default.
#[derive(Clone, Copy, Debug)]
pub(super) enum Width {
    Bits32,
    Bits64,
}

/// Decodes the instruction at `addr`.
pub(super) fn step(width: Width, addr: u64, bytes: &[u8]) -> Option<Step> {
    let bits = match width {
        Width::Bits32 => 32,
        Width::Bits64 => 64,
    };
    let bytes = &bytes[..bytes.len().min(MAX_STEP_BYTES)];
    let mut decoder = Decoder::try_with_ip(bits, bytes, addr, DecoderOptions::NONE).ok()?;
    if !decoder.can_decode() {
        return None;
    }
    let instruction = decoder.decode();
    if instruction.is_invalid() {
        return None;
    }
    let len_bytes = u8::try_from(instruction.len()).ok()?;
    let (falls_through, jumps) = match instruction.flow_control() {
        FlowControl::Next
        | FlowControl::Call
        | FlowControl::IndirectCall
        | FlowControl::XbeginXabortXend => (true, false),
        FlowControl::ConditionalBranch => (true, true),
        FlowControl::UnconditionalBranch => (false, true),
        // `int3` pads code and stands where a probe was set, `int 0x80` is a system call.
        FlowControl::Interrupt => (instruction.mnemonic() == Mnemonic::Int, false),
        // `ud2` of a `WARN` does go on, but never in a loop that anybody would want to find.
        FlowControl::IndirectBranch | FlowControl::Return | FlowControl::Exception => {
            (false, false)
        }
    };
    let is_near = matches!(
        instruction.op0_kind(),
        OpKind::NearBranch16 | OpKind::NearBranch32 | OpKind::NearBranch64
    );
    Some(Step {
        len_bytes,
        falls_through,
        jump_to: (jumps && is_near).then(|| instruction.near_branch_target()),
        atomic: atomic(&instruction),
        is_pause: matches!(
            instruction.mnemonic(),
            Mnemonic::Pause | Mnemonic::Tpause | Mnemonic::Umwait
        ),
    })
}

fn atomic(instruction: &Instruction) -> Option<AtomicOp> {
    let on_memory =
        instruction.op0_kind() == OpKind::Memory || instruction.op1_kind() == OpKind::Memory;
    match instruction.mnemonic() {
        Mnemonic::Xchg => on_memory.then_some(AtomicOp::Xchg),
        _ if !instruction.has_lock_prefix() => None,
        Mnemonic::Cmpxchg => Some(AtomicOp::Cmpxchg),
        Mnemonic::Cmpxchg8b | Mnemonic::Cmpxchg16b => Some(AtomicOp::Cmpxchg16b),
        Mnemonic::Xadd => Some(AtomicOp::Xadd),
        _ => Some(AtomicOp::Other),
    }
}
