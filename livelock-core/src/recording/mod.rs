//! Recordings: the decoded stream of a session as bytes, and back.
//!
//! In: what a session folded, read and named. Out: frames for somebody else to write, and from such bytes the same
//! windows, judged by the same judge, on any machine. Refuses: files, clocks, and to fail on a tail that was cut
//! off; what came before it is there.
//!
//! A recording is a preamble (magic, format version) and frames, all numbers little-endian. A frame is one
//! [`Record`]: the lengths of its payload, a checksum over both, and the payload, MessagePack with the names of
//! fields, compressed with zstd. Every piece of a recording begins with an [`Opening`] and a [`Baseline`] and can be
//! read alone.

mod error;
mod frame;
mod names;
mod player;
mod record;
#[cfg(test)]
mod tests;

pub use error::RecordingError;
pub use frame::{FORMAT_VERSION, Frames, Tail, encode, preamble};
pub use names::{NameTable, NewNames};
pub use player::{Played, Player};
pub use record::{
    Baseline, CUT_OFF, Close, Closing, EndedBy, NR_EVENTS_A_FRAME, Opening, Record, carries_over,
    chunks,
};
