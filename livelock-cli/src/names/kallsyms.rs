//! The kernel's symbol table.
//!
//! In: `/proc/kallsyms`, once. Out: the function or the static object that contains an address. Refuses: an
//! address that no symbol comes close before; kallsyms has no sizes, so the next symbol is the end.
//!
//! Rendering the file costs the kernel 80 to 100 ms, whoever reads it. So it is read once and split: functions
//! go to the symbolizer, data stays here. Load it on another thread while programs are being verified.

use std::fs::File;
use std::io::{BufRead, BufReader};

use super::data_symbols::DataSymbols;
use super::functions::{Functions, without_suffix};
use super::{Function, SymbolsError};

/// Beyond this distance from the nearest symbol the address is in a gap. The largest functions are smaller.
pub(super) const MAX_OFFSET_BYTES: u64 = 1 << 20;
/// Only kernels with paravirtual spinlocks have it.
const PV_SLOWPATH: &str = "__pv_queued_spin_lock_slowpath";

/// All symbols of the running kernel.
#[derive(Debug)]
pub struct KernelSymbols {
    functions: Functions,
    data: DataSymbols,
    has_pv_spinlocks: bool,
}

impl KernelSymbols {
    /// Reads `/proc/kallsyms`.
    ///
    /// # Errors
    ///
    /// If it cannot be read, is empty or hides its addresses, or if no symbolizer can be started.
    pub fn load() -> Result<Self, SymbolsError> {
        let file = File::open("/proc/kallsyms")?;
        Self::read(BufReader::with_capacity(1 << 16, file))
    }

    /// Reads text in the format of `/proc/kallsyms`.
    ///
    /// # Errors
    ///
    /// As [`KernelSymbols::load`].
    pub fn read(text: impl BufRead) -> Result<Self, SymbolsError> {
        let split = Split::read(text)?;
        Ok(Self {
            functions: Functions::start(&split.functions)?,
            data: split.data,
            has_pv_spinlocks: split.has_pv_spinlocks,
        })
    }

    /// Whether there are names for data, i.e. for static locks.
    #[must_use]
    pub fn has_data(&self) -> bool {
        self.data.is_complete()
    }

    /// Whether the kernel was built with paravirtual spinlocks.
    #[must_use]
    pub fn has_pv_spinlocks(&self) -> bool {
        self.has_pv_spinlocks
    }

    /// The function that contains `addr`.
    #[must_use]
    pub fn function(&self, addr: u64) -> Option<Function> {
        self.functions.containing(addr)
    }

    /// The address of a data symbol; `None` if the kernel shows none of that name.
    #[must_use]
    pub fn data_addr(&self, name: &str) -> Option<u64> {
        self.data.addr_of(name)
    }

    /// Looks the functions at these addresses up at once, which is cheaper than one after the other.
    pub fn learn(&self, addrs: impl Iterator<Item = u64>) {
        self.functions.learn(addrs);
    }

    /// The data symbol that contains `addr`, and the offset in it in bytes.
    #[must_use]
    pub fn data(&self, addr: u64) -> Option<(&str, u64)> {
        self.data.containing(addr)
    }
}

/// The file, split.
#[derive(Debug, Default)]
struct Split {
    /// Lines of functions, one an address, as they were.
    functions: Vec<u8>,
    data: DataSymbols,
    has_pv_spinlocks: bool,
}

impl Split {
    fn read(mut text: impl BufRead) -> Result<Self, SymbolsError> {
        let mut split = Self::default();
        let mut line = String::new();
        let mut saw_line = false;
        // The best of the aliases seen last: (address, line).
        let mut last: Option<(u64, String)> = None;
        while text.read_line(&mut line)? > 0 {
            saw_line = true;
            split.push(&line, &mut last);
            line.clear();
        }
        split.flush(last);
        if split.functions.is_empty() && split.data.is_empty() {
            return Err(if saw_line {
                SymbolsError::Hidden
            } else {
                SymbolsError::Empty
            });
        }
        split.data.sort();
        Ok(split)
    }

    /// `ffffffff81000000 T name [module]`.
    fn push(&mut self, line: &str, last: &mut Option<(u64, String)>) {
        let Some((addr, class, name)) = parse(line) else {
            return;
        };
        if class == Class::Data {
            self.data.push(addr, name);
            return;
        }
        self.has_pv_spinlocks |= without_suffix(name) == PV_SLOWPATH;
        match last {
            Some((at, kept)) if *at == addr => {
                if parse(kept).is_none_or(|(_, _, kept)| rank(name) < rank(kept)) {
                    line.clone_into(kept);
                }
            }
            _ => self.flush(last.replace((addr, line.to_owned()))),
        }
    }

    fn flush(&mut self, last: Option<(u64, String)>) {
        if let Some((_, line)) = last {
            self.functions.extend_from_slice(line.trim_end().as_bytes());
            self.functions.push(b'\n');
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Function,
    Data,
}

fn parse(line: &str) -> Option<(u64, Class, &str)> {
    let mut words = line.split_ascii_whitespace();
    let addr = u64::from_str_radix(words.next()?, 16).ok()?;
    let class = class(words.next()?)?;
    let name = words.next()?;
    // 0: hidden. `__pfx_` and `__cfi_` are the padding before a function of the same name.
    let is_real = addr != 0 && !name.starts_with("__pfx_") && !name.starts_with("__cfi_");
    is_real.then_some((addr, class, name))
}

fn class(letter: &str) -> Option<Class> {
    match letter {
        "t" | "T" | "w" | "W" | "i" => Some(Class::Function),
        "b" | "B" | "d" | "D" | "r" | "R" | "v" | "V" | "g" | "G" | "s" | "S" => Some(Class::Data),
        // `A` are constants and per-CPU offsets.
        _ => None,
    }
}

/// Of aliases the one with the fewest leading underscores, then the shortest (`memcpy`, not `__memcpy` or
/// `__pi_memcpy`).
pub(super) fn rank(name: &str) -> (usize, usize) {
    let nr_underscores = name.bytes().take_while(|&byte| byte == b'_').count();
    (nr_underscores, name.len())
}
