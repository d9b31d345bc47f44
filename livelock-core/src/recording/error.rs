//! Why bytes are not a recording. Messages read after "failed to replay FILE: ", or after
//! "failed to" where nothing could be written.

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub enum RecordingError {
    /// Something else.
    #[error("it is not a recording of `livelock record`")]
    Foreign,
    /// Nothing, or less than a preamble.
    #[error(
        "nothing is in it: it ends before its first frame; the session that wrote it was cut off at once"
    )]
    Empty,
    /// Of a later format.
    #[error(
        "it has format {found}, this program knows up to {known}; replay it with the livelock \
         that made it, or a newer one"
    )]
    Newer {
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Its first frames are not what each recording begins with.
    #[error("it has no begin: the first frame is {what}")]
    NoOpening {
        /// What is there.
        what: &'static str,
    },
    /// A frame whose checksum is right holds something else.
    #[error(
        "a frame is undamaged but holds something unknown; another version of livelock made it"
    )]
    Unknown {
        /// Why.
        #[source]
        source: rmp_serde::decode::Error,
    },
    /// A record cannot be written.
    #[error("encode a record")]
    Encode {
        /// Why.
        #[from]
        source: rmp_serde::encode::Error,
    },
    /// A record cannot be compressed.
    #[error("compress a record")]
    Compress {
        /// Why.
        #[from]
        source: std::io::Error,
    },
    /// A record is longer than any reader takes.
    #[error("encode a record: it has {len_bytes} bytes, {max_bytes} are the most")]
    TooLong {
        /// Its length.
        len_bytes: usize,
        /// The bound.
        max_bytes: usize,
    },
}
