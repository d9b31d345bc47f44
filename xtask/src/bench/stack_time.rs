//! Time that `contention_begin` spent on stacks.
//!
//! In: the programs of a running `livelock`. Out: the sums of its `CPU_STATE`. Refuses: a map of another
//! layout (the size is compared).
//!
//! The copy may be torn, which is benign: each counter used is one aligned word that only grows.

use anyhow::Context as _;
use aya::maps::{Array, Map, MapData, MapInfo};
use aya::programs::ProgramInfo;
use livelock_common::CpuState;

const MAP: &str = "CPU_STATE";

#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Element(pub(super) CpuState);

// SAFETY: integers only, for which every bit pattern is valid.
unsafe impl aya::Pod for Element {}

/// Stacks taken and the time that they took, on all CPUs.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct StackTime {
    pub(crate) nr_stacks: u64,
    pub(crate) stack_ns: u64,
}

/// The state map of a running `livelock`.
pub(crate) struct StackTimes(Array<MapData, Element>);

impl StackTimes {
    /// Of the `livelock` that `program` belongs to.
    pub(crate) fn of_program(program: &ProgramInfo) -> anyhow::Result<Self> {
        let ids = program
            .map_ids()
            .context("failed to list the maps of contention_begin")?
            .context("this kernel does not say which maps a program uses")?;
        for id in ids {
            let info = MapInfo::from_id(id).context("failed to ask the kernel about a map")?;
            if info.name_as_str() != Some(MAP) {
                continue;
            }
            let data = MapData::from_id(id).with_context(|| format!("failed to open {MAP}"))?;
            let map = Map::from_map_data(data)?;
            let array = Array::try_from(map).with_context(|| {
                format!("{MAP} has another layout; build livelock and xtask from the same sources")
            })?;
            return Ok(Self(array));
        }
        anyhow::bail!("contention_begin uses no map {MAP}")
    }

    /// Sums over the CPUs since attach.
    pub(crate) fn read(&self) -> anyhow::Result<StackTime> {
        let mut sum = StackTime::default();
        for element in self.0.iter() {
            let Element(state) = element.with_context(|| format!("failed to read {MAP}"))?;
            sum.nr_stacks += state.nr_stacks;
            sum.stack_ns += state.stacked_self_ns;
        }
        Ok(sum)
    }
}
