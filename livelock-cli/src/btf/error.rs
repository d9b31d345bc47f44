//! What can be wrong with BTF.
//!
//! Messages read after "failed to".

use std::io;

/// Why bytes are not usable as BTF.
#[derive(Debug, thiserror::Error)]
pub enum BtfError {
    /// The file could not be read.
    #[error("read the kernel's type information from {path}")]
    Read {
        /// The file.
        path: String,
        /// Why.
        source: io::Error,
    },
    /// Shorter than a header.
    #[error("parse BTF: {len_bytes} bytes are less than a header")]
    TooShort {
        /// Length found.
        len_bytes: usize,
    },
    /// Not BTF.
    #[error("parse BTF: it starts with {magic:#06x}, not with 0xeb9f")]
    Magic {
        /// What it starts with.
        magic: u16,
    },
    /// BTF of a machine with the other byte order.
    #[error("parse BTF: it has the other byte order, so it is of another machine")]
    ForeignEndian,
    /// A version that nobody has defined yet.
    #[error("parse BTF: version {version} is not known, only 1")]
    Version {
        /// Version found.
        version: u8,
    },
    /// A section lies outside the bytes.
    #[error("parse BTF: the {section} section lies outside the file")]
    Section {
        /// Name of the section.
        section: &'static str,
    },
    /// The strings do not begin and end with a NUL.
    #[error("parse BTF: the string section does not begin and end with NUL")]
    Strings,
    /// A kind whose length neither we nor the file's layout section know.
    #[error("parse BTF: type {type_id} is of the unknown kind {kind}")]
    UnknownKind {
        /// Which type.
        type_id: u32,
        /// Its kind.
        kind: u8,
    },
    /// A type runs over the end of its section.
    #[error("parse BTF: type {type_id} runs over the end of the type section")]
    Truncated {
        /// Which type.
        type_id: u32,
    },
}
