//! Where the name of a lock came from.
//!
//! In: nothing. Out: [`NameSource`], best first. Refuses: a source that nobody can check; docs/lock-names.md says how.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a name came from, best first.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum NameSource {
    /// Structure of the waiting task, and the member by BTF.
    TaskObject,
    /// Variable of which each CPU has its own, and the member by BTF.
    PerCpu,
    /// Object that a pointer or array of the kernel leads to, and the member by BTF.
    KernelObject,
    /// Kernel symbol at the address.
    Symbol,
    /// Dictionary: the acquiring function is known to take this lock.
    Dictionary,
    /// The function that acquires it.
    AcquiringFunction,
    /// Only the address is known.
    Address,
}

impl NameSource {
    /// Whether the name tells what kind of lock it is, not only who waits for it or where it lies.
    #[must_use]
    pub const fn names_class(self) -> bool {
        !matches!(self, Self::AcquiringFunction | Self::Address)
    }
}
