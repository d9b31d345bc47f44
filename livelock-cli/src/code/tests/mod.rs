//! Code written by hand, as assembled by binutils and LLVM.
//!
//! In: instructions. Out: what the room says about each. Refuses: nothing.

mod any;
mod arm64;
mod attempts;
mod shapes;
mod x86;

use livelock_core::code::{AtomicNear, AtomicOp, AtomicPlace, CodeFacts};

use super::{Bytes, Isa, facts_at};

/// Where the code is; what is in front of it, and behind it, is `int3`s, as in the kernel.
const BASE_ADDR: u64 = 0xffff_ffff_8100_0000;

struct Program {
    isa: Isa,
    steps: Vec<Vec<u8>>,
}

impl Program {
    fn x86(steps: &[&[u8]]) -> Self {
        let steps = steps.iter().map(|step| step.to_vec()).collect();
        Self {
            isa: Isa::X86_64,
            steps,
        }
    }

    fn arm64(words: &[u32]) -> Self {
        let steps = words.iter().map(|word| word.to_le_bytes().to_vec());
        Self {
            isa: Isa::Arm64,
            steps: steps.collect(),
        }
    }

    fn addr(&self, nr: usize) -> u64 {
        BASE_ADDR + self.steps[..nr].iter().map(Vec::len).sum::<usize>() as u64
    }

    /// Facts about instruction `nr`, with the start of the function known or not; the same, it is hoped.
    fn facts(&self, nr: usize) -> CodeFacts {
        const PADDING: usize = 80;
        let mut bytes = vec![0xcc; PADDING];
        bytes.extend(self.steps.concat());
        bytes.extend([0xcc; PADDING]);
        let code = Bytes {
            isa: self.isa,
            base_addr: BASE_ADDR - PADDING as u64,
            bytes: &bytes,
        };
        let addr = self.addr(nr);
        let facts = facts_at(&code, Some(BASE_ADDR), addr).expect("facts");
        assert_eq!(facts_at(&code, None, addr), Some(facts), "by vote, {nr}");
        facts
    }

    fn atomics(&self) -> Vec<Option<AtomicNear>> {
        let numbers = 0..self.steps.len();
        numbers.map(|nr| self.facts(nr).atomic).collect()
    }

    fn loop_lens(&self) -> Vec<Option<u32>> {
        let numbers = 0..self.steps.len();
        numbers.map(|nr| self.facts(nr).loop_len_bytes).collect()
    }
}

fn at(op: AtomicOp) -> Option<AtomicNear> {
    Some(AtomicNear {
        place: AtomicPlace::At,
        op,
    })
}

fn after(op: AtomicOp) -> Option<AtomicNear> {
    Some(AtomicNear {
        place: AtomicPlace::After,
        op,
    })
}
