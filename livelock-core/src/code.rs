//! What the core asks of whoever can read machine code.
//!
//! In: the address of a sampled instruction. Out: whether an atomic instruction or a loop is there.
//! Refuses: to say what it means; a retry loop, a back-off and a busy queue look alike in one sample.

use serde::{Deserialize, Serialize};

use crate::attempts::FoundSite;
use crate::ids::{CodeAddr, Tgid};

/// Whose instructions an address is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CodeSpace {
    /// The kernel and its modules.
    Kernel,
    /// A process.
    User(Tgid),
}

/// What an atomic instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtomicOp {
    /// Compares and swaps one word: `lock cmpxchg`; `cas` on arm64.
    Cmpxchg,
    /// Compares and swaps two words: `lock cmpxchg16b`, `lock cmpxchg8b`; `casp` on arm64.
    Cmpxchg16b,
    /// Adds and fetches: `lock xadd`; `ldadd` on arm64.
    Xadd,
    /// Swaps, whatever was there: `xchg` with memory, which locks without a prefix; `swp` on arm64.
    Xchg,
    /// Half of a load-exclusive and store-exclusive pair of arm64, which can be any of the others.
    Exclusive,
    /// Any other read-modify-write: `lock` with `inc`, `dec`, `add`, `sub`, `and`, `or`, `bts`, `btr`, …
    Other,
}

/// Where an atomic instruction is, seen from the sampled address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AtomicPlace {
    /// The sampled instruction is the atomic one.
    At,
    /// The sampled instruction is the next one: a sample skids onto what follows a slow instruction.
    After,
}

/// An atomic instruction that a sample hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AtomicNear {
    /// Where it is.
    pub place: AtomicPlace,
    /// What it does.
    pub op: AtomicOp,
}

/// What the code around a sampled address is like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CodeFacts {
    /// The atomic instruction that the sample hit, if one did.
    pub atomic: Option<AtomicNear>,
    /// The address is in a short loop: control can come back to it within the code that was looked at.
    pub in_loop: bool,
    /// The innermost such loop has an instruction with which code says that it spins (`pause`; on
    /// arm64 `yield`, `wfe`, `isb`). What it calls does not count. False without a loop.
    pub loop_has_pause: bool,
    /// The innermost such loop has an atomic instruction. False without a loop.
    pub loop_has_atomic: bool,
    /// From the first to the last byte of the innermost loop; `None` without a loop.
    pub loop_len_bytes: Option<u32>,
}

/// The code of one host. Implemented over live memory by the binary, over nothing by [`NoCode`].
pub trait Code {
    /// Facts about the instruction at `addr`; `None` if its code could not be seen or made sense of.
    fn facts(&self, space: CodeSpace, addr: CodeAddr) -> Option<CodeFacts>;
    /// Attempts in the kernel functions that start at `functions`; none of one whose code could not be seen.
    fn attempts(&self, functions: &[CodeAddr]) -> Vec<FoundSite>;
}

/// For a host whose code cannot be read. A recording brings its facts along.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoCode;

impl Code for NoCode {
    fn facts(&self, _space: CodeSpace, _addr: CodeAddr) -> Option<CodeFacts> {
        None
    }

    fn attempts(&self, _functions: &[CodeAddr]) -> Vec<FoundSite> {
        Vec::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_code_there_are_no_facts() {
        let code: &dyn Code = &NoCode;
        assert_eq!(code.facts(CodeSpace::Kernel, CodeAddr(1)), None);
        assert_eq!(code.facts(CodeSpace::User(Tgid(1)), CodeAddr(1)), None);
    }
}
