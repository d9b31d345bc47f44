//! The table of types: where each one starts.
//!
//! In: sections. Out: [`Type`] by id. Refuses: to resolve anything before it is asked for; parsing
//! 5.5 MB is one pass that stores one `u32` a type.

use std::ops::Range;

use super::BtfError;
use super::header::{Sections, sections, word};

/// Bytes of `struct btf_type`.
const TYPE_BYTES: usize = 12;
/// Bytes of `struct btf_layout`.
const LAYOUT_BYTES: usize = 4;

/// The kinds that a query tells apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// INT, ENUM, FLOAT, ENUM64: a size and nothing to descend into.
    Scalar,
    Ptr,
    Array,
    Struct,
    Union,
    Typedef,
    /// VOLATILE, CONST, RESTRICT, TYPE_TAG.
    Modifier,
    Func,
    /// VAR.
    Variable,
    /// DATASEC.
    DataSection,
    /// FWD, FUNC_PROTO, DECL_TAG, and kinds newer than this code.
    Other,
}

/// One type as it stands in the bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    /// Where its header starts.
    at: usize,
    /// Offset of its name in the strings; 0: anonymous.
    pub(super) name_at: u32,
    info: u32,
    /// Size in bytes or id of the type referred to, by kind.
    pub(super) size_or_type: u32,
}

impl Type {
    pub(super) const fn kind(self) -> Kind {
        match kind_number(self.info) {
            1 | 6 | 16 | 19 => Kind::Scalar,
            2 => Kind::Ptr,
            3 => Kind::Array,
            4 => Kind::Struct,
            5 => Kind::Union,
            8 => Kind::Typedef,
            9..=11 | 18 => Kind::Modifier,
            12 => Kind::Func,
            14 => Kind::Variable,
            15 => Kind::DataSection,
            _ => Kind::Other,
        }
    }

    /// Number of members.
    pub(super) const fn nr_items(self) -> u32 {
        nr_items(self.info)
    }

    /// Whether member offsets carry a bit-field size.
    pub(super) const fn has_bitfields(self) -> bool {
        self.info >> 31 == 1
    }

    /// Where what follows the header starts.
    pub(super) const fn payload(self) -> usize {
        self.at + TYPE_BYTES
    }
}

/// Kinds were five bits wide until 7.1 and are seven since; the bits between were zero.
const fn kind_number(info: u32) -> u8 {
    (info >> 24) as u8 & 0x7f
}

/// Counts were 16 bits wide until 7.1 and are 24 since; the bits between were zero.
const fn nr_items(info: u32) -> u32 {
    info & 0x00ff_ffff
}

/// Bytes after the header of a type: fixed part and part by item. `None`: unknown kind.
fn payload_bytes(bytes: &[u8], layout: Option<&Range<usize>>, kind: u8) -> Option<(usize, usize)> {
    Some(match kind {
        2 | 7..=12 | 16 | 18 => (0, 0),
        1 | 14 | 17 => (4, 0),
        3 => (12, 0),
        4 | 5 | 15 | 19 => (0, 12),
        6 | 13 => (0, 8),
        0 => return None,
        _ => {
            let entry = usize::from(kind) * LAYOUT_BYTES;
            let known = bytes.get(layout?.clone())?.get(entry..entry + 2)?;
            (usize::from(known[0]), usize::from(known[1]))
        }
    })
}

/// The types of one kernel.
#[derive(Clone, Debug)]
pub struct Btf {
    bytes: Vec<u8>,
    /// Offset in `bytes` of type `index + 1`; type 0 is `void`.
    starts: Vec<u32>,
    strings: Range<usize>,
}

impl Btf {
    /// Reads `bytes`.
    ///
    /// # Errors
    ///
    /// Anything that is not BTF of this machine's byte order, complete, and of kinds whose length is
    /// known.
    pub fn parse(bytes: &[u8]) -> Result<Self, BtfError> {
        Self::from_vec(bytes.to_vec())
    }

    /// Like [`Btf::parse`], without the copy.
    ///
    /// # Errors
    ///
    /// As [`Btf::parse`].
    pub fn from_vec(bytes: Vec<u8>) -> Result<Self, BtfError> {
        let Sections {
            types,
            strings,
            layout,
        } = sections(&bytes)?;
        // A type of vmlinux takes 25 bytes on average.
        let mut starts = Vec::with_capacity(types.len() / 24);
        let mut at = types.start;
        while at < types.end {
            let type_id = u32::try_from(starts.len() + 1).unwrap_or(u32::MAX);
            let truncated = BtfError::Truncated { type_id };
            let start = u32::try_from(at);
            let (Some(info), Ok(start)) = (word(&bytes, at + 4), start) else {
                return Err(truncated);
            };
            let kind = kind_number(info);
            let (fixed, by_item) = payload_bytes(&bytes, layout.as_ref(), kind)
                .ok_or(BtfError::UnknownKind { type_id, kind })?;
            // At most 2^24 items of 255 bytes: fits.
            at += TYPE_BYTES + fixed + by_item * nr_items(info) as usize;
            if at > types.end {
                return Err(truncated);
            }
            starts.push(start);
        }
        Ok(Self {
            bytes,
            starts,
            strings,
        })
    }

    /// Number of types, `void` not counted.
    #[must_use]
    pub fn nr_types(&self) -> usize {
        self.starts.len()
    }

    /// Type `id`; `None` for `void` and past the end.
    pub(super) fn get(&self, id: u32) -> Option<Type> {
        let at = *self.starts.get(id.checked_sub(1)? as usize)? as usize;
        Some(Type {
            at,
            name_at: word(&self.bytes, at)?,
            info: word(&self.bytes, at + 4)?,
            size_or_type: word(&self.bytes, at + 8)?,
        })
    }

    /// The `u32` at `at`.
    pub(super) fn word(&self, at: usize) -> Option<u32> {
        word(&self.bytes, at)
    }

    /// The string at `at`; `None` if empty, not UTF-8 or out of range.
    pub(super) fn name(&self, at: u32) -> Option<&str> {
        let tail = self.tail(at)?;
        let len = tail.iter().position(|&byte| byte == 0)?;
        let name = std::str::from_utf8(&tail[..len]).ok()?;
        (!name.is_empty()).then_some(name)
    }

    /// Whether the string at `at` is `name`, at the cost of comparing the bytes of `name`.
    pub(super) fn name_is(&self, at: u32, name: &str) -> bool {
        self.tail(at).is_some_and(|tail| {
            tail.starts_with(name.as_bytes()) && tail.get(name.len()) == Some(&0)
        })
    }

    /// Whether anything is called `word`: a type, a member, a function, a variable, an enumerator.
    #[must_use]
    pub fn has_word(&self, word: &str) -> bool {
        let strings = self.bytes.get(self.strings.clone()).unwrap_or_default();
        let mut names = strings.split(|&byte| byte == 0);
        !word.is_empty() && names.any(|name| name == word.as_bytes())
    }

    fn tail(&self, at: u32) -> Option<&[u8]> {
        self.bytes.get(self.strings.clone())?.get(at as usize..)
    }
}
