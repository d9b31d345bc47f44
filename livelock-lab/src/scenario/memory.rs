//! Address spaces: one `mm` whose maps, pages and page tables all threads change, and the barriers
//! that interrupt the CPUs on which they run.
//!
//! In: a plan. Out: threads that map, unmap, fault, protect and wait for barriers. Refuses: memory of
//! others; each thread changes a mapping of its own, in the address space that all share.

use std::io;

use anyhow::Context as _;

use crate::catalog::{Class, Kind, Scenario, Status};
use crate::needs::{Missing, Needs};
use crate::plan::{self, Plan, Work};
use crate::sys::{self, PAGE_BYTES, Region};

/// The scenarios of this file.
pub(crate) const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "mmap-munmap",
        description: "map, touch and unmap a page in one address space: writers of mmap_lock",
        class: Class::MemoryLocks,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: mmap_munmap,
    },
    Scenario {
        name: "madvise-dontneed",
        description: "touch 64 pages and give them back, next to those of other threads: the lock of one page table",
        class: Class::MemoryLocks,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: madvise_dontneed,
    },
    Scenario {
        name: "page-fault",
        description: "fault 4 MiB in and unmap it, in one address space: the allocator and page tables",
        class: Class::MemoryLocks,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: page_fault,
    },
    Scenario {
        name: "brk",
        description: "grow and shrink the heap's end: writers of mmap_lock",
        class: Class::MemoryLocks,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: brk,
    },
    Scenario {
        name: "mprotect-storm",
        description: "protect and unprotect pages of one address space: writers of mmap_lock spin for it",
        class: Class::MemoryLocks,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: mprotect_storm,
    },
    Scenario {
        name: "tlb-shootdown",
        description: "give memory back, far from that of other threads, in one address space on all CPUs: each interrupts the others",
        class: Class::IpiStorm,
        expected_status: Status::Livelock,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: tlb_shootdown,
    },
    Scenario {
        name: "membarrier",
        description: "memory barriers on all CPUs of one process: each interrupts the others",
        class: Class::IpiStorm,
        expected_status: Status::Contended,
        kind: Kind::Boundary,
        needs: Needs::FOUR_CPUS,
        prepare: membarrier_expedited,
    },
    Scenario {
        name: "membarrier-global",
        description: "memory barriers that wait for a grace period of RCU: the threads sleep",
        class: Class::Rcu,
        expected_status: Status::Busy,
        kind: Kind::LookAlike,
        needs: Needs::NOTHING,
        prepare: membarrier_global,
    },
];

const READ_WRITE: libc::c_int = libc::PROT_READ | libc::PROT_WRITE;
/// What one page table covers.
const PAGE_TABLE_BYTES: usize = 2 * 1024 * 1024;
const NR_ADVISED_PAGES: usize = 64;
const FAULTED_BYTES: usize = 4 * 1024 * 1024;
const NR_PROTECTED_PAGES: usize = 8;

/// Between the end of libc's heap and the ends that [`brk`] sets: libc may grow its heap meanwhile.
const BRK_GAP_BYTES: usize = 64 * 1024 * 1024;

fn mapped(nr_bytes: usize) -> io::Result<Region> {
    Region::anonymous(nr_bytes, READ_WRITE, libc::MAP_PRIVATE)
}

fn mmap_munmap(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| mapped(PAGE_BYTES).map(|region| region.touch()))
}

fn madvise_dontneed(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let region = mapped(NR_ADVISED_PAGES * PAGE_BYTES).context("failed to map memory")?;
        plan::op(move || {
            region.touch();
            region.advise(libc::MADV_DONTNEED)
        })
    })
}

/// The mapping is longer than what a page table covers, so that no two threads share a table.
fn tlb_shootdown(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let region = mapped(2 * PAGE_TABLE_BYTES).context("failed to map memory")?;
        region
            .advise(libc::MADV_NOHUGEPAGE)
            .or_else(without_huge_pages)?;
        plan::op(move || {
            region.touch_first();
            region.advise(libc::MADV_DONTNEED)
        })
    })
}

/// Huge pages are not what it is about; a kernel without them says EINVAL.
fn without_huge_pages(err: io::Error) -> io::Result<()> {
    if sys::is_errno(&err, libc::EINVAL) {
        Ok(())
    } else {
        Err(err)
    }
}

fn page_fault(_: &Plan) -> anyhow::Result<Work> {
    Work::shared(|| {
        let region = mapped(FAULTED_BYTES)?;
        // Pages, not huge pages: the faults are what this is about.
        region
            .advise(libc::MADV_NOHUGEPAGE)
            .or_else(without_huge_pages)?;
        region.touch();
        Ok(())
    })
}

/// The raw call: libc does not learn of it, and its heap stays below.
fn brk(_: &Plan) -> anyhow::Result<Work> {
    // SAFETY: 0 only asks.
    let base = unsafe { libc::syscall(libc::SYS_brk, 0) } + BRK_GAP_BYTES as i64;
    Work::by_thread(move |index| {
        let grown = base + ((index + 1) * PAGE_BYTES) as i64;
        plan::op(move || {
            for end in [grown, base] {
                // SAFETY: nobody uses memory above the heap of libc, which ends below `base`.
                let _ = unsafe { libc::syscall(libc::SYS_brk, end) };
            }
            Ok(())
        })
    })
}

fn mprotect_storm(_: &Plan) -> anyhow::Result<Work> {
    Work::by_thread(|_| {
        let region = mapped(NR_PROTECTED_PAGES * PAGE_BYTES).context("failed to map memory")?;
        plan::op(move || {
            region.touch();
            region.protect(libc::PROT_READ)?;
            region.protect(READ_WRITE)
        })
    })
}

fn membarrier(command: libc::c_int) -> io::Result<()> {
    // SAFETY: takes numbers.
    sys::done(unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) }).map(drop)
}

fn membarrier_expedited(_: &Plan) -> anyhow::Result<Work> {
    try_membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)?;
    Work::shared(|| membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED))
}

fn membarrier_global(_: &Plan) -> anyhow::Result<Work> {
    try_membarrier(libc::MEMBARRIER_CMD_GLOBAL)?;
    Work::shared(|| membarrier(libc::MEMBARRIER_CMD_GLOBAL))
}

fn try_membarrier(command: libc::c_int) -> Result<(), Missing> {
    membarrier(command).map_err(|err| {
        Missing::because(
            &err,
            "the kernel has no membarrier",
            "use one with CONFIG_MEMBARRIER and without nohz_full=",
        )
    })
}
