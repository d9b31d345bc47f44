//! What kernel functions mean to a sample, remembered by address.
//!
//! In: addresses and [`Names`]. Out: names with their roles. Refuses: to look an address up twice, and to
//! remember more than [`MAX_KNOWN`].

use std::collections::HashMap;
use std::sync::Arc;

use crate::cause_class::CauseClass;
use crate::detectors;
use crate::ids::CodeAddr;
use crate::names::Names;
use crate::spin_functions::{is_halted_waiter, is_idle, is_polling_idle, is_spin};

/// Distinct call sites of a long watch are a few thousand; 64 bytes each.
const MAX_KNOWN: usize = 32_768;

/// A function, as far as samples are concerned.
#[derive(Clone, Debug)]
pub struct Function {
    /// Symbol without compiler suffixes.
    pub name: Arc<str>,
    /// A CPU in it spins.
    pub is_spin: bool,
    /// A CPU in it idles.
    pub is_idle: bool,
    /// … by polling, which burns power and keeps the hypervisor's CPU.
    pub is_polling_idle: bool,
    /// A paravirtual waiter in it has given its CPU back to the hypervisor.
    pub is_halted_waiter: bool,
    /// The class of causes that it is typical of.
    pub class: Option<CauseClass>,
}

/// Functions met so far.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    known: HashMap<CodeAddr, Option<Function>>,
}

impl Functions {
    /// The function that contains `addr`.
    pub fn at(&mut self, addr: CodeAddr, names: &dyn Names) -> Option<&Function> {
        if self.known.len() >= MAX_KNOWN && !self.known.contains_key(&addr) {
            self.known.clear();
        }
        self.known
            .entry(addr)
            .or_insert_with(|| {
                let name = names.function(addr)?.name;
                Some(Function {
                    is_spin: is_spin(&name),
                    is_idle: is_idle(&name),
                    is_polling_idle: is_polling_idle(&name),
                    is_halted_waiter: is_halted_waiter(&name),
                    class: detectors::class_of_function(&name),
                    name: name.into(),
                })
            })
            .as_ref()
    }
}
