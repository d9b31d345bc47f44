//! Declared progress: what was typed, found on this host, and read once a window.
//!
//! In: `--progress` and `--expect`. Out: [`Declaration`]s, and [`Sources`] that give one reading each. Refuses:
//! whatever does not exist, before anything is attached; zero for what could not be read.

mod elf;
mod error;
mod exec;
mod expect;
mod file;
mod libraries;
mod number;
mod sources;
mod spec;
#[cfg(test)]
mod tests;
mod tracefs;

pub use error::{DeclareError, NotFound};
pub use expect::{ExpectError, parse_expectation};
pub use number::{counter, keyed_sum, keyed_value};
pub use sources::{Found, Sources};
pub use spec::{Declaration, Spec, SpecError, parse_spec};
pub(crate) use tracefs::events_of;
