//! The clock floor: one clock read and one per-CPU store on both tracepoints.
//!
//! In: the kernel's tracepoints. Out: how often its programs ran, and for how long. Refuses: half an attachment.

use anyhow::Context as _;
use aya::{Btf, Ebpf, EbpfLoader};

use super::programs::{Pair, RunStats, of_program, program_mut};

/// Built by `cargo xtask ebpf` from `livelock-ebpf/src/floor.rs`, and committed.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/floor.bpf.o"));

/// Programs and their tracepoints.
const PROGRAMS: [(&str, &str); 2] = [
    ("floor_end", "contention_end"),
    ("floor_begin", "contention_begin"),
];

/// Floor programs; dropping it detaches them.
pub(crate) struct Floor(Ebpf);

impl Floor {
    /// Loads both programs: the slow part, done before the storm.
    pub(crate) fn load() -> anyhow::Result<Self> {
        let btf = Btf::from_sys_fs().context("failed to read the kernel's BTF")?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&btf))
            .load(OBJECT)
            .context("failed to load the object of the clock floor")?;
        for (program, hook) in PROGRAMS {
            program_mut(&mut ebpf, program)?
                .load(hook, &btf)
                .with_context(|| format!("failed to load {program}"))?;
        }
        Ok(Self(ebpf))
    }

    /// Attaches both, behind what is attached already.
    pub(crate) fn attach(&mut self) -> anyhow::Result<()> {
        for (program, hook) in PROGRAMS {
            program_mut(&mut self.0, program)?
                .attach()
                .with_context(|| format!("failed to attach {program} to lock:{hook}"))?;
        }
        Ok(())
    }

    /// What both programs have cost since they were attached.
    pub(crate) fn stats(&self) -> anyhow::Result<Pair<RunStats>> {
        Ok(Pair {
            begin: of_program(&self.0, "floor_begin")?,
            end: of_program(&self.0, "floor_end")?,
        })
    }
}
