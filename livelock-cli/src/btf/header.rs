//! The header of BTF and the extent of its sections.
//!
//! In: bytes. Out: ranges that are known to lie inside them. Refuses: everything else.

use std::ops::Range;

use super::BtfError;

const MAGIC: u16 = 0xeb9f;
const HEADER_BYTES: usize = 24;
/// Since 7.1 the header may carry the layout of every kind its writer knew, so that readers can skip
/// kinds that are newer than they are (`struct btf_layout` in `include/uapi/linux/btf.h`).
const HEADER_WITH_LAYOUT_BYTES: usize = 32;

/// Where the sections are.
#[derive(Clone, Debug)]
pub(super) struct Sections {
    pub(super) types: Range<usize>,
    pub(super) strings: Range<usize>,
    /// `None`: written without one.
    pub(super) layout: Option<Range<usize>>,
}

/// The native-endian `u32` at `at`; `None` past the end.
pub(super) fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let raw = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_ne_bytes(raw.try_into().ok()?))
}

/// Reads the header.
pub(super) fn sections(bytes: &[u8]) -> Result<Sections, BtfError> {
    let too_short = BtfError::TooShort {
        len_bytes: bytes.len(),
    };
    let &[m0, m1, version, _flags] = bytes.first_chunk().ok_or(too_short)?;
    let magic = u16::from_ne_bytes([m0, m1]);
    if magic == MAGIC.swap_bytes() {
        return Err(BtfError::ForeignEndian);
    }
    if magic != MAGIC {
        return Err(BtfError::Magic { magic });
    }
    if version != 1 {
        return Err(BtfError::Version { version });
    }
    let field = |at| {
        word(bytes, at)
            .map(|value| value as usize)
            .ok_or(BtfError::TooShort {
                len_bytes: bytes.len(),
            })
    };
    let header_bytes = field(4)?;
    if header_bytes < HEADER_BYTES || header_bytes > bytes.len() {
        return Err(BtfError::Section { section: "header" });
    }
    let section = |name, offset: usize, len: usize| {
        let begin = header_bytes.checked_add(offset);
        let end = begin.and_then(|begin| begin.checked_add(len));
        match (begin, end) {
            (Some(begin), Some(end)) if end <= bytes.len() => Ok(begin..end),
            _ => Err(BtfError::Section { section: name }),
        }
    };
    let types = section("type", field(8)?, field(12)?)?;
    let strings = section("string", field(16)?, field(20)?)?;
    let text = &bytes[strings.clone()];
    if text.first() != Some(&0) || text.last() != Some(&0) {
        return Err(BtfError::Strings);
    }
    let layout = if header_bytes >= HEADER_WITH_LAYOUT_BYTES {
        let (offset, len) = (field(24)?, field(28)?);
        (len > 0)
            .then(|| section("layout", offset, len))
            .transpose()?
    } else {
        None
    };
    Ok(Sections {
        types,
        strings,
        layout,
    })
}
