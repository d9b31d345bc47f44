//! Names and facts of the made-up host.
//!
//! In: addresses. Out: names. Refuses: addresses outside its table.

use livelock_core::event::{ObjectKind, ObjectPlace};
use livelock_core::host::{HostFacts, SamplerSource, SpinlockFlavour};
use livelock_core::ids::{CgroupId, CodeAddr, LockAddr};
use livelock_core::names::{FunctionName, Names};

/// Symbols of the made-up kernel; the address of a function is its place here.
const FUNCTIONS: &[&str] = &[
    "__traceiter_contention_begin",
    "native_queued_spin_lock_slowpath",
    "_raw_spin_lock",
    "alloc_fd",
    "close_fd",
    "futex_q_lock",
    "futex_wake",
    "do_syscall_64",
    "mutex_spin_on_owner",
    "__mutex_lock",
    "anon_pipe_write",
    "anon_pipe_read",
    "ext4_lookup",
    "_raw_spin_unlock_irqrestore",
    "default_idle",
    "mystery_function",
    "kvm_wait",
    "__pv_queued_spin_lock_slowpath",
];

/// The address inside `function`.
pub(crate) fn at(function: &str) -> CodeAddr {
    let place = FUNCTIONS
        .iter()
        .position(|&f| f == function)
        .expect("a known function");
    CodeAddr(0x1000 * (place as u64 + 1) + 0x10)
}

/// Names of the made-up host.
pub(crate) struct Table;

impl Names for Table {
    fn function(&self, addr: CodeAddr) -> Option<FunctionName> {
        let place = (addr.0 / 0x1000).checked_sub(1)? as usize;
        Some(FunctionName {
            name: (*FUNCTIONS.get(place)?).to_owned(),
            offset_bytes: addr.0 % 0x1000,
        })
    }
    fn data_symbol(&self, _: LockAddr) -> Option<String> {
        None
    }
    fn member(&self, place: ObjectPlace) -> Option<String> {
        (place.object == ObjectKind::FilesStruct).then(|| "files_struct.file_lock".to_owned())
    }
    fn cgroup_path(&self, _: CgroupId) -> Option<String> {
        Some("/system.slice/app.service".to_owned())
    }
}

pub(crate) fn host(nr_cpus: u32) -> HostFacts {
    HostFacts {
        hostname: "box".to_owned(),
        kernel_release: "6.1.0".to_owned(),
        kernel_build_id: None,
        arch: "x86_64".to_owned(),
        nr_cpus_online: nr_cpus,
        nr_cpus_possible: nr_cpus,
        hypervisor: None,
        spinlocks: SpinlockFlavour::Native,
        sampler: SamplerSource::PmuNmi,
        has_contended_release: false,
        has_lockdep: false,
        idle_by_clock: Some(true),
        hardirq_by_clock: Some(true),
        load_1m: Some(43.0),
    }
}
