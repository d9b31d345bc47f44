//! The loop around an address.
//!
//! In: bytes, an address at which an instruction begins, and how far from it to look. Out: the innermost natural loop
//! through it. Refuses: loops that reach further; code behind calls.
//!
//! Control is followed from the address on, along jumps and along what falls through. Whatever is met that
//! way begins where an instruction begins, so nothing has to be guessed. A backward jump over the address
//! is the end of a loop; its body is what leads to that jump without passing the loop's first instruction
//! (natural loops: Aho, Sethi, Ullman, *Compilers*, 10.4). Jumps to the same first instruction end the same
//! loop, so a slow path that pauses and starts anew belongs to it wherever the compiler put it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::facts::Bytes;
use super::step::Step;
use super::x86::MAX_STEP_BYTES;

/// How far from an address somebody looks who knows no function around it. Retry loops and spin loops are tens of bytes long; the
/// loops of a back-off with a trace point inside, a few hundred.
pub(super) const MAX_REACH_BYTES: u64 = 512;

/// Loops around one address that are looked at, from the nearest first instruction on.
const MAX_NESTED: usize = 32;

/// Instructions by their addresses.
type Steps = BTreeMap<u64, Step>;

/// A loop.
#[derive(Clone, Debug)]
pub(super) struct Loop {
    body: Steps,
}

impl Loop {
    /// Whether `is` holds for any instruction of it.
    pub(super) fn any(&self, is: impl Fn(&Step) -> bool) -> bool {
        self.body.values().any(is)
    }

    /// The instruction of it that ends at `addr`; the longest one of several. A jump behind a `LOCK` prefix,
    /// as the C library makes in a process of one thread, gives an instruction two beginnings.
    pub(super) fn ending_at(&self, addr: u64) -> Option<Step> {
        let nearest = addr.saturating_sub(MAX_STEP_BYTES as u64);
        self.body
            .range(nearest..addr)
            .find(|&(&at, &step)| step.falls_through && end(at, step) == addr)
            .map(|(_, &step)| step)
    }

    /// Whether an instruction of it begins at `addr`.
    pub(super) fn contains(&self, addr: u64) -> bool {
        self.body.contains_key(&addr)
    }

    /// Address of its first byte.
    pub(super) fn first(&self) -> u64 {
        self.body.first_key_value().map_or(0, |(&at, _)| at)
    }

    /// From its first to its last byte.
    pub(super) fn len_bytes(&self) -> u32 {
        let ends = self.body.iter().map(|(&at, &step)| end(at, step));
        let last = ends.max().unwrap_or_else(|| self.first());
        u32::try_from(last - self.first()).unwrap_or(u32::MAX)
    }

    /// The bytes of it that are within [`MAX_REACH_BYTES`] of `addr`, with what stands between them: a rare path that the
    /// compiler has moved to the function's end is left out, a pause in it too, and so is the rest of the function before it.
    pub(super) fn near(&self, addr: u64) -> Range<u64> {
        let reach = addr.saturating_sub(MAX_REACH_BYTES)..addr.saturating_add(MAX_REACH_BYTES);
        let mut steps = self
            .body
            .range(reach)
            .map(|(&at, &step)| (at, end(at, step)));
        let (first, first_end) = steps.next().unwrap_or((addr, addr));
        first
            ..steps
                .map(|(_, end)| end)
                .max()
                .unwrap_or(first_end)
                .max(first_end)
    }
}

/// The innermost loop through the instruction at `addr`. It does not reach before `start_addr`, nor further than
/// [`MAX_REACH_BYTES`].
pub(super) fn innermost_loop(code: &Bytes<'_>, start_addr: Option<u64>, addr: u64) -> Option<Loop> {
    let lowest = addr
        .saturating_sub(MAX_REACH_BYTES)
        .max(start_addr.filter(|&start| start <= addr).unwrap_or(0));
    innermost_loop_within(code, lowest..addr.saturating_add(MAX_REACH_BYTES), addr)
}

/// The innermost loop through the instruction at `addr` that does not leave `range`.
pub(super) fn innermost_loop_within(
    code: &Bytes<'_>,
    range: Range<u64>,
    addr: u64,
) -> Option<Loop> {
    let steps = reachable(code, addr, range);
    let leading_to = predecessors(&steps);
    let firsts: BTreeSet<u64> = steps
        .range(addr..)
        .filter_map(|(_, step)| step.jump_to)
        .filter(|&to| to <= addr && steps.contains_key(&to))
        .collect();
    firsts
        .into_iter()
        .rev()
        .take(MAX_NESTED)
        .map(|first| body(&steps, &leading_to, first))
        .filter(|body| body.contains_key(&addr))
        // Of nested loops the inner one is a part of the outer one.
        .min_by_key(BTreeMap::len)
        .map(|body| Loop { body })
}

/// Everything within `range` that control can come to from `from`.
fn reachable(code: &Bytes<'_>, from: u64, range: Range<u64>) -> Steps {
    let mut steps = Steps::new();
    let mut open = vec![from];
    while let Some(at) = open.pop() {
        if !range.contains(&at) || steps.contains_key(&at) {
            continue;
        }
        if let Some(step) = code.step_at(at) {
            open.extend(successors(at, step));
            steps.insert(at, step);
        }
    }
    steps
}

fn predecessors(steps: &Steps) -> BTreeMap<u64, Vec<u64>> {
    let mut leading_to: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (&at, &step) in steps {
        for to in successors(at, step) {
            leading_to.entry(to).or_default().push(at);
        }
    }
    leading_to
}

/// What `first` leads to and what leads back to it without passing it.
fn body(steps: &Steps, leading_to: &BTreeMap<u64, Vec<u64>>, first: u64) -> Steps {
    let mut leading_back = BTreeSet::from([first]);
    let back = leading_to.get(&first).into_iter().flatten();
    // What leads to `first` from above it enters the loop, unless it is reached from within.
    let mut open: Vec<u64> = back.copied().filter(|&at| at >= first).collect();
    while let Some(at) = open.pop() {
        if leading_back.insert(at) {
            open.extend(leading_to.get(&at).into_iter().flatten());
        }
    }
    // A jump back to a common way out ends no loop: nothing leads from there to the jump.
    let mut body = Steps::new();
    let mut open = vec![first];
    while let Some(at) = open.pop() {
        if let Some(&step) = steps.get(&at).filter(|_| leading_back.contains(&at))
            && body.insert(at, step).is_none()
        {
            open.extend(successors(at, step));
        }
    }
    body
}

fn successors(at: u64, step: Step) -> impl Iterator<Item = u64> {
    let next = step.falls_through.then(|| end(at, step));
    next.into_iter().chain(step.jump_to)
}

fn end(at: u64, step: Step) -> u64 {
    at.saturating_add(u64::from(step.len_bytes))
}
