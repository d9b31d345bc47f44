//! Instruction sets.
//!
//! In: ELF's number of a machine. Out: which decoder reads its code.
//! Refuses: every other machine; its code stays unseen.

use super::step::Step;
use super::{arm64, x86};

const EM_386: u16 = 3;
const EM_X86_64: u16 = 62;
const EM_AARCH64: u16 = 183;

/// An instruction set that can be read here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Isa {
    /// 32-bit x86, as processes only.
    X86,
    /// 64-bit x86.
    X86_64,
    /// 64-bit Arm.
    Arm64,
}

impl Isa {
    /// From `e_machine` of a program. An x32 program says `EM_X86_64` and is 64-bit code.
    #[must_use]
    pub const fn of_elf_machine(machine: u16) -> Option<Self> {
        match machine {
            EM_386 => Some(Self::X86),
            EM_X86_64 => Some(Self::X86_64),
            EM_AARCH64 => Some(Self::Arm64),
            _ => None,
        }
    }

    /// Between two addresses where an instruction can begin.
    pub(super) const fn alignment_bytes(self) -> u64 {
        match self {
            Self::X86 | Self::X86_64 => 1,
            Self::Arm64 => arm64::STEP_BYTES,
        }
    }

    /// Decodes the instruction at `addr`, of which `bytes` are the first; `None` if it is none.
    #[must_use]
    pub fn step(self, addr: u64, bytes: &[u8]) -> Option<Step> {
        match self {
            Self::X86 => x86::step(x86::Width::Bits32, addr, bytes),
            Self::X86_64 => x86::step(x86::Width::Bits64, addr, bytes),
            Self::Arm64 => arm64::step(addr, bytes),
        }
    }
}
