//! What a scenario needs of the machine, and the error that says what is missing.
//!
//! In: facts that each scenario declares. Out: the `needs` object of the catalogue, and [`Missing`].
//! Refuses: to guess; whether something is missing shows when the scenario tries to use it.

use std::io;

use serde::Serialize;

/// What a scenario needs. Fields are added, never renamed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Needs {
    /// CPUs below which the scenario runs but does not show what it is made for.
    pub(crate) nr_cpus_min: u32,
    /// Native queued spinlocks, as on bare metal: with paravirtual or test-and-set locks it runs
    /// but does not collapse.
    pub(crate) vm_native_spinlocks: bool,
    /// Root or the capabilities that the error message names.
    pub(crate) root: bool,
    /// A network namespace of its own.
    pub(crate) network_namespace: bool,
    /// A mount namespace of its own.
    pub(crate) mount_namespace: bool,
    /// The memory controller in the cgroup v2 hierarchy.
    pub(crate) cgroup_v2: bool,
    /// Real-time priorities.
    pub(crate) rt: bool,
    /// io_uring.
    pub(crate) io_uring: bool,
    /// userfaultfd.
    pub(crate) userfaultfd: bool,
    /// A temporary folder on a file system with a disk below.
    pub(crate) disk_filesystem: bool,
    /// POSIX message queues.
    pub(crate) posix_mq: bool,
    /// It writes to the kernel's log, and to its console at the highest level.
    pub(crate) kernel_log: bool,
    /// Another clock source than the time stamp counter, at a place outside of the CPUs. It is set for the whole machine,
    /// and set back at the end.
    pub(crate) slow_clocksource: bool,
    /// Modules of the kernel, by the names of `lsmod`. The kernel loads them where there is `modprobe`, and they stay.
    pub(crate) kernel_modules: &'static [&'static str],
}

impl Needs {
    /// Runs everywhere.
    pub(crate) const NOTHING: Self = Self {
        nr_cpus_min: 1,
        vm_native_spinlocks: false,
        root: false,
        network_namespace: false,
        mount_namespace: false,
        cgroup_v2: false,
        rt: false,
        io_uring: false,
        userfaultfd: false,
        disk_filesystem: false,
        posix_mq: false,
        kernel_log: false,
        slow_clocksource: false,
        kernel_modules: &[],
    };

    /// Two CPUs, because two parties must run at the same time.
    pub(crate) const TWO_CPUS: Self = Self {
        nr_cpus_min: 2,
        ..Self::NOTHING
    };

    /// Four CPUs, the least on which waiters outnumber the holder enough to show.
    pub(crate) const FOUR_CPUS: Self = Self {
        nr_cpus_min: 4,
        ..Self::NOTHING
    };

    /// Four CPUs and native queued spinlocks: the ground on which spinlocks collapse.
    pub(crate) const COLLAPSE: Self = Self {
        vm_native_spinlocks: true,
        ..Self::FOUR_CPUS
    };
}

/// The machine lacks something; reads after "livelock-lab: SCENARIO: ".
#[derive(Debug, thiserror::Error)]
#[error("{what}; {remedy}")]
pub(crate) struct Missing {
    what: String,
    remedy: &'static str,
}

impl Missing {
    /// Says what is missing and what to do.
    pub(crate) fn new(what: impl Into<String>, remedy: &'static str) -> Self {
        Self {
            what: what.into(),
            remedy,
        }
    }

    /// As [`Missing::new`], with the system's word for it.
    pub(crate) fn because(err: &io::Error, what: &str, remedy: &'static str) -> Self {
        Self::new(format!("{what}: {err}"), remedy)
    }
}
