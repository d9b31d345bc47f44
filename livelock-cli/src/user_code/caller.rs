//! Who called the function that entered the kernel.
//!
//! In: the code of that function up to its system call. Out: how far above the stack pointer its return address lies, and
//! whether an address is one that a call returns to. Refuses: code that it cannot follow, and any but x86-64.
//!
//! Wrappers of system calls have no frame pointer, so a walk by frame pointers goes from the wrapper to the caller of its
//! caller. What a wrapper pushes before the system call is told by its code.

use iced_x86::{Decoder, DecoderOptions, FlowControl, Instruction, Mnemonic, OpKind, Register};

/// Longest wrapper that is followed; those of C libraries are a tenth of it.
pub(super) const MAX_WRAPPER_BYTES: u64 = 512;

/// Longest call: `call [r8+r9*8+disp32]`, with a prefix.
pub(super) const MAX_CALL_BYTES: u64 = 8;

/// `syscall`.
pub(super) const SYSCALL: [u8; 2] = [0x0f, 0x05];

/// Words between the stack pointer and the return address at the end of `code`, which begins with its function and ends
/// with the system call; `None` if `code` is no such wrapper.
pub(super) fn depth_words(code: &[u8]) -> Option<usize> {
    if !code.ends_with(&SYSCALL) {
        return None;
    }
    let mut decoder = Decoder::with_ip(64, code, 0, DecoderOptions::NONE);
    let mut depth_bytes: i64 = 0;
    while decoder.can_decode() {
        let step = decoder.decode();
        if step.is_invalid() {
            return None;
        }
        depth_bytes = match step.flow_control() {
            // What comes behind is reached from elsewhere; wrappers have one path to each system call, and what it needs
            // of the stack it takes itself.
            FlowControl::Return
            | FlowControl::UnconditionalBranch
            | FlowControl::IndirectBranch
            | FlowControl::Exception => 0,
            // Whatever a call pushes, its return takes.
            FlowControl::Call | FlowControl::IndirectCall => depth_bytes,
            _ => depth_bytes.checked_add(pushed_bytes(&step)?)?,
        };
    }
    let is_whole = depth_bytes >= 0 && depth_bytes % 8 == 0;
    is_whole
        .then(|| usize::try_from(depth_bytes / 8).ok())
        .flatten()
}

/// By how much `step` lowers the stack pointer; `None` if that is not to be told from it.
fn pushed_bytes(step: &Instruction) -> Option<i64> {
    let is_stack_pointer = step.op_count() > 0
        && step.op0_kind() == OpKind::Register
        && step.op0_register() == Register::RSP;
    match step.mnemonic() {
        Mnemonic::Sub | Mnemonic::Add if is_stack_pointer => {
            let is_number = matches!(
                step.op1_kind(),
                OpKind::Immediate8to64 | OpKind::Immediate32to64
            );
            let by = is_number.then(|| step.immediate(1) as i64)?;
            Some(if step.mnemonic() == Mnemonic::Sub {
                by
            } else {
                by.checked_neg()?
            })
        }
        Mnemonic::Push => Some(8),
        Mnemonic::Pop => Some(-8),
        Mnemonic::Cmp | Mnemonic::Test => Some(0),
        Mnemonic::Leave | Mnemonic::Enter => None,
        _ if is_stack_pointer => None,
        _ => Some(0),
    }
}

/// Whether a call ends where `before` ends, the bytes in front of an address.
pub(super) fn ends_with_call(before: &[u8]) -> bool {
    (2..=before.len()).any(|len_bytes| {
        let bytes = &before[before.len() - len_bytes..];
        let mut decoder = Decoder::with_ip(64, bytes, 0, DecoderOptions::NONE);
        let step = decoder.decode();
        step.mnemonic() == Mnemonic::Call && step.len() == len_bytes
    })
}
