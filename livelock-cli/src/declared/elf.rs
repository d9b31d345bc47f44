//! Functions and USDT probes of an ELF file.
//!
//! In: the bytes of a file. Out: offsets in it at which the kernel can set a probe. Refuses: what is not code, what
//! another file holds, and functions that are only asked which implementation to take.

use std::path::Path;

use livelock_common::MAX_DECLARED;
use object::{Object as _, ObjectSection as _, ObjectSegment as _, ObjectSymbol as _};
use object::{SegmentFlags, SymbolFlags, SymbolKind, elf};

use super::error::NotFound;
use crate::nearest::nearest;

/// Places of one function or probe. An inlined USDT probe is at each place that it was inlined into.
const MAX_SITES: usize = 4 * MAX_DECLARED;

/// A place for a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// Offset in the file.
    pub(super) offset_bytes: u64,
    /// Offset of the counter that tells the program that somebody listens.
    pub(super) semaphore_bytes: Option<u64>,
}

/// Places of the function `symbol`, or `plus_bytes` behind its begin.
pub(super) fn function(
    path: &Path,
    bytes: &[u8],
    symbol: &str,
    plus_bytes: u64,
) -> Result<Vec<Place>, NotFound> {
    let file = parse(path, bytes)?;
    let all = || file.symbols().chain(file.dynamic_symbols());
    // Some linkers write the version into the name.
    let plain = |name: &'_ str| name.split('@').next().unwrap_or_default().to_owned();
    let named = all().filter(|found| found.name().is_ok_and(|name| plain(name) == symbol));
    let mut places = Vec::new();
    let mut refusal = None;
    for found in named {
        let refuse = |what| NotFound::NotCalled {
            path: path.to_owned(),
            symbol: symbol.to_owned(),
            what,
        };
        if found.is_undefined() {
            refusal.get_or_insert(NotFound::Imported {
                path: path.to_owned(),
                symbol: symbol.to_owned(),
            });
        } else if is_resolver(found.flags()) {
            refusal = Some(refuse(
                "only asked once which implementation to take (IFUNC); name that one",
            ));
        } else if found.kind() != SymbolKind::Text {
            refusal = Some(refuse("data, not a function"));
        } else if found.size() > 0 && plus_bytes >= found.size() {
            return Err(NotFound::Offset {
                path: path.to_owned(),
                symbol: symbol.to_owned(),
                size_bytes: found.size(),
            });
        } else if let Some(offset_bytes) = found
            .address()
            .checked_add(plus_bytes)
            .and_then(|address| file_offset(&file, address, elf::PF_X))
        {
            places.push(Place {
                offset_bytes,
                semaphore_bytes: None,
            });
        } else {
            refusal = Some(refuse("not in executable code"));
        }
    }
    places.sort_unstable_by_key(|place| place.offset_bytes);
    places.dedup();
    if places.is_empty() {
        return Err(refusal.unwrap_or_else(|| {
            let code = all().filter(|found| found.kind() == SymbolKind::Text);
            NotFound::Symbol {
                path: path.to_owned(),
                symbol: symbol.to_owned(),
                nearest: nearest(symbol, code.filter_map(|found| found.name().ok())),
                is_stripped: file.symbols().next().is_none(),
            }
        }));
    }
    few(path, symbol, places)
}

/// Places of the USDT probe `provider:name`.
pub(super) fn usdt(
    path: &Path,
    bytes: &[u8],
    provider: &str,
    name: &str,
) -> Result<Vec<Place>, NotFound> {
    let file = parse(path, bytes)?;
    let section = file.section_by_name(".note.stapsdt");
    let data = section.and_then(|section| section.data().ok());
    let notes = notes(data.unwrap_or_default(), file.is_64());
    let base_address = file
        .section_by_name(".stapsdt.base")
        .map(|section| section.address());
    let places = notes
        .iter()
        .filter(|note| note.provider == provider && note.name == name)
        .filter_map(|note| {
            // Prelinking moves the base, and the addresses in the note with it.
            let moved = base_address.map_or(0, |base| base.wrapping_sub(note.base));
            let at = |address: u64, flag| file_offset(&file, address.wrapping_add(moved), flag);
            let semaphore_bytes = match note.semaphore {
                0 => None,
                // A probe whose semaphore cannot be found would never be hit.
                semaphore => Some(at(semaphore, elf::PF_W)?),
            };
            Some(Place {
                offset_bytes: at(note.pc, elf::PF_X)?,
                semaphore_bytes,
            })
        })
        .collect::<Vec<_>>();
    let wanted = format!("{provider}:{name}");
    if places.is_empty() {
        let all: Vec<String> = notes
            .iter()
            .map(|note| format!("{}:{}", note.provider, note.name))
            .collect();
        return Err(NotFound::Usdt {
            path: path.to_owned(),
            nearest: nearest(&wanted, all.iter().map(String::as_str)),
            probe: wanted,
            has_any: !all.is_empty(),
        });
    }
    few(path, &wanted, places)
}

