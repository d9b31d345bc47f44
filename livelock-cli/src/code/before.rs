//! The instruction in front of an address.
//!
//! In: bytes, an address at which an instruction begins. Out: the instruction before it. Refuses: to
//! answer if no way to decode the bytes before the address ends exactly there.
//!
//! Instructions of x86 have no marks where they begin. Decoded from the start of their function they are
//! what the processor sees. Without it, several starts are tried: a wrong one falls into step with the
//! right ones after a few instructions, so the boundaries that most starts agree on are the real ones.

use std::collections::BTreeMap;

use super::facts::Bytes;
use super::step::Step;

/// How far back starts are tried. Wrong starts fall into step within a few instructions (about 4 bytes each).
const MAX_BACK_BYTES: u64 = 64;

/// A way to decode that meets the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Before {
    /// The instruction that ends there; `None` if the address is the first of its function.
    pub(super) step: Option<Step>,
}

/// The instruction that ends where the one at `addr` begins; `None` if that cannot be known.
pub(super) fn before(code: &Bytes<'_>, start_addr: Option<u64>, addr: u64) -> Option<Before> {
    start_addr
        .and_then(|start_addr| from_start(code, start_addr, addr))
        .or_else(|| by_vote(code, addr))
}

fn from_start(code: &Bytes<'_>, start_addr: u64, addr: u64) -> Option<Before> {
    let mut at = start_addr;
    let mut last = None;
    while at < addr {
        let step = code.step_at(at)?;
        at = at.checked_add(u64::from(step.len_bytes))?;
        last = Some(step);
    }
    (at == addr).then_some(Before { step: last })
}

fn by_vote(code: &Bytes<'_>, addr: u64) -> Option<Before> {
    // From address to the instruction there, and how many starts come past it and end at `addr`.
    let mut chains: BTreeMap<u64, (Step, u32)> = BTreeMap::new();
    let lowest = addr.saturating_sub(MAX_BACK_BYTES);
    let alignment = code.isa.alignment_bytes();
    let mut start = addr;
    while let Some(at) = start.checked_sub(alignment).filter(|&at| at >= lowest) {
        start = at;
        let Some(chain) = chain(code, at, addr) else {
            continue;
        };
        for (at, step) in chain {
            chains.entry(at).or_insert((step, 0)).1 += 1;
        }
    }
    let ends_at_addr =
        |at: u64, step: &Step| at.checked_add(u64::from(step.len_bytes)) == Some(addr);
    chains
        .iter()
        .filter(|&(&at, (step, _))| ends_at_addr(at, step))
        // Of equals the longer one: the shorter is then a tail of it, such as one without its prefix.
        .max_by_key(|&(&at, &(_, nr_votes))| (nr_votes, std::cmp::Reverse(at)))
        .map(|(_, &(step, _))| Before { step: Some(step) })
}

/// All instructions from `start_addr` to `addr`, if they end exactly there.
fn chain(code: &Bytes<'_>, start_addr: u64, addr: u64) -> Option<Vec<(u64, Step)>> {
    let mut chain = Vec::new();
    let mut at = start_addr;
    while at < addr {
        let step = code.step_at(at)?;
        chain.push((at, step));
        at = at.checked_add(u64::from(step.len_bytes))?;
    }
    (at == addr).then_some(chain)
}
