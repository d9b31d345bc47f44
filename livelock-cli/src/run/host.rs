//! The host before anything is attached.
//!
//! In: `/proc`, `/sys`, BTF. Out: what capture needs, or a refusal that says what to do. Refuses: a host
//! that cannot be observed, before a single program is loaded.

use std::sync::Arc;

use livelock_core::host::SamplerSource;

use crate::btf::{Btf, BtfError, read_running};
use crate::capture::{KernelOffsets, LockdepOffsets, OwnerOffsets, TRACEPOINT_TYPES};
use crate::host::{Check, Survey, fatal, has_lockdep, requirements, survey};
use crate::names::SymbolsError;

/// A host that can be observed.
pub(super) struct Observable {
    pub(super) btf: Arc<Btf>,
    pub(super) offsets: KernelOffsets,
    /// BTF for capture.
    pub(super) types: Vec<u8>,
    pub(super) nr_cpus_online: u32,
}

/// Examines the host. `Err` holds the message of a host that cannot be observed.
pub(super) fn examine() -> Result<Observable, String> {
    let btf = read_running();
    // Symbols are read on another thread; nothing required depends on them.
    let found = survey(btf.as_ref(), Err(&SymbolsError::Empty), SamplerSource::None);
    let checks = requirements(&found);
    let missing = fatal(&checks);
    match btf {
        Ok(btf) if missing.is_empty() => Ok(Observable {
            offsets: offsets(&btf),
            types: btf.skeleton(&TRACEPOINT_TYPES),
            btf: Arc::new(btf),
            nr_cpus_online: found.facts.nr_cpus_online,
        }),
        btf => Err(refusal(&found, &missing, btf.err().as_ref())),
    }
}

fn refusal(found: &Survey, missing: &[&Check], btf_error: Option<&BtfError>) -> String {
    let mut text = format!(
        "livelock: cannot observe this host (Linux {}): nothing was attached\n",
        found.facts.kernel_release
    );
    for check in missing {
        text.push_str(&format!("  missing: {} ({})\n", check.title, check.found));
    }
    let mut remedies: Vec<&str> = missing
        .iter()
        .filter_map(|check| check.remedy.as_deref())
        .collect();
    remedies.dedup();
    for remedy in remedies {
        text.push_str(&format!("    do:    {remedy}\n"));
    }
    if missing.is_empty()
        && let Some(error) = btf_error
    {
        text.push_str(&format!(
            "  missing: BTF of the running kernel (failed to {error})\n"
        ));
    }
    text.push_str("`livelock doctor` shows every requirement and what its absence costs.\n");
    text
}

/// What the kernel programs need to know of this kernel's structures.
pub(super) fn offsets(btf: &Btf) -> KernelOffsets {
    let size = |name: &str| {
        btf.struct_by_name(name)
            .and_then(|s| btf.struct_size_bytes(s))
    };
    let in_structure = |structure: &str, member: &str, pointee: &str| {
        Some((btf.member_offset(structure, member)?, size(pointee)?))
    };
    let behind = |member: &str, pointee: &str| in_structure("task_struct", member, pointee);
    KernelOffsets {
        task_size: size("task_struct"),
        switches: btf
            .member_offset("task_struct", "nvcsw")
            .zip(btf.member_offset("task_struct", "nivcsw")),
        task_pid: btf.member_offset("task_struct", "pid"),
        task_tgid: btf.member_offset("task_struct", "tgid"),
        task_prio: btf.member_offset("task_struct", "prio"),
        regs_syscall: btf
            .member_offset("pt_regs", "orig_ax")
            .or_else(|| btf.member_offset("pt_regs", "syscallno")),
        work_func: btf.member_offset("work_struct", "func"),
        mm: behind("mm", "mm_struct"),
        files: behind("files", "files_struct"),
        fs: behind("fs", "fs_struct"),
        sighand: behind("sighand", "sighand_struct"),
        signal: behind("signal", "signal_struct"),
        task_parent: btf.member_offset("task_struct", "real_parent"),
        tty: in_structure("signal_struct", "tty", "tty_struct"),
        task_io_uring: btf.member_offset("task_struct", "io_uring"),
        io_ring: in_structure("io_uring_task", "last", "io_ring_ctx"),
        task_nsproxy: btf.member_offset("task_struct", "nsproxy"),
        ipc: in_structure("nsproxy", "ipc_ns", "ipc_namespace"),
        net: in_structure("nsproxy", "net_ns", "net"),
        task_cfs_rq: btf.member_offset("task_struct", "se.cfs_rq"),
        runqueue: btf
            .member_offset("cfs_rq", "rq")
            .zip(btf.member_offset("rq", "cpu")),
        owners: OwnerOffsets {
            mutex: btf.member_offset("mutex", "owner"),
            rwsem: btf.member_offset("rw_semaphore", "owner"),
            rt_mutex: btf.member_offset("rt_mutex_base", "owner"),
            comm: btf.member_offset("task_struct", "comm"),
            on_cpu: btf.member_offset("task_struct", "on_cpu"),
            state: btf.member_offset("task_struct", "__state"),
            cpu: btf
                .member_offset("task_struct", "thread_info.cpu")
                .or_else(|| btf.member_offset("task_struct", "cpu")),
        },
        has_contended_release: btf.has_tracepoint("contended_release"),
        lockdep: has_lockdep(btf).then(|| LockdepOffsets {
            spinlock: btf.member_offset("raw_spinlock", "dep_map"),
            rwlock: dep_map_of_rwlock(btf),
            mutex: btf.member_offset("mutex", "dep_map"),
            rwsem: btf.member_offset("rw_semaphore", "dep_map"),
        }),
    }
}

/// `rwlock_t` is a structure without a name: it is looked at where one is known to be.
fn dep_map_of_rwlock(btf: &Btf) -> Option<u32> {
    let lock = btf.member_offset("sock", "sk_callback_lock")?;
    let map = btf.member_offset("sock", "sk_callback_lock.dep_map")?;
    map.checked_sub(lock)
}
