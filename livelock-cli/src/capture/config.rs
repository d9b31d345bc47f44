//! What capture needs to know of the running kernel, and how to sample.
//!
//! In: filled by `run` from the kernel's BTF. Out: frozen globals of the programs. Refuses: a default that
//! could be mistaken for an offset.

/// Offsets and sizes in the running kernel, from its BTF; `None` turns a feature off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelOffsets {
    /// `sizeof(struct task_struct)`.
    pub task_size: Option<u32>,
    /// `task_struct.nvcsw` and `task_struct.nivcsw`.
    pub switches: Option<(u32, u32)>,
    /// `task_struct.mm` and the size of what it points to.
    pub mm: Option<(u32, u32)>,
    /// `task_struct.files`.
    pub files: Option<(u32, u32)>,
    /// `task_struct.fs`.
    pub fs: Option<(u32, u32)>,
    /// `task_struct.sighand`.
    pub sighand: Option<(u32, u32)>,
    /// `task_struct.signal`.
    pub signal: Option<(u32, u32)>,
}

impl KernelOffsets {
    /// Names of the globals and their values.
    pub(super) fn globals(&self) -> Vec<(&'static str, u32)> {
        let mut out = Vec::new();
        if let Some(size) = self.task_size {
            out.push(("TASK_SIZE", size));
        }
        for (pair, member, size) in [
            (self.switches, "TASK_NVCSW", "TASK_NIVCSW"),
            (self.mm, "TASK_MM", "MM_SIZE"),
            (self.files, "TASK_FILES", "FILES_SIZE"),
            (self.fs, "TASK_FS", "FS_SIZE"),
            (self.sighand, "TASK_SIGHAND", "SIGHAND_SIZE"),
            (self.signal, "TASK_SIGNAL", "SIGNAL_SIZE"),
        ] {
            if let Some((first, second)) = pair {
                out.push((member, first));
                out.push((size, second));
            }
        }
        out
    }
}

/// Typedefs by which the kernel's BTF names the tracepoints that the programs attach to.
pub const TRACEPOINT_TYPES: [&str; 2] = ["btf_trace_contention_begin", "btf_trace_contention_end"];

/// How to capture.
#[derive(Clone, Debug)]
pub struct CaptureConfig {
    /// Offsets.
    pub offsets: KernelOffsets,
    /// BTF that holds the types of [`TRACEPOINT_TYPES`] under the ids of the running kernel.
    pub types: Vec<u8>,
    /// Samples per second and CPU.
    pub sample_hz: u64,
    /// Streaming slices at the start; see `Capture::set_slice_mask`.
    pub slice_mask: u64,
}
