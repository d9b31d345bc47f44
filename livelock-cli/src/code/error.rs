//! Why code stays unseen. Messages read after "failed to".

use std::io;

/// What stands between us and the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodeSource {
    /// The kernel was built without it.
    #[error("read kernel code: this kernel has no /proc/kcore (CONFIG_PROC_KCORE)")]
    NoKcore,
    /// The kernel refuses.
    #[error(
        "read kernel code: /proc/kcore is refused; it takes CAP_SYS_RAWIO and no lockdown (confidentiality)"
    )]
    KcoreRefused,
    /// It is there and cannot be read.
    #[error("read kernel code from /proc/kcore: {kind}")]
    Kcore {
        /// Why.
        kind: io::ErrorKind,
    },
    /// Not the core file that it should be.
    #[error("read kernel code: {reason}")]
    KcoreHeader {
        /// What is wrong with it.
        reason: HeaderFault,
    },
    /// Nobody to read it with.
    #[error("start the thread that reads code: {kind}")]
    NoThread {
        /// Why.
        kind: io::ErrorKind,
    },
    /// No such process, or none that has code of its own.
    #[error("read code of process {tgid}: it is gone, or a kernel thread")]
    ProcessGone {
        /// The process.
        tgid: u32,
    },
    /// The process may not be read.
    #[error("read code of process {tgid}: refused; it takes CAP_SYS_PTRACE")]
    ProcessRefused {
        /// The process.
        tgid: u32,
    },
    /// A program for a machine that we have no decoder for.
    #[error("read code of process {tgid}: no decoder for its machine")]
    ProcessMachine {
        /// The process.
        tgid: u32,
    },
    /// Nothing is mapped there.
    #[error("read code at {addr:#x}")]
    Unreadable {
        /// Where.
        addr: u64,
    },
    /// The bytes make no sense.
    #[error("decode code at {addr:#x}")]
    Undecodable {
        /// Where.
        addr: u64,
    },
    /// Memory whose lock is held by somebody else, as in the very storm that is being looked at.
    #[error("read code in time; its memory is locked by somebody else")]
    Slow,
}

/// What can be wrong with the header of a core file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Too short, or not a 64-bit little-endian ELF file.
    #[error("/proc/kcore is no 64-bit little-endian ELF file")]
    NotElf,
    /// A machine that we have no decoder for.
    #[error("there is no decoder for this machine, ELF's number {machine}")]
    Machine {
        /// ELF's number of it.
        machine: u16,
    },
    /// The program headers are of another size, too many, or lie outside the file.
    #[error("the program headers of /proc/kcore lie elsewhere")]
    ProgramHeaders,
}
