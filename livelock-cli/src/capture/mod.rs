//! The only room that names aya: loads the object, attaches it, reads its maps.
//!
//! In: kernel offsets and a sampling rate. Out: [`RawRecord`](crate::raw::RawRecord)s. Refuses:
//! interpretation; half an attachment (whatever was attached goes away with the error).

mod activity;
mod attach;
mod breakpoints;
mod config;
mod control;
mod declared;
mod drain;
mod error;
mod groups;
mod hits;
mod load;
mod loader;
mod mapping;
mod members;
mod probe;
mod program_info;
mod releases;
mod sampler;
mod snapshot;
mod tracepoints;
mod user_stacks;
mod watched_calls;

pub use attach::Capture;
pub use config::{
    CaptureConfig, KernelOffsets, LockdepOffsets, OwnerOffsets, TRACEPOINT_TYPES, TaskFilter,
    WaitFilter,
};
pub use declared::{DeclaredProbes, ProbeSite};
pub use drain::Drained;
pub use error::CaptureError;
pub use members::Members;
pub use probe::{ProgramProbe, probe_programs, probe_sampler};

/// The object, built by `cargo xtask ebpf` and committed.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/livelock.bpf.o"));
