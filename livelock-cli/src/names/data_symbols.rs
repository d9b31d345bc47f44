//! Static objects of the kernel, for the names of static locks.
//!
//! In: addresses and names of data symbols. Out: the symbol that contains an address. Refuses: kernels
//! that show only section marks; the nearest of those means nothing.

use super::kallsyms::rank;

/// A kernel without `CONFIG_KALLSYMS_ALL` shows fewer than 100 data symbols, section marks for the most
/// part; one with it shows tens of thousands.
const MIN_NR_DATA: usize = 1000;

/// Beyond this distance from the nearest symbol the address is in a gap: kernels leave whole sections out (7.3 that of
/// `tasklist_lock`). Static tables with locks in them, such as hash tables of sockets, are smaller.
const MAX_OFFSET_BYTES: u64 = 1 << 16;

/// Beginning of the names of numbers of types, which are no objects.
const TYPE_IDS: &str = "__BTF_ID__";

#[derive(Clone, Copy, Debug)]
struct Symbol {
    addr: u64,
    name_at: u32,
    name_len: u16,
}

/// Data symbols by address.
#[derive(Debug, Default)]
pub(super) struct DataSymbols {
    symbols: Vec<Symbol>,
    names: String,
}

impl DataSymbols {
    /// Whether the kernel shows its data, not only section marks.
    pub(super) fn is_complete(&self) -> bool {
        self.symbols.len() >= MIN_NR_DATA
    }

    pub(super) fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    pub(super) fn push(&mut self, addr: u64, name: &str) {
        if name.starts_with(TYPE_IDS) {
            return;
        }
        let at = u32::try_from(self.names.len());
        let (Ok(name_at), Ok(name_len)) = (at, u16::try_from(name.len())) else {
            return;
        };
        self.names.push_str(name);
        self.symbols.push(Symbol {
            addr,
            name_at,
            name_len,
        });
    }

    /// One symbol an address.
    pub(super) fn sort(&mut self) {
        let names = std::mem::take(&mut self.names);
        let name = |symbol: &Symbol| {
            let at = symbol.name_at as usize;
            &names[at..at + usize::from(symbol.name_len)]
        };
        self.symbols
            .sort_unstable_by_key(|symbol| (symbol.addr, rank(name(symbol))));
        self.symbols.dedup_by_key(|symbol| symbol.addr);
        self.symbols.shrink_to_fit();
        self.names = names;
    }

    /// The address of the symbol called `name`.
    pub(super) fn addr_of(&self, name: &str) -> Option<u64> {
        let is_it = |symbol: &&Symbol| {
            let at = symbol.name_at as usize;
            self.names.get(at..at + usize::from(symbol.name_len)) == Some(name)
        };
        self.symbols.iter().find(is_it).map(|symbol| symbol.addr)
    }

    /// The symbol that contains `addr`, and the offset in it in bytes.
    pub(super) fn containing(&self, addr: u64) -> Option<(&str, u64)> {
        if !self.is_complete() {
            return None;
        }
        let after = self.symbols.partition_point(|symbol| symbol.addr <= addr);
        let symbol = self.symbols.get(after.checked_sub(1)?)?;
        let offset_bytes = addr - symbol.addr;
        let at = symbol.name_at as usize;
        let name = self.names.get(at..at + usize::from(symbol.name_len))?;
        (offset_bytes < MAX_OFFSET_BYTES).then_some((name, offset_bytes))
    }
}
