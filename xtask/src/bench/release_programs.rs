//! The programs that tell releases, outside the tool.
//!
//! In: the committed object. Out: attached programs, what they cost, their rings emptied. Refuses: to read what is in the rings.

use std::os::fd::{AsFd as _, AsRawFd as _};
use std::ptr::{read_volatile, write_volatile};

use anyhow::{Context as _, ensure};
use aya::maps::{Array, Map};
use aya::util::nr_cpus;
use aya::{Btf, Ebpf, EbpfLoader};
use livelock_common::{
    CpuState, HOLD_SLOTS, RELEASE_RING, ReleaseRecord, Ring, WAIT_RING, WaitRecord,
};

use super::programs::{RunStats, of_program, program_mut};
use super::stack_time::Element;

/// What users run.
static OBJECT: &[u8] = aya::include_bytes_aligned!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../livelock-cli/bpf/livelock.bpf.o"
));

/// Programs and hooks, in the order in which they are called.
const PROGRAMS: [(&str, &str); 3] = [
    ("contention_end", "contention_end"),
    ("contended_release", "contention_end"),
    ("contention_begin", "contention_begin"),
];

/// Maps with an element a CPU.
const PER_CPU: [&str; 4] = ["CPU_STATE", "WAITS", "STACKS", "RELEASES"];

/// What was counted since they were attached.
pub(super) struct Releases {
    pub(super) end: RunStats,
    pub(super) release: RunStats,
    /// Releases, and those of which no acquisition was found.
    pub(super) nr_releases: u64,
    pub(super) nr_unmatched: u64,
    /// Those that found no room for their record.
    pub(super) nr_dropped: u64,
}

/// The programs; dropping it detaches them.
pub(super) struct Programs {
    ebpf: Ebpf,
    waits: Rings<WaitRecord, WAIT_RING>,
    releases: Rings<ReleaseRecord, RELEASE_RING>,
}

impl Programs {
    /// Loads them.
    pub(super) fn load() -> anyhow::Result<Self> {
        let btf = Btf::from_sys_fs().context("failed to read the kernel's BTF")?;
        let nr =
            nr_cpus().map_err(|(what, error)| anyhow::anyhow!("failed to read {what}: {error}"))?;
        let nr = u32::try_from(nr).context("failed to count CPUs")?;
        let mut loader = EbpfLoader::new();
        loader.btf(None);
        loader.override_global("HAS_CONTENDED_RELEASE", &1_u32, true);
        for name in PER_CPU {
            loader.map_max_entries(name, nr);
        }
        loader.map_max_entries("LOCK_BANKS", nr * 2);
        loader.map_max_entries("HOLDS", u32::try_from(HOLD_SLOTS).unwrap_or(u32::MAX));
        let mut ebpf = loader
            .load(OBJECT)
            .context("failed to load the object of livelock")?;
        for (program, hook) in PROGRAMS {
            program_mut(&mut ebpf, program)?
                .load(hook, &btf)
                .with_context(|| format!("failed to load {program} for lock:{hook}"))?;
        }
        Ok(Self {
            waits: Rings::of(&ebpf, "WAITS", nr as usize)?,
            releases: Rings::of(&ebpf, "RELEASES", nr as usize)?,
            ebpf,
        })
    }

    /// Attaches them, behind what is attached already.
    pub(super) fn attach(&mut self) -> anyhow::Result<()> {
        for (program, hook) in PROGRAMS {
            program_mut(&mut self.ebpf, program)?
                .attach()
                .with_context(|| format!("failed to attach {program} to lock:{hook}"))?;
        }
        Ok(())
    }

    /// What they have cost.
    pub(super) fn read(&self) -> anyhow::Result<Releases> {
        let map = self
            .ebpf
            .map("CPU_STATE")
            .context("the object has no CPU_STATE")?;
        let states = Array::<_, Element>::try_from(map)?;
        let mut sums = Releases {
            end: of_program(&self.ebpf, "contention_end")?,
            release: of_program(&self.ebpf, "contended_release")?,
            nr_releases: 0,
            nr_unmatched: 0,
            nr_dropped: self.releases.nr_dropped(),
        };
        for state in states.iter() {
            let Element(state): Element = state.context("failed to read CPU_STATE")?;
            let CpuState {
                nr_releases,
                nr_release_unmatched,
                ..
            } = state;
            sums.nr_releases += nr_releases;
            sums.nr_unmatched += nr_release_unmatched;
        }
        Ok(sums)
    }

    /// Gives all room in the rings back.
    pub(super) fn empty_rings(&self) {
        self.waits.empty();
        self.releases.empty();
    }
}

/// Rings of all CPUs, mapped.
struct Rings<T, const N: usize> {
    at: *mut Ring<T, N>,
    nr: usize,
}

impl<T, const N: usize> Rings<T, N> {
    fn of(ebpf: &Ebpf, name: &str, nr: usize) -> anyhow::Result<Self> {
        let Some(Map::Array(data)) = ebpf.map(name) else {
            anyhow::bail!("the object has no array {name}");
        };
        // SAFETY: a new mapping, wherever there is room for it.
        let at = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                nr * size_of::<Ring<T, N>>(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                data.fd().as_fd().as_raw_fd(),
                0,
            )
        };
        ensure!(
            at != libc::MAP_FAILED,
            "failed to map {name}: {}",
            std::io::Error::last_os_error()
        );
        Ok(Self { at: at.cast(), nr })
    }

    fn nr_dropped(&self) -> u64 {
        let of_cpu = |cpu| {
            // SAFETY: an element of the mapping; the kernel side writes whole words.
            unsafe { read_volatile(&raw const (*self.at.add(cpu)).nr_dropped) }
        };
        (0..self.nr).map(of_cpu).sum()
    }

    fn empty(&self) {
        for cpu in 0..self.nr {
            // SAFETY: an element of the mapping; `tail` has no other writer.
            unsafe {
                let ring = self.at.add(cpu);
                let head = read_volatile(&raw const (*ring).head);
                write_volatile(&raw mut (*ring).tail, head);
            }
        }
    }
}

impl<T, const N: usize> Drop for Rings<T, N> {
    fn drop(&mut self) {
        // SAFETY: mapped by `of` with this length, and used by nobody else.
        unsafe {
            libc::munmap(self.at.cast(), self.nr * size_of::<Ring<T, N>>());
        }
    }
}
