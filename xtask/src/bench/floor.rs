//! The clock floor: one clock read and one per-CPU store on both tracepoints.
//!
//! In: the kernel's tracepoints. Out: how often its programs ran, and for how long. Refuses: half an attachment.

use anyhow::Context as _;
use aya::programs::BtfTracePoint;
use aya::{Btf, Ebpf};

use super::programs::{Pair, RunStats};

/// Built by `cargo xtask ebpf` from `livelock-ebpf/src/floor.rs`, and committed.
static OBJECT: &[u8] =
    aya::include_bytes_aligned!(concat!(env!("CARGO_MANIFEST_DIR"), "/bpf/floor.bpf.o"));

/// Attached floor programs; dropping it detaches them.
pub(crate) struct Floor(Ebpf);

impl Floor {
    /// Loads and attaches both programs.
    pub(crate) fn attach() -> anyhow::Result<Self> {
        let btf = Btf::from_sys_fs().context("failed to read the kernel's BTF")?;
        let mut ebpf =
            Ebpf::load(OBJECT).context("failed to load the object of the clock floor")?;
        for (program, hook) in [
            ("floor_end", "contention_end"),
            ("floor_begin", "contention_begin"),
        ] {
            attach_one(&mut ebpf, program, hook, &btf)
                .with_context(|| format!("failed to attach {program} to lock:{hook}"))?;
        }
        Ok(Self(ebpf))
    }

    /// What both programs have cost since they were attached.
    pub(crate) fn stats(&self) -> anyhow::Result<Pair<RunStats>> {
        Ok(Pair {
            begin: self.stats_of("floor_begin")?,
            end: self.stats_of("floor_end")?,
        })
    }

    fn stats_of(&self, program: &str) -> anyhow::Result<RunStats> {
        let info = self
            .0
            .program(program)
            .with_context(|| format!("the object of the clock floor has no {program}"))?
            .info()
            .with_context(|| format!("failed to ask the kernel about {program}"))?;
        Ok(RunStats::of(&info))
    }
}

fn attach_one(ebpf: &mut Ebpf, program: &str, hook: &str, btf: &Btf) -> anyhow::Result<()> {
    let tracepoint: &mut BtfTracePoint = ebpf
        .program_mut(program)
        .context("the object has no such program")?
        .try_into()?;
    tracepoint.load(hook, btf)?;
    tracepoint.attach()?;
    Ok(())
}
