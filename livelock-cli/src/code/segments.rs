//! Where a core file keeps which memory.
//!
//! In: the ELF header and the program headers. Out: file offsets of addresses. Refuses: sections, notes,
//! 32-bit files, and more than [`MAX_HEADERS`] program headers.

use super::error::HeaderFault;
use super::isa::Isa;

/// Length of the ELF header.
pub(super) const ELF_HEADER_BYTES: usize = 64;
const PROGRAM_HEADER_BYTES: usize = 56;
const PT_LOAD: u32 = 1;
/// A big machine has some hundreds: one per range of memory, and a handful of others.
const MAX_HEADERS: usize = 4096;

/// Memory by address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segments {
    isa: Isa,
    loads: Vec<Load>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Load {
    addr: u64,
    offset_bytes: u64,
    len_bytes: u64,
}

impl Segments {
    /// How much of the file has to be read for [`Self::parse`], from its ELF header.
    pub fn head_bytes(header: &[u8]) -> Result<usize, HeaderFault> {
        let (offset, nr) = extent(header)?;
        (nr * PROGRAM_HEADER_BYTES)
            .checked_add(offset)
            .ok_or(HeaderFault::ProgramHeaders)
    }

    /// From the beginning of the file.
    pub fn parse(head: &[u8]) -> Result<Self, HeaderFault> {
        let (offset, nr) = extent(head)?;
        let machine = u16::from_le_bytes(field(head, 18).ok_or(HeaderFault::NotElf)?);
        let isa = Isa::of_elf_machine(machine).ok_or(HeaderFault::Machine { machine })?;
        let headers = head
            .get(offset..)
            .and_then(|rest| rest.get(..nr * PROGRAM_HEADER_BYTES))
            .ok_or(HeaderFault::ProgramHeaders)?;
        let loads = headers
            .chunks_exact(PROGRAM_HEADER_BYTES)
            .filter_map(load)
            .collect();
        Ok(Self { isa, loads })
    }

    /// What decodes the code in it.
    #[must_use]
    pub const fn isa(&self) -> Isa {
        self.isa
    }

    /// Where in the file the byte at `addr` is, and how many follow it there, itself included.
    #[must_use]
    pub fn find(&self, addr: u64) -> Option<(u64, u64)> {
        self.loads.iter().find_map(|load| {
            let into = addr.checked_sub(load.addr)?;
            let left = load.len_bytes.checked_sub(into).filter(|&left| left > 0)?;
            Some((load.offset_bytes.checked_add(into)?, left))
        })
    }
}

/// Offset and number of the program headers.
fn extent(header: &[u8]) -> Result<(usize, usize), HeaderFault> {
    let header = header.get(..ELF_HEADER_BYTES).ok_or(HeaderFault::NotElf)?;
    if !header.starts_with(b"\x7fELF\x02\x01") {
        return Err(HeaderFault::NotElf);
    }
    let offset = field(header, 32).map(u64::from_le_bytes);
    let entry = field(header, 54).map(u16::from_le_bytes);
    let nr = field(header, 56).map(u16::from_le_bytes).map(usize::from);
    match (offset.map(usize::try_from), entry, nr) {
        (Some(Ok(offset)), Some(entry), Some(nr))
            if usize::from(entry) == PROGRAM_HEADER_BYTES
                && nr <= MAX_HEADERS
                && offset <= MAX_HEADERS * PROGRAM_HEADER_BYTES =>
        {
            Ok((offset, nr))
        }
        _ => Err(HeaderFault::ProgramHeaders),
    }
}

fn load(header: &[u8]) -> Option<Load> {
    let is_load = u32::from_le_bytes(field(header, 0)?) == PT_LOAD;
    is_load.then_some(Load {
        offset_bytes: u64::from_le_bytes(field(header, 8)?),
        addr: u64::from_le_bytes(field(header, 16)?),
        len_bytes: u64::from_le_bytes(field(header, 32)?),
    })
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}
