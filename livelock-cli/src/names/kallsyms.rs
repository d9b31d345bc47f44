//! The kernel's symbol table.
//!
//! In: `/proc/kallsyms`, once. Out: the symbol that contains an address. Refuses: an address that no symbol
//! comes close before; kallsyms has no sizes, so the next symbol is the end.
//!
//! Rendering the file costs the kernel 80 to 100 ms, whoever reads it; so functions and data come from
//! one pass. The table has no interior pointers and no shared state: load it on another thread with
//! `std::thread::spawn(KernelSymbols::load)` while programs are being verified.

use std::fs::File;
use std::io::{BufRead, BufReader};

use super::SymbolsError;

/// Beyond this distance from the nearest symbol the address is in a gap. The largest functions and most
/// static tables are smaller.
const MAX_OFFSET_BYTES: u64 = 1 << 20;
/// A kernel without `CONFIG_KALLSYMS_ALL` shows fewer than 100 data symbols, section marks for the most
/// part; one with it shows tens of thousands.
const MIN_NR_DATA: usize = 1000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Function,
    Data,
}

#[derive(Clone, Copy, Debug)]
struct Symbol {
    addr: u64,
    name_at: u32,
    name_len: u16,
    class: Class,
}

/// All symbols, by address.
#[derive(Debug)]
pub struct KernelSymbols {
    symbols: Vec<Symbol>,
    names: String,
    nr_data: usize,
}

impl KernelSymbols {
    /// Reads `/proc/kallsyms`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is empty or hides its addresses.
    pub fn load() -> Result<Self, SymbolsError> {
        let file = File::open("/proc/kallsyms")?;
        Self::read(BufReader::with_capacity(1 << 16, file))
    }

    /// Reads text in the format of `/proc/kallsyms`.
    ///
    /// # Errors
    ///
    /// As [`KernelSymbols::load`].
    pub fn read(mut text: impl BufRead) -> Result<Self, SymbolsError> {
        let mut table = Self {
            symbols: Vec::new(),
            names: String::new(),
            nr_data: 0,
        };
        let mut line = String::new();
        let mut saw_line = false;
        while text.read_line(&mut line)? > 0 {
            saw_line = true;
            table.push(&line);
            line.clear();
        }
        if table.symbols.is_empty() {
            return Err(if saw_line {
                SymbolsError::Hidden
            } else {
                SymbolsError::Empty
            });
        }
        table.sort();
        Ok(table)
    }

    /// Whether there are names for data, i.e. for static locks.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.nr_data >= MIN_NR_DATA
    }

    /// Symbols kept.
    #[must_use]
    pub fn nr_symbols(&self) -> usize {
        self.symbols.len()
    }

    /// Whether a function is called `name`, compiler suffixes not counted.
    #[must_use]
    pub fn has_function(&self, name: &str) -> bool {
        let mut functions = self.symbols.iter().filter(|s| s.class == Class::Function);
        functions.any(|symbol| without_suffix(self.name(symbol)) == name)
    }

    /// The function that contains `addr`, and the offset in it.
    #[must_use]
    pub fn function(&self, addr: u64) -> Option<(&str, u64)> {
        let (name, offset_bytes) = self.containing(addr, Class::Function)?;
        Some((without_suffix(name), offset_bytes))
    }

    /// The data symbol that contains `addr`, and the offset in it.
    #[must_use]
    pub fn data(&self, addr: u64) -> Option<(&str, u64)> {
        // The few symbols of a kernel without KALLSYMS_ALL are section marks; the nearest one means
        // nothing.
        if !self.has_data() {
            return None;
        }
        self.containing(addr, Class::Data)
    }

    fn containing(&self, addr: u64, class: Class) -> Option<(&str, u64)> {
        let after = self.symbols.partition_point(|symbol| symbol.addr <= addr);
        let symbol = self.symbols.get(after.checked_sub(1)?)?;
        let offset_bytes = addr - symbol.addr;
        (symbol.class == class && offset_bytes < MAX_OFFSET_BYTES)
            .then(|| (self.name(symbol), offset_bytes))
    }

    fn name(&self, symbol: &Symbol) -> &str {
        let at = symbol.name_at as usize;
        self.names
            .get(at..at + usize::from(symbol.name_len))
            .unwrap_or_default()
    }

    /// `ffffffff81000000 T name [module]`.
    fn push(&mut self, line: &str) {
        let mut words = line.split_ascii_whitespace();
        let addr = words
            .next()
            .and_then(|hex| u64::from_str_radix(hex, 16).ok());
        let (Some(addr), Some(class), Some(name)) =
            (addr, words.next().and_then(class), words.next())
        else {
            return;
        };
        // 0: hidden. `__pfx_` and `__cfi_` are the padding before a function of the same name.
        if addr == 0 || name.starts_with("__pfx_") || name.starts_with("__cfi_") {
            return;
        }
        let (Ok(name_at), Ok(name_len)) =
            (u32::try_from(self.names.len()), u16::try_from(name.len()))
        else {
            return;
        };
        self.names.push_str(name);
        self.nr_data += usize::from(class == Class::Data);
        self.symbols.push(Symbol {
            addr,
            name_at,
            name_len,
            class,
        });
    }

    /// One symbol an address: of aliases the one with the fewest leading underscores, then the shortest
    /// (`memcpy`, not `__memcpy` or `__pi_memcpy`).
    fn sort(&mut self) {
        let names = std::mem::take(&mut self.names);
        let rank = |symbol: &Symbol| {
            let at = symbol.name_at as usize;
            let name = &names[at..at + usize::from(symbol.name_len)];
            let nr_underscores = name.bytes().take_while(|&byte| byte == b'_').count();
            (symbol.addr, nr_underscores, symbol.name_len)
        };
        self.symbols.sort_unstable_by_key(rank);
        self.symbols.dedup_by_key(|symbol| symbol.addr);
        self.symbols.shrink_to_fit();
        self.names = names;
    }
}

fn class(letter: &str) -> Option<Class> {
    match letter {
        "t" | "T" | "w" | "W" | "i" => Some(Class::Function),
        "b" | "B" | "d" | "D" | "r" | "R" | "v" | "V" | "g" | "G" | "s" | "S" => Some(Class::Data),
        // `A` are constants and per-CPU offsets.
        _ => None,
    }
}

/// Cuts `.isra.0`, `.part.1`, `.constprop.0`, `.cold`, `.llvm.123`, also in combination.
pub(super) fn without_suffix(name: &str) -> &str {
    match name.find('.') {
        Some(at) if at > 0 => &name[..at],
        _ => name,
    }
}
