//! Machine code of the live host.
//!
//! In: addresses of sampled instructions, and where kernel functions start. Out: atomic instructions and
//! loops there. Refuses: to run, change or stop what it reads, to wait long for it, and to judge it.
//!
//! Steps: `kcore` or `process` reads bytes, `x86` or `arm64` turns one instruction into a [`Step`],
//! `before` finds where the instructions before an address begin, `flow` finds the loop, `facts` puts it
//! together, `attempts` finds trylocks and guarded reads, `reader` does not wait for memory that is
//! locked, `live` caches.

mod arm64;
mod attempts;
mod before;
mod calls;
mod error;
mod facts;
mod flow;
mod isa;
mod kcore;
mod live;
mod process;
mod reader;
mod segments;
mod step;
#[cfg(test)]
mod tests;
mod x86;

pub use error::CodeSource;
pub use facts::{Bytes, facts_at};
pub use isa::Isa;
pub use kcore::Kcore;
pub use live::{LiveCode, NamedCode};
pub use segments::Segments;
pub use step::Step;
