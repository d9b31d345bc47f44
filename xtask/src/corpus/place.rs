//! Where a scenario burns.
//!
//! In: an observation. Out: is what the verdict names first the right place, by lock or caller and by lock and caller? Refuses:
//! to judge scenarios that have no place; they are not in the table.

use super::catalogue::Kind;
use super::class;
use super::modes;
use super::observation::{Measured, Observation, function};

/// Lock and paths of a scenario. The verdict is right with one of the names, or with one of the
/// functions on the path that waits most, because a lock without a name is blamed on its caller; it is strictly right with both.
struct Place {
    scenarios: &'static [&'static str],
    locks: &'static [&'static str],
    callers: &'static [&'static str],
}

/// By scenario; functions of all supported kernels.
const PLACES: &[Place] = &[
    Place {
        scenarios: &["fd-table"],
        locks: &["files_struct.file_lock"],
        callers: &["alloc_fd", "close_fd", "file_close_fd"],
    },
    Place {
        scenarios: &["eventfd-shared", "wake-list"],
        locks: &["eventfd_ctx.wqh.lock"],
        callers: &["eventfd_write", "eventfd_read"],
    },
    Place {
        scenarios: &["timerfd-shared"],
        locks: &["timerfd_ctx.wqh.lock"],
        callers: &["do_timerfd_settime", "timerfd_setup"],
    },
    Place {
        scenarios: &["futex-bucket", "futex-wake", "futex-chain"],
        locks: &["futex_hash_bucket.lock"],
        callers: &["futex_wait_setup", "futex_q_lock", "futex_wake"],
    },
    Place {
        scenarios: &["conntrack-count"],
        locks: &["nf_conncount_list.list_lock"],
        callers: &["nf_conncount_add", "nf_conncount_add_skb"],
    },
    Place {
        scenarios: &["posix-lock", "lock-list"],
        locks: &["file_lock_context.flc_lock"],
        callers: &["posix_lock_inode", "posix_test_lock", "fcntl_setlk"],
    },
    Place {
        scenarios: &["mq-one"],
        locks: &["mqueue_inode_info.lock"],
        callers: &["do_mq_timedsend", "do_mq_timedreceive"],
    },
    Place {
        scenarios: &["sysv-msg-one"],
        locks: &["kern_ipc_perm.lock"],
        callers: &["do_msgsnd", "do_msgrcv"],
    },
    Place {
        scenarios: &["kill-one", "sigqueue-one"],
        locks: &["sighand_struct.siglock"],
        callers: &["__lock_task_sighand", "do_send_sig_info", "do_sigtimedwait"],
    },
    Place {
        scenarios: &["kill-group", "fork-wait", "fork-readers"],
        locks: &["tasklist_lock"],
        callers: &[
            "kill_something_info",
            "release_task",
            "exit_notify",
            "do_wait",
        ],
    },
    Place {
        scenarios: &["netns-churn"],
        locks: &["sysctl_lock"],
        callers: &[
            "drop_sysctl_table",
            "unregister_sysctl_table",
            "proc_sys_evict_inode",
        ],
    },
    Place {
        scenarios: &["pipe-shared", "pipe-resize"],
        locks: &["pipe_inode_info.mutex"],
        callers: &[
            "pipe_write",
            "pipe_read",
            "anon_pipe_write",
            "anon_pipe_read",
            "pipe_fcntl",
        ],
    },
    Place {
        scenarios: &["epoll-ctl"],
        locks: &["eventpoll.mtx"],
        callers: &["do_epoll_ctl"],
    },
    Place {
        scenarios: &[
            "pwrite-memory",
            "pwrite-disk",
            "create-one-dir",
            "rename-one-dir",
        ],
        locks: &["inode.i_rwsem"],
        callers: &[
            "generic_file_write_iter",
            "shmem_file_write_iter",
            "path_openat",
            "filename_create",
            "do_unlinkat",
            "lock_rename",
        ],
    },
    Place {
        scenarios: &["create-own-dirs"],
        locks: &["super_block.s_inode_list_lock"],
        callers: &["inode_sb_list_add", "inode_sb_list_del", "evict"],
    },
    Place {
        scenarios: &["rename-across"],
        locks: &["super_block.s_vfs_rename_mutex"],
        callers: &["lock_rename"],
    },
    Place {
        scenarios: &["mmap-munmap", "brk", "mprotect-storm"],
        locks: &["mm_struct.mmap_lock"],
        callers: &[
            "vm_mmap_pgoff",
            "__vm_munmap",
            "__do_sys_brk",
            "do_mprotect_pkey",
        ],
    },
    Place {
        scenarios: &["cgroup-stat"],
        locks: &["cgroup_rstat_lock"],
        callers: &[
            "cgroup_rstat_flush",
            "css_rstat_flush",
            "mem_cgroup_flush_stats",
        ],
    },
    Place {
        scenarios: &["unix-dgram-one"],
        locks: &["sk_buff_head.lock", "unix_sock.iolock"],
        callers: &[
            "unix_dgram_sendmsg",
            "__unix_dgram_recvmsg",
            "__skb_try_recv_datagram",
        ],
    },
];

