//! Locks of the memory manager: LRU lists, zones, page tables, address spaces.
//!
//! In: spin on them. Out: a detection. Refuses: faults and unmaps that wait for nobody.

use super::Detector;
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::MemoryLocks,
    &[
        "lruvec.lru_lock", "zone.lock", "mm_struct.*", "page table lock", "anon_vma.rwsem",
        "address_space.i_mmap_rwsem", "vmap area lock", "pcpu_lock", "percpu_counter.lock",
    ],
    &[
        "folio_lruvec_lock*", "folio_lruvec_relock*", "lru_add_drain*", "folio_batch_move_lru",
        "rmqueue*", "__rmqueue_pcplist", "free_pcppages_bulk", "free_one_page",
        "__pte_offset_map_lock", "pte_offset_map_lock", "unlink_anon_vmas", "anon_vma_clone",
        "anon_vma_fork", "i_mmap_lock*", "unlink_file_vma*", "vma_link_file", "alloc_vmap_area",
        "free_vmap_area*", "purge_vmap*", "mmap_read_lock*", "mmap_write_lock*",
        "lock_mm_and_find_vma", "vm_mmap_pgoff", "__vm_munmap", "do_madvise", "__do_sys_brk",
        "do_mprotect_pkey",
    ],
    REMEDIES,
);

const REMEDIES: &[super::Row] = &[
    (
        "map, unmap and advise in fewer and larger steps; let the allocator keep memory (decay, retain)",
        "every step takes the locks of the address space and of the lists that its pages are on",
        "more memory stays with the process",
        "perf trace -s -e mmap,munmap,madvise,brk,mprotect; livelock diagnose",
    ),
    (
        "split the load over cgroups or processes, raise vm.percpu_pagelist_high_fraction",
        "LRU locks are per cgroup and node, page tables per process; larger per-CPU lists take zone.lock less often",
        "a change of the deployment; larger per-CPU lists keep memory from other CPUs",
        "sysctl vm.percpu_pagelist_high_fraction",
    ),
];
