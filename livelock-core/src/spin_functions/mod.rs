//! Functions in which a CPU spins, idles, or does something with a lock.
//!
//! In: symbol names without compiler suffixes. Out: what they mean. Refuses: to tell kernels apart; a name means the same
//! in all that have it.
//!
//! The dictionary is data, `data/spin-functions.toml`. `cargo xtask dictionary` holds it against the symbols of
//! real kernels; docs/lock-names.md has the result.

mod source;
#[cfg(test)]
mod tests;

use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::known_functions::DictionaryError;
use crate::lock_call::LockCallKind;
pub use source::{Group, Role};

/// The file.
const TEXT: &str = include_str!("../../data/spin-functions.toml");

/// Roles by function.
#[derive(Debug, Default)]
pub struct SpinDictionary {
    groups: Vec<Group>,
    /// Functions by their whole name. Every function of every sample is looked up here; the keys are the file's, so
    /// nobody can make them collide.
    by_name: FxHashMap<String, Role>,
    /// Beginnings of names, some ten of a role; most roles have none.
    by_beginning: Vec<(Role, Vec<String>)>,
}

impl SpinDictionary {
    /// Reads a dictionary.
    ///
    /// # Errors
    ///
    /// If the text is no TOML of this shape, a function in it has a range that is none, or one that no kernel has
    /// stands there without a reason.
    pub fn read(text: &str) -> Result<Self, DictionaryError> {
        let mut dictionary = Self {
            groups: source::read(text)?,
            ..Self::default()
        };
        for group in &dictionary.groups {
            let mut beginnings = Vec::new();
            for function in &group.functions {
                match function.pattern.strip_suffix('*') {
                    Some(beginning) => beginnings.push(beginning.to_owned()),
                    None => {
                        let names = &mut dictionary.by_name;
                        names.insert(function.pattern.clone(), group.role);
                    }
                }
            }
            if !beginnings.is_empty() {
                dictionary.by_beginning.push((group.role, beginnings));
            }
        }
        Ok(dictionary)
    }

    /// All functions, by role.
    #[must_use]
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// Whether a CPU in `function` does what one of `roles` says.
    #[must_use]
    pub fn has(&self, function: &str, roles: &[Role]) -> bool {
        if let Some(role) = self.by_name.get(function) {
            return roles.contains(role);
        }
        let of_roles = self.by_beginning.iter();
        let mut beginnings = of_roles
            .filter(|(role, _)| roles.contains(role))
            .flat_map(|(_, beginnings)| beginnings);
        beginnings.any(|beginning| function.starts_with(beginning.as_str()))
    }
}

/// The dictionary of this version. A test holds the committed file to be readable; were it not, nothing would be
/// known.
pub fn dictionary() -> &'static SpinDictionary {
    static DICTIONARY: LazyLock<SpinDictionary> =
        LazyLock::new(|| SpinDictionary::read(TEXT).unwrap_or_default());
    &DICTIONARY
}

/// Whether a CPU in `function` waits by spinning.
#[must_use]
pub fn is_spin(function: &str) -> bool {
    dictionary().has(function, &[Role::Spin])
}

/// Whether `function` reads a clock that lies outside of the CPU. Its loops wait for the device.
#[must_use]
pub fn is_slow_clock(function: &str) -> bool {
    dictionary().has(function, &[Role::SlowClock])
}

/// Whether what `function` called runs in an interrupt, whoever was interrupted.
#[must_use]
pub fn is_interrupt(function: &str) -> bool {
    dictionary().has(function, &[Role::Interrupt])
}

/// Whether `function` tries to take a lock.
#[must_use]
pub fn is_trylock(function: &str) -> bool {
    dictionary().has(function, &[Role::Trylock])
}

/// What a call of `function` does to the lock that is its first argument.
#[must_use]
pub fn lock_call(function: &str) -> Option<LockCallKind> {
    let may_come_back_without = || {
        let parts = ["trylock", "interruptible", "killable"];
        parts.iter().any(|part| function.contains(part))
    };
    if is_trylock(function) {
        Some(LockCallKind::Trylock)
    } else if may_come_back_without() {
        // Not with a trylock's result or argument.
        None
    } else if dictionary().has(function, &[Role::Lock]) {
        Some(LockCallKind::Lock)
    } else if dictionary().has(function, &[Role::Unlock]) {
        Some(LockCallKind::Unlock)
    } else {
        None
    }
}

/// Whether a CPU in `function` idles.
#[must_use]
pub fn is_idle(function: &str) -> bool {
    dictionary().has(function, &[Role::Idle, Role::PollingIdle])
}

/// Whether a CPU in `function` idles by polling: it keeps its hypervisor CPU, but nobody is kept waiting.
#[must_use]
pub fn is_polling_idle(function: &str) -> bool {
    dictionary().has(function, &[Role::PollingIdle])
}

/// Whether a waiter in `function` has given its CPU back to the hypervisor until the lock is free.
#[must_use]
pub fn is_halted_waiter(function: &str) -> bool {
    dictionary().has(function, &[Role::HaltedWaiter])
}