/// What is to be found in a verdict.
struct Wanted {
    /// None if no lock event tells of them.
    locks: Vec<String>,
    callers: Vec<String>,
    /// A lock of the module has its own name, or that with an offset for one inside of it.
    is_of_module: bool,
}

/// The place of a scenario, if it has one.
fn wanted(scenario: &str) -> Option<Wanted> {
    if let Some(module) = modes::module_of(scenario) {
        return Some(Wanted {
            locks: module.locks,
            callers: module.paths,
            is_of_module: true,
        });
    }
    let place = PLACES
        .iter()
        .find(|place| place.scenarios.contains(&scenario))?;
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Some(Wanted {
        locks: owned(place.locks),
        callers: owned(place.callers),
        is_of_module: false,
    })
}

impl Wanted {
    fn has_lock(&self, measured: &Measured) -> bool {
        measured.lock.as_ref().is_some_and(|name| {
            let is_inside = self.is_of_module && self.locks.contains(&function(name));
            is_inside || self.locks.contains(name)
        })
    }

    fn has_caller(&self, measured: &Measured) -> bool {
        let mut callers = measured.callers.iter();
        callers.any(|caller| self.callers.contains(caller))
    }

    /// Lock and caller. Where no lock event tells of the load, a caller, wherever the verdict names it for its cause: not a class
    /// that it lists beside it. None if the report does not hold all of that, even if a part has it: only hits would be counted.
    fn is_met(&self, measured: &Measured) -> Option<bool> {
        if !self.locks.is_empty() {
            return Some(self.has_lock(measured) && self.has_caller(measured));
        }
        let evidence = measured.evidence.as_ref()?;
        let mut texts = evidence.iter().chain([&measured.summary]);
        Some(self.has_caller(measured) || texts.any(|text| self.is_named_in(text)))
    }

    /// Whole names only: one may be the beginning of another.
    fn is_named_in(&self, text: &str) -> bool {
        text.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
            .any(|word| self.callers.iter().any(|caller| caller == word))
    }
}

/// Is the first lock of the verdict the scenario's, or a caller? None if it has no lock to be found, and where the class is not
/// judged either.
pub(super) fn is_right(observation: &Observation) -> Option<bool> {
    let measured = class::accused_or_business(observation)?;
    let wanted = wanted(&observation.scenario)?;
    (!wanted.locks.is_empty()).then(|| wanted.has_lock(measured) || wanted.has_caller(measured))
}

/// Has a verdict that accuses somebody the lock and a caller? None of a look-alike: there is nothing to be found.
pub(super) fn is_strictly_right(observation: &Observation) -> Option<bool> {
    class::accused(observation)?;
    is_strictly_right_of_all(observation)
}

/// The same, whatever the status: a place that was not told is not told.
pub(super) fn is_strictly_right_of_all(observation: &Observation) -> Option<bool> {
    if observation.kind == Kind::LookAlike {
        return None;
    }
    let measured = class::made(observation)?;
    wanted(&observation.scenario)?.is_met(measured)
}

/// Is the path that holds the first holder of the first lock, whatever the status? None where all threads do the same, so that
/// whoever is named holds, and in reports that do not tell.
pub(super) fn is_holder_right(observation: &Observation) -> Option<bool> {
    let measured = class::made(observation)?;
    let holder = modes::module_of(&observation.scenario)?.holder?;
    Some(measured.holder.as_ref()?.contains(&holder))
}

#[cfg(test)]
#[path = "place_tests.rs"]
mod tests;
