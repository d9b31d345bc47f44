//! What can fail between the object and the kernel.
//!
//! In: errors of aya and of the system. Out: fragments that read after "failed to". Refuses: hiding the
//! verifier's log.

use thiserror::Error;

/// An error of this room.
#[derive(Debug, Error)]
pub enum CaptureError {
    /// The kernel's BTF could not be read by aya.
    #[error("read the kernel's BTF")]
    Btf(#[source] aya_obj::btf::BtfError),
    /// The object did not load.
    #[error("load the BPF object")]
    Object(#[source] Box<aya::EbpfError>),
    /// A program is missing in the object.
    #[error(
        "find program `{0}` in the BPF object (is it stale? rebuild it with `cargo xtask ebpf`)"
    )]
    MissingProgram(&'static str),
    /// A map is missing in the object.
    #[error("find map `{0}` in the BPF object (is it stale? rebuild it with `cargo xtask ebpf`)")]
    MissingMap(&'static str),
    /// A program was refused.
    #[error("load program `{program}`")]
    Load {
        /// Which.
        program: &'static str,
        /// Why; holds the verifier's log.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// A program loaded but did not attach.
    #[error("attach program `{program}` to {hook}")]
    Attach {
        /// Which.
        program: &'static str,
        /// Where.
        hook: &'static str,
        /// Why.
        #[source]
        source: Box<aya::programs::ProgramError>,
    },
    /// A probe of declared progress did not attach.
    #[error("attach the probe of `--progress` to {name}")]
    Declared {
        /// Where.
        name: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The object speaks another layout.
    #[error("use the BPF object: it has ABI version {found}, this binary needs {needed}")]
    Abi {
        /// What the object announced.
        found: u32,
        /// What this binary was built with.
        needed: u32,
    },
    /// A map could not be mapped.
    #[error("map `{map}` into memory")]
    Map {
        /// Which.
        map: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The CPUs of this host could not be listed.
    #[error("list the CPUs of this host ({what})")]
    Cpus {
        /// Which file.
        what: &'static str,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}
