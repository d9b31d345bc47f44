//! What can go wrong with `/proc`. Messages read after "failed to".

use std::io;
use std::path::PathBuf;

/// Why the host's counters cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ProcfsError {
    /// A file that nothing works without.
    #[error("read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// `/proc/stat` without a single CPU.
    #[error("find any CPU in {}", path.display())]
    NoCpus {
        /// The file.
        path: PathBuf,
    },
}