fn few(path: &Path, name: &str, places: Vec<Place>) -> Result<Vec<Place>, NotFound> {
    if places.len() <= MAX_SITES {
        return Ok(places);
    }
    Err(NotFound::Sites {
        path: path.to_owned(),
        name: name.to_owned(),
        nr_sites: places.len(),
        max: MAX_SITES,
    })
}

fn parse<'a>(path: &Path, bytes: &'a [u8]) -> Result<object::File<'a>, NotFound> {
    object::File::parse(bytes).map_err(|_| NotFound::NotElf {
        path: path.to_owned(),
    })
}

fn is_resolver(flags: SymbolFlags<object::SectionIndex, object::SymbolIndex>) -> bool {
    matches!(flags, SymbolFlags::Elf { st_info, .. } if st_info & 0xf == elf::STT_GNU_IFUNC)
}

/// Where in the file the segment that is mapped to `address` has it; `flag` is what that segment must allow.
fn file_offset(file: &object::File<'_>, address: u64, flag: u32) -> Option<u64> {
    file.segments().find_map(|segment| {
        let allows =
            matches!(segment.flags(), SegmentFlags::Elf { p_flags } if p_flags & flag != 0);
        let (begin, len_bytes) = segment.file_range();
        let inside = address.checked_sub(segment.address())?;
        (allows && inside < len_bytes).then(|| begin.checked_add(inside))?
    })
}

/// A note of `sys/sdt.h`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Note {
    pub(super) pc: u64,
    pub(super) base: u64,
    pub(super) semaphore: u64,
    pub(super) provider: String,
    pub(super) name: String,
}

/// Type of a note that describes a probe.
const NT_STAPSDT: u32 = 3;

/// The probes in a `.note.stapsdt`. What is cut off or of another type is left out.
pub(super) fn notes(data: &[u8], is_64: bool) -> Vec<Note> {
    let mut found = Vec::new();
    let mut rest = data;
    while let Some((note, tail)) = note(rest, is_64) {
        found.extend(note);
        rest = tail;
    }
    found
}

/// The first note, if it describes a probe, and what follows it.
fn note(data: &[u8], is_64: bool) -> Option<(Option<Note>, &[u8])> {
    let word = |at: usize| {
        let bytes = data.get(at..at + 4)?;
        Some(u32::from_le_bytes(bytes.try_into().ok()?))
    };
    let padded = |len: u32| (len as usize).next_multiple_of(4);
    let (name_bytes, desc_bytes, kind) = (word(0)?, word(4)?, word(8)?);
    let name = data.get(12..12 + name_bytes as usize)?;
    let at = 12 + padded(name_bytes);
    let desc = data.get(at..at + desc_bytes as usize)?;
    let tail = data.get(at + padded(desc_bytes)..).unwrap_or_default();
    let is_probe = kind == NT_STAPSDT && name == b"stapsdt\0";
    Some((is_probe.then(|| description(desc, is_64)).flatten(), tail))
}

fn description(desc: &[u8], is_64: bool) -> Option<Note> {
    let size = if is_64 { 8 } else { 4 };
    let address = |index: usize| {
        let mut bytes = [0; 8];
        let from = desc.get(index * size..(index + 1) * size)?;
        bytes.get_mut(..size)?.copy_from_slice(from);
        Some(u64::from_le_bytes(bytes))
    };
    let mut texts = desc.get(3 * size..)?.split(|&byte| byte == 0);
    let mut text = || Some(String::from_utf8_lossy(texts.next()?).into_owned());
    Some(Note {
        pc: address(0)?,
        base: address(1)?,
        semaphore: address(2)?,
        provider: text()?,
        name: text()?,
    })
}
