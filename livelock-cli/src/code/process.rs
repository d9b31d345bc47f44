//! The code of processes.
//!
//! In: `/proc/PID/exe` and `/proc/PID/mem`. Out: bytes at addresses of a process. Refuses: to stop or
//! to trace it, and to keep more than [`MAX_OPEN`] of them open.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use super::error::CodeSource;
use super::isa::Isa;

/// A live lock is a matter of a few processes; each costs a file descriptor.
const MAX_OPEN: usize = 16;

/// Processes whose memory is open.
#[derive(Debug, Default)]
pub(super) struct Processes {
    open: HashMap<u32, Process>,
}

/// One process. The file stays with this memory: it reads nothing once the process has ended or
/// become another program, even if its number is taken again.
#[derive(Debug)]
pub(super) struct Process {
    pub(super) isa: Isa,
    memory: File,
}

impl Processes {
    /// Process `tgid`, opened if need be.
    pub(super) fn get(&mut self, tgid: u32) -> Result<&Process, CodeSource> {
        if !self.open.contains_key(&tgid) && self.open.len() >= MAX_OPEN {
            self.open.clear();
        }
        match self.open.entry(tgid) {
            std::collections::hash_map::Entry::Occupied(known) => Ok(known.into_mut()),
            std::collections::hash_map::Entry::Vacant(free) => {
                Ok(free.insert(Process::open(tgid)?))
            }
        }
    }

    /// Closes process `tgid`.
    pub(super) fn forget(&mut self, tgid: u32) {
        self.open.remove(&tgid);
    }
}

impl Process {
    fn open(tgid: u32) -> Result<Self, CodeSource> {
        let refused = |source: io::Error| match source.kind() {
            io::ErrorKind::PermissionDenied => CodeSource::ProcessRefused { tgid },
            _ => CodeSource::ProcessGone { tgid },
        };
        // Memory first: a program that is replaced in between has none left in the file just opened.
        let memory = File::open(format!("/proc/{tgid}/mem")).map_err(refused)?;
        let program = File::open(format!("/proc/{tgid}/exe")).map_err(refused)?;
        let mut header = [0; 20];
        let isa = match program.read_exact_at(&mut header, 0) {
            Ok(()) => Isa::of_elf_machine(u16::from_le_bytes([header[18], header[19]])),
            Err(_) => None,
        };
        let isa = isa.ok_or(CodeSource::ProcessMachine { tgid })?;
        Ok(Self { isa, memory })
    }

    /// Reads what is at `addr`; how many bytes came.
    pub(super) fn read(&self, addr: u64, into: &mut [u8]) -> io::Result<usize> {
        self.memory.read_at(into, addr)
    }
}
