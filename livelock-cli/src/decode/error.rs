//! Records that make no sense.
//!
//! In: what was found. Out: fragments that read after "failed to". Refuses: nothing.

use thiserror::Error;

/// Why a record was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    /// A wait that ended before it began.
    #[error("decode a wait that ends {by_ns} ns before it begins")]
    EndBeforeBegin {
        /// By how much.
        by_ns: u64,
    },
    /// A record without a lock.
    #[error("decode a record without a lock address")]
    NoLock,
    /// More frames than a record holds.
    #[error("decode a stack of {nr_frames} frames")]
    TooManyFrames {
        /// What it claims.
        nr_frames: u32,
    },
    /// A structure that this version does not know.
    #[error("decode object kind {kind}")]
    UnknownObject {
        /// What it says.
        kind: u32,
    },
    /// A call that this version does not know.
    #[error("decode call kind {kind}")]
    UnknownCall {
        /// What it says.
        kind: u32,
    },
    /// An owner that this version does not know.
    #[error("decode owner kind {kind}")]
    UnknownOwner {
        /// What it says.
        kind: u32,
    },
    /// More open waits than a CPU has slots.
    #[error("decode a CPU with {depth} open waits")]
    TooDeep {
        /// What it claims.
        depth: u32,
    },
}
