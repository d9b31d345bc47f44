//! Why kernel addresses stay without names. Messages read after "failed to".

use std::io;

/// What is wrong with `/proc/kallsyms`.
#[derive(Debug, thiserror::Error)]
pub enum SymbolsError {
    /// It cannot be read.
    #[error("read kernel symbols from /proc/kallsyms")]
    Read {
        /// Why.
        #[from]
        source: io::Error,
    },
    /// It is there but shows zeros instead of addresses.
    #[error(
        "see kernel addresses: /proc/kallsyms shows zeros (kernel.kptr_restrict, or CAP_SYSLOG is missing)"
    )]
    Hidden,
    /// It has no symbols.
    #[error("find any symbol in /proc/kallsyms")]
    Empty,
}
