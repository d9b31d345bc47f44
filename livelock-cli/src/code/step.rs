//! One instruction, as far as loops and atomics need it.
//!
//! In: nothing; the decoders make it. Out: its length, where control goes, what it is. Refuses: operands.

use livelock_core::code::AtomicOp;

/// One decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// Its length, never 0.
    pub len_bytes: u8,
    /// Whether control can go on to the instruction behind it. So it does after a call, which returns.
    pub falls_through: bool,
    /// Where it may jump to within the function. Not where it calls.
    pub jump_to: Option<u64>,
    /// What it does, if it is atomic.
    pub atomic: Option<AtomicOp>,
    /// Whether it says that this code spins.
    pub is_pause: bool,
}

impl Step {
    /// An instruction that does nothing of interest.
    #[must_use]
    pub const fn plain(len_bytes: u8) -> Self {
        Self {
            len_bytes,
            falls_through: true,
            jump_to: None,
            atomic: None,
            is_pause: false,
        }
    }
}
