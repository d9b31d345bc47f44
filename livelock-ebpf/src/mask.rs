//! Bounds that the verifier can see.
//!
//! In: an index. Out: the same index, masked by an instruction that LLVM cannot remove. Refuses:
//! masks that are not a power of two less one.

use core::arch::asm;

/// `value & MASK`, opaque to the optimizer.
///
/// LLVM proves such masks superfluous from facts that the verifier cannot follow, and drops them.
#[inline(always)]
pub fn masked<const MASK: i32>(value: u64) -> usize {
    let mut out = value;
    // SAFETY: one ALU instruction on a register of our own.
    unsafe { asm!("{0} &= {1}", inout(reg) out, const MASK, options(pure, nomem, nostack)) };
    out as usize
}
