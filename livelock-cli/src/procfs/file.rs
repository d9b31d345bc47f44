//! A file of `/proc`, opened once and read again and again.
//!
//! In: a path. Out: its text as of now. Refuses: more than [`MAX_BYTES`], and to allocate once the buffer
//! has its size.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// `/proc/stat` of a host with 1,000 CPUs has about 200 KB.
const MAX_BYTES: usize = 16 << 20;
const FIRST_BYTES: usize = 16 << 10;

/// An open file and the buffer it is read into.
#[derive(Debug)]
pub(super) struct ProcFile {
    path: PathBuf,
    file: File,
    buffer: Vec<u8>,
}

impl ProcFile {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self {
            path: path.to_owned(),
            file: File::open(path)?,
            buffer: vec![0; FIRST_BYTES],
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The text from its beginning. The kernel renders it anew at offset 0 and hands it out by the page,
    /// so a short read is not the end.
    pub(super) fn read(&mut self) -> io::Result<&str> {
        let mut len = 0;
        loop {
            if len == self.buffer.len() {
                if len >= MAX_BYTES {
                    return Err(io::ErrorKind::FileTooLarge.into());
                }
                self.buffer.resize(len * 2, 0);
            }
            match self.file.read_at(&mut self.buffer[len..], len as u64) {
                Ok(0) => break,
                Ok(nr_read) => len += nr_read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        std::str::from_utf8(&self.buffer[..len]).map_err(|_| io::ErrorKind::InvalidData.into())
    }
}
