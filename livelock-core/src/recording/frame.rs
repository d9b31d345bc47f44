//! Records as frames.
//!
//! In: records, or bytes of a recording. Out: bytes, or records one after the other. Refuses: to allocate what a
//! frame merely claims to hold, and to read past the first frame that is not whole.

use std::io::Read as _;

use super::error::RecordingError;
use super::record::Record;

/// First bytes of a recording. The first one is no text, and the line end is what a transfer as text would break.
const MAGIC: [u8; 8] = *b"\x89LLREC\r\n";

/// Format that is written. Fields may be added within a format; anything else is a new one.
pub const FORMAT_VERSION: u32 = 1;

/// Magic and format version.
const PREAMBLE_BYTES: usize = MAGIC.len() + 4;

/// Lengths of the payload, compressed and not, and the checksum.
const HEAD_BYTES: usize = 12;

/// Longest payload before compression: a frame of the longest stacks is a tenth of it.
const MAX_RAW_BYTES: usize = 64 << 20;

/// zstd's fastest levels lose a fifth of the size, the next ones cost twice the time.
const ZSTD_LEVEL: i32 = 3;

/// Memory that a compressed frame may ask its reader for: 2^23 bytes, what level 3 ever needs.
const MAX_WINDOW_LOG: u32 = 23;

/// What a recording begins with.
#[must_use]
pub fn preamble() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(FORMAT_VERSION.to_le_bytes());
    bytes
}

/// One record as a frame.
///
/// # Errors
///
/// If the record is too long, or the serializer or the compressor refuses.
pub fn encode(record: &Record) -> Result<Vec<u8>, RecordingError> {
    let raw = rmp_serde::to_vec_named(record)?;
    let too_long = || RecordingError::TooLong {
        len_bytes: raw.len(),
        max_bytes: MAX_RAW_BYTES,
    };
    if raw.len() > MAX_RAW_BYTES {
        return Err(too_long());
    }
    let payload = zstd::bulk::compress(&raw, ZSTD_LEVEL)?;
    let len = |bytes: &[u8]| u32::try_from(bytes.len()).map_err(|_| too_long());
    let lens = [len(&payload)?.to_le_bytes(), len(&raw)?.to_le_bytes()].concat();
    let mut frame = Vec::with_capacity(HEAD_BYTES + payload.len());
    frame.extend(&lens);
    frame.extend(checksum(&lens, &payload).to_le_bytes());
    frame.extend(payload);
    Ok(frame)
}

fn checksum(lens: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(lens);
    hasher.update(payload);
    hasher.finalize()
}

/// How the bytes end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole frame.
    Whole,
    /// In the middle of one, or with one that is damaged.
    Torn {
        /// Bytes from there to the end.
        nr_bytes: usize,
    },
}

/// The frames of a recording.
#[derive(Clone, Debug)]
pub struct Frames<'b> {
    rest: &'b [u8],
    tail: Tail,
}

impl<'b> Frames<'b> {
    /// Those of `bytes`.
    ///
    /// # Errors
    ///
    /// If it is no recording, or one of a later format.
    pub fn of(bytes: &'b [u8]) -> Result<Self, RecordingError> {
        let is_cut = bytes.len() < PREAMBLE_BYTES;
        if is_cut && preamble().starts_with(bytes) {
            return Err(RecordingError::Empty);
        }
        let (Some(version), true) = (u32_at(bytes, MAGIC.len()), bytes.starts_with(&MAGIC)) else {
            return Err(RecordingError::Foreign);
        };
        if version > FORMAT_VERSION {
            return Err(RecordingError::Newer {
                found: version,
                known: FORMAT_VERSION,
            });
        }
        Ok(Self {
            rest: bytes.get(PREAMBLE_BYTES..).unwrap_or_default(),
            tail: Tail::Whole,
        })
    }

    /// The next record; `None` at the end, or where the rest is torn.
    ///
    /// # Errors
    ///
    /// If an undamaged frame holds something unknown.
    pub fn next_record(&mut self) -> Result<Option<Record>, RecordingError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some((raw, rest)) = take(self.rest) else {
            self.tail = Tail::Torn {
                nr_bytes: self.rest.len(),
            };
            self.rest = &[];
            return Ok(None);
        };
        self.rest = rest;
        rmp_serde::from_slice(&raw)
            .map(Some)
            .map_err(|source| RecordingError::Unknown { source })
    }

    /// How the bytes end, as far as they were read.
    #[must_use]
    pub const fn tail(&self) -> Tail {
        self.tail
    }
}

/// The payload of the first frame, and what follows it; `None` if it is not whole.
fn take(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let stored_bytes = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let raw_bytes = usize::try_from(u32_at(bytes, 4)?).ok()?;
    let crc = u32_at(bytes, 8)?;
    let end = HEAD_BYTES.checked_add(stored_bytes)?;
    let payload = bytes.get(HEAD_BYTES..end)?;
    let is_sound = raw_bytes <= MAX_RAW_BYTES && checksum(bytes.get(..8)?, payload) == crc;
    if !is_sound {
        return None;
    }
    let mut decoder = zstd::stream::read::Decoder::with_buffer(payload).ok()?;
    decoder.window_log_max(MAX_WINDOW_LOG).ok()?;
    // Grows with what comes out; one byte more than claimed shows that the claim is wrong.
    let mut raw = Vec::new();
    let limit = u64::try_from(raw_bytes).ok()?.checked_add(1)?;
    decoder.take(limit).read_to_end(&mut raw).ok()?;
    (raw.len() == raw_bytes).then(|| (raw, bytes.get(end..).unwrap_or_default()))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}
