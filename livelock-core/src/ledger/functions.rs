//! What kernel functions mean to a sample, remembered by address.
//!
//! In: addresses and [`Names`]. Out: names with their roles. Refuses: to look an address up twice, and to
//! remember more than [`MAX_KNOWN`] and those of one window.

use rustc_hash::FxHashMap;

use crate::cause_class::CauseClass;
use crate::detectors;
use crate::ids::CodeAddr;
use crate::names::Names;
use crate::spin_functions::{is_halted_waiter, is_idle, is_interrupt, is_polling_idle, is_spin};

/// Distinct call sites of a long watch are a few thousand; 64 bytes each.
const MAX_KNOWN: usize = 32_768;

/// A function, as far as samples are concerned.
#[derive(Clone, Debug)]
pub struct Function {
    /// Symbol without compiler suffixes.
    pub name: Box<str>,
    /// A CPU in it spins.
    pub is_spin: bool,
    /// A CPU in it idles.
    pub is_idle: bool,
    /// … by polling, which burns power and keeps the hypervisor's CPU.
    pub is_polling_idle: bool,
    /// What it called runs in an interrupt, whoever was interrupted.
    pub is_interrupt: bool,
    /// A paravirtual waiter in it has given its CPU back to the hypervisor.
    pub is_halted_waiter: bool,
    /// It is of a file system that traces its transactions.
    pub is_transactional: bool,
    /// The class of causes that it is typical of.
    pub class: Option<CauseClass>,
}

/// A function in [`Functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionIndex(u32);

/// Functions met so far.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    /// Every frame of every sample is looked up here. Its keys are the kernel's, so nobody can make them collide.
    known: FxHashMap<CodeAddr, Option<FunctionIndex>>,
    functions: Vec<Function>,
}

impl Functions {
    /// Makes room, if there is little, for the addresses of a window. Indices given before mean nothing after it.
    pub fn make_room(&mut self) {
        if self.known.len() >= MAX_KNOWN {
            *self = Self::default();
        }
    }

    /// The function that contains `addr`.
    pub fn at(&mut self, addr: CodeAddr, names: &dyn Names) -> Option<FunctionIndex> {
        if let Some(known) = self.known.get(&addr) {
            return *known;
        }
        let index = names.function(addr).and_then(|function| {
            let name = function.name;
            let index = u32::try_from(self.functions.len()).ok()?;
            self.functions.push(Function {
                is_spin: is_spin(&name),
                is_idle: is_idle(&name),
                is_polling_idle: is_polling_idle(&name),
                is_interrupt: is_interrupt(&name),
                is_halted_waiter: is_halted_waiter(&name),
                is_transactional: detectors::is_transactional(&name),
                class: detectors::class_of_function(&name),
                name: name.into(),
            });
            Some(FunctionIndex(index))
        });
        self.known.insert(addr, index);
        index
    }

    /// The function of an index that [`Self::at`] gave.
    #[must_use]
    pub fn get(&self, index: FunctionIndex) -> Option<&Function> {
        self.functions.get(index.0 as usize)
    }
}
