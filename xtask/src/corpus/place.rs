//! Where a scenario burns.
//!
//! In: a scenario's name, what the verdict names first. Out: is it the right place? Refuses: to judge
//! scenarios that are not about one lock; they are not in the table.

use super::catalogue::Module;
use super::modes;
use super::observation::{Measured, function};

/// Lock and paths of a scenario. The verdict is right with one of the names, or with one of the
/// functions on the path that waits most, because a lock without a name is blamed on its caller.
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

/// Is the first lock of the verdict the scenario's? None if the scenario has no place.
pub(super) fn is_right(scenario: &str, measured: &Measured) -> Option<bool> {
    if let Some(module) = modes::module_of(scenario) {
        return (!module.locks.is_empty()).then(|| is_of_module(&module, measured));
    }
    let place = PLACES
        .iter()
        .find(|place| place.scenarios.contains(&scenario))?;
    let is_lock = measured
        .lock
        .as_deref()
        .is_some_and(|lock| place.locks.contains(&lock));
    let is_caller = measured
        .callers
        .iter()
        .any(|caller| place.callers.contains(&caller.as_str()));
    Some(is_lock || is_caller)
}

/// A lock of the module has its own name, or that with an offset for one inside of it.
fn is_of_module(module: &Module, measured: &Measured) -> bool {
    let name = measured.lock.as_deref().map(function);
    name.is_some_and(|name| module.locks.contains(&name))
        || measured
            .callers
            .iter()
            .any(|caller| module.paths.contains(caller))
}

#[cfg(test)]
mod tests {
    use super::super::score::tests::measured;
    use super::*;

    #[test]
    fn a_name_or_a_caller_is_enough() {
        let mut verdict = measured(livelock_core::verdict::Status::Livelock);
        verdict.lock = None;
        verdict.callers = Vec::new();
        assert_eq!(is_right("compute", &verdict), None);
        assert_eq!(is_right("fd-table", &verdict), Some(false));
        verdict.lock = Some("files_struct.file_lock".to_owned());
        assert_eq!(is_right("fd-table", &verdict), Some(true));
        verdict.lock = Some("lock in eventfd_read".to_owned());
        assert_eq!(is_right("eventfd-shared", &verdict), Some(false));
        verdict.callers = vec!["_raw_spin_lock_irq".to_owned(), "eventfd_read".to_owned()];
        assert_eq!(is_right("eventfd-shared", &verdict), Some(true));
    }

    #[test]
    fn a_mode_has_its_lock_or_what_is_inside_of_it() {
        let mut verdict = measured(livelock_core::verdict::Status::Livelock);
        assert_eq!(is_right("truth:rwlock", &verdict), Some(false));
        verdict.lock = Some("truth_storm_rwlock+0x4".to_owned());
        assert_eq!(is_right("truth:rwlock", &verdict), Some(true));
        verdict.lock = None;
        verdict.callers = vec!["truth_hot_path".to_owned()];
        assert_eq!(is_right("truth:spin-hot", &verdict), Some(true));
        assert_eq!(is_right("truth:seqcount", &verdict), None);
    }

    #[test]
    fn no_scenario_has_two_places() {
        let mut names: Vec<_> = PLACES.iter().flat_map(|place| place.scenarios).collect();
        let nr_names = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), nr_names);
    }
}
