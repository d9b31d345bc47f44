//! Instructions of arm64.
//!
//! In: bytes and where they are. Out: a [`Step`]. Refuses: addresses that are not a multiple of 4. Words
//! that are no instruction pass as ones of no interest: every word boundary is one, so nothing hangs on it.
//!
//! Encodings from the Arm Architecture Reference Manual for A-profile (DDI 0487), C4.1.

use livelock_core::code::AtomicOp;

use super::step::Step;

/// Every instruction has this length.
pub(super) const STEP_BYTES: u64 = 4;

/// A word that matches `.1` under `.0`.
type Pattern = (u32, u32);

const B: Pattern = (0xfc00_0000, 0x1400_0000);
const B_COND: Pattern = (0xff00_0000, 0x5400_0000);
const CBZ_CBNZ: Pattern = (0x7e00_0000, 0x3400_0000);
const TBZ_TBNZ: Pattern = (0x7e00_0000, 0x3600_0000);
/// `br`, `ret`, `eret`, `drps`, with and without pointer authentication; `blr` is the one that returns.
const BRANCH_TO_REGISTER: Pattern = (0xfe00_0000, 0xd600_0000);
const BLR: Pattern = (0xfee0_0000, 0xd620_0000);
/// `brk`, and `udf`, which is where code ends.
const BRK: Pattern = (0xffe0_001f, 0xd420_0000);
const UDF: Pattern = (0xffff_0000, 0);

const YIELD: u32 = 0xd503_203f;
const WFE: u32 = 0xd503_205f;
const WFET: Pattern = (0xffff_ffe0, 0xd503_1000);
/// `core::hint::spin_loop` and several databases use it in place of `yield`, which does nothing on most.
const ISB: Pattern = (0xffff_f0ff, 0xd503_30df);

const CAS: Pattern = (0x3fa0_7c00, 0x08a0_7c00);
const CASP: Pattern = (0xbfa0_7c00, 0x0820_7c00);
/// `ldxr`, `ldaxr`, `stxr`, `stlxr` of all sizes.
const EXCLUSIVE: Pattern = (0x3fa0_0000, 0x0800_0000);
/// `ldxp`, `ldaxp`, `stxp`, `stlxp`.
const EXCLUSIVE_PAIR: Pattern = (0xbfa0_0000, 0x8820_0000);
/// Loads with an operation on memory, of all sizes: `ldadd`, `ldclr`, …; bits 15 to 12 say which.
const ATOMIC: Pattern = (0x3f20_0c00, 0x3820_0000);

/// Decodes the instruction at `addr`.
pub(super) fn step(addr: u64, bytes: &[u8]) -> Option<Step> {
    if !addr.is_multiple_of(STEP_BYTES) {
        return None;
    }
    let word = u32::from_le_bytes(*bytes.first_chunk()?);
    let is = |(mask, value): Pattern| word & mask == value;
    let by = |lowest_bit, nr_bits| addr.wrapping_add_signed(offset(word, lowest_bit, nr_bits));
    let (falls_through, jump_to) = if is(B) {
        (false, Some(by(0, 26)))
    } else if is(B_COND) || is(CBZ_CBNZ) {
        (true, Some(by(5, 19)))
    } else if is(TBZ_TBNZ) {
        (true, Some(by(5, 14)))
    } else {
        let leaves = is(BRANCH_TO_REGISTER) && !is(BLR) || is(BRK) || is(UDF);
        (!leaves, None)
    };
    Some(Step {
        len_bytes: 4,
        falls_through,
        jump_to,
        atomic: atomic(word),
        is_pause: matches!(word, YIELD | WFE) || is(WFET) || is(ISB),
    })
}

/// The signed number of words in `nr_bits` of `word` from `lowest_bit`, in bytes.
const fn offset(word: u32, lowest_bit: u32, nr_bits: u32) -> i64 {
    let at_the_top = (word >> lowest_bit) << (32 - nr_bits);
    ((at_the_top as i32 >> (32 - nr_bits)) as i64) * 4
}

fn atomic(word: u32) -> Option<AtomicOp> {
    let is = |(mask, value): Pattern| word & mask == value;
    if is(CAS) {
        Some(AtomicOp::Cmpxchg)
    } else if is(CASP) {
        Some(AtomicOp::Cmpxchg16b)
    } else if is(EXCLUSIVE) || is(EXCLUSIVE_PAIR) {
        Some(AtomicOp::Exclusive)
    } else if is(ATOMIC) {
        match (word >> 12) & 0xf {
            0 => Some(AtomicOp::Xadd),
            1..=7 => Some(AtomicOp::Other),
            8 => Some(AtomicOp::Xchg),
            // `ldapr`, which only loads, and 64-byte transfers.
            _ => None,
        }
    } else {
        None
    }
}
