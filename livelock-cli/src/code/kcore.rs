//! The running kernel's code.
//!
//! In: `/proc/kcore`. Out: bytes at kernel addresses, as they are now: alternatives, static keys and probes
//! are patched in. Refuses: to open it without `CAP_SYS_RAWIO`, as the kernel does.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use super::error::CodeSource;
use super::isa::Isa;
use super::segments::{ELF_HEADER_BYTES, Segments};

/// The open core file.
#[derive(Debug)]
pub struct Kcore {
    file: File,
    segments: Segments,
}

impl Kcore {
    /// Opens it at `path`.
    pub fn open(path: &Path) -> Result<Self, CodeSource> {
        let file = File::open(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => CodeSource::NoKcore,
            io::ErrorKind::PermissionDenied => CodeSource::KcoreRefused,
            kind => CodeSource::Kcore { kind },
        })?;
        let mut head = vec![0; ELF_HEADER_BYTES];
        let read = |head: &mut Vec<u8>| {
            file.read_exact_at(head, 0)
                .map_err(|source| CodeSource::Kcore {
                    kind: source.kind(),
                })
        };
        read(&mut head)?;
        let nr_bytes =
            Segments::head_bytes(&head).map_err(|reason| CodeSource::KcoreHeader { reason })?;
        head.resize(nr_bytes.max(ELF_HEADER_BYTES), 0);
        read(&mut head)?;
        let segments =
            Segments::parse(&head).map_err(|reason| CodeSource::KcoreHeader { reason })?;
        Ok(Self { file, segments })
    }

    /// What decodes it.
    #[must_use]
    pub const fn isa(&self) -> Isa {
        self.segments.isa()
    }

    /// Reads what is at `addr`; how many bytes came.
    pub fn read(&self, addr: u64, into: &mut [u8]) -> io::Result<usize> {
        let Some((offset_bytes, left_bytes)) = self.segments.find(addr) else {
            return Ok(0);
        };
        let len = into
            .len()
            .min(usize::try_from(left_bytes).unwrap_or(usize::MAX));
        self.file.read_at(&mut into[..len], offset_bytes)
    }
}
