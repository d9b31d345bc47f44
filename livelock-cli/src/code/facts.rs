//! What the code at an address is like.
//!
//! In: bytes around an address. Out: [`CodeFacts`]. Refuses: to guess; if no decode meets the address,
//! there are no facts.

use livelock_core::code::{AtomicNear, AtomicPlace, CodeFacts};

use super::before::before;
use super::flow::innermost_loop;
use super::isa::Isa;
use super::step::Step;

/// Bytes of machine code and where they are.
#[derive(Clone, Copy, Debug)]
pub struct Bytes<'a> {
    /// What decodes them.
    pub isa: Isa,
    /// Address of the first byte.
    pub base_addr: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Bytes<'_> {
    /// The instruction that begins at `addr`.
    pub(super) fn step_at(&self, addr: u64) -> Option<Step> {
        let at = usize::try_from(addr.checked_sub(self.base_addr)?).ok()?;
        self.isa.step(addr, self.bytes.get(at..)?)
    }
}

/// Facts about the instruction at `addr`. `start_addr` is where its function begins, if anybody knows.
#[must_use]
pub fn facts_at(code: &Bytes<'_>, start_addr: Option<u64>, addr: u64) -> Option<CodeFacts> {
    let step = code.step_at(addr)?;
    let around = innermost_loop(code, start_addr, addr);
    let at = step.atomic.map(|op| AtomicNear {
        place: AtomicPlace::At,
        op,
    });
    let atomic = match (at, &around) {
        (Some(at), _) => Some(at),
        // In a loop the instruction before is the one that the loop has there. What stands in front of
        // the loop ran once, the sample is of the many times after that.
        (None, Some(around)) => around.ending_at(addr).and_then(after),
        (None, None) => before(code, start_addr, addr)?.step.and_then(after),
    };
    Some(CodeFacts {
        atomic,
        in_loop: around.is_some(),
        loop_has_pause: around.as_ref().is_some_and(|it| it.any(|s| s.is_pause)),
        loop_has_atomic: around
            .as_ref()
            .is_some_and(|it| it.any(|s| s.atomic.is_some())),
        loop_len_bytes: around.map(|it| it.len_bytes()),
    })
}

fn after(step: Step) -> Option<AtomicNear> {
    step.atomic.map(|op| AtomicNear {
        place: AtomicPlace::After,
        op,
    })
}
