//! Which lock a kernel function takes, for locks that have neither a symbol nor a place in the task.
//!
//! In: the function that acquires. Out: the lock's name and the kernels it is true of. Refuses:
//! functions that take more than one contended lock.
//!
//! Source: kernel sources 5.19 to 6.18 at the named functions; see docs/detection.md.

/// One entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownLock {
    /// Functions, exact or, with a trailing `*`, by their beginning.
    pub functions: &'static [&'static str],
    /// Name of the lock, `structure.member` or a global.
    pub name: &'static str,
    /// Kernels that this is true of.
    pub kernels: &'static str,
}

const fn known(
    name: &'static str,
    kernels: &'static str,
    functions: &'static [&'static str],
) -> KnownLock {
    KnownLock {
        functions,
        name,
        kernels,
    }
}

/// The dictionary.
#[rustfmt::skip] // one function a line would make this three pages
pub const LOCKS: &[KnownLock] = &[
    known("futex_hash_bucket.lock", "2.6 on; private hashes per process since 6.16", &[
        "futex_q_lock", "futex_wait_setup", "futex_wake", "futex_wake_op", "futex_requeue",
        "futex_unqueue", "futex_hash", "futex_hash_*", "__futex_wait", "futex_wait",
        "futex_lock_pi", "futex_unlock_pi", "queue_lock", "hash_futex",
    ]),
    known("rq.__lock", "`rq.lock` before 5.14", &[
        "raw_spin_rq_lock_nested", "try_to_wake_up", "ttwu_do_activate", "ttwu_queue",
        "__schedule", "schedule", "sched_balance_rq", "load_balance", "double_rq_lock",
        "_double_lock_balance", "sched_ttwu_pending", "task_rq_lock", "__task_rq_lock",
        "scheduler_tick", "sched_tick", "sched_balance_newidle", "newidle_balance",
        "do_sched_yield", "yield_task_fair",
    ]),
    known("lruvec.lru_lock", "5.11 on; pgdat.lru_lock before", &[
        "folio_lruvec_lock*", "lock_page_lruvec*", "folio_lruvec_relock*", "lru_add_drain*",
        "folio_batch_move_lru", "pagevec_lru_move_fn",
    ]),
    known("zone.lock", "all", &[
        "rmqueue", "rmqueue_bulk", "__rmqueue_pcplist", "rmqueue_buddy",
        "free_pcppages_bulk", "free_one_page", "get_page_from_freelist",
    ]),
    known("files_struct.file_lock", "all", &[
        "alloc_fd", "close_fd", "file_close_fd", "__close_fd", "fd_install", "do_dup2",
        "ksys_dup3", "pick_file", "__close_range", "put_unused_fd", "__alloc_fd", "f_dupfd",
        "expand_files", "dup_fd", "file_close_fd_locked",
    ]),
    known("mount_lock", "3.13 on", &[
        "lock_mount_hash", "legitimize_mnt", "__legitimize_mnt", "umount_tree",
        "attach_recursive_mnt", "do_umount", "mntput_no_expire",
    ]),
    known("mm_struct.mmap_lock", "5.8 on; mmap_sem before", &[
        "mmap_read_lock*", "mmap_write_lock*", "do_user_addr_fault", "lock_mm_and_find_vma",
        "vm_mmap_pgoff", "__vm_munmap", "do_madvise", "__do_sys_brk", "do_mprotect_pkey",
        "madvise_lock", "vm_munmap", "__mm_populate",
    ]),
    known("super_block.s_vfs_rename_mutex", "all", &[
        "lock_rename", "do_renameat2", "lock_two_directories",
    ]),
    known("inode.i_rwsem", "4.7 on; i_mutex before", &[
        "path_openat", "open_last_lookups", "walk_component", "lookup_slow",
        "filename_create", "iterate_dir", "do_unlinkat", "do_rmdir", "ext4_file_write_iter",
        "ext4_buffered_write_iter", "ext4_dio_write_iter", "xfs_ilock",
        "generic_file_write_iter", "shmem_file_write_iter", "do_truncate", "chmod_common",
        "chown_common",
    ]),
    known("pipe_inode_info.mutex", "all", &[
        "anon_pipe_write", "anon_pipe_read", "pipe_read", "pipe_write", "pipe_lock",
        "pipe_poll",
    ]),
    known("sighand_struct.siglock", "all", &[
        "do_send_sig_info", "__lock_task_sighand", "lock_task_sighand", "get_signal",
        "do_sigaction", "__set_current_blocked", "dequeue_signal", "do_sigtimedwait",
        "send_sigqueue", "posix_cpu_timer_*",
    ]),
    known("tasklist_lock", "all", &[
        "do_wait", "__do_wait", "release_task", "exit_notify", "copy_process",
        "do_task_dead", "kill_something_info", "sys_kill", "forget_original_parent",
    ]),
    known("mqueue_inode_info.lock", "all", &[
        "mq_timedsend", "do_mq_timedsend", "do_mq_timedreceive", "wq_sleep", "mqueue_*",
    ]),
    known("kern_ipc_perm.lock", "all", &[
        "ipc_lock", "ipc_obtain_object_check", "do_msgsnd", "do_msgrcv", "do_semtimedop",
    ]),
    known("eventpoll.lock", "all; a rwlock in the years around 5.x", &[
        "ep_poll_callback", "ep_send_events", "ep_poll", "ep_start_scan", "ep_done_scan",
    ]),
    known("eventpoll.mtx", "all", &[
        "do_epoll_ctl", "ep_insert", "ep_remove", "eventpoll_release_file",
    ]),
    known("cgroup_rstat_lock", "5.x on; per subsystem since 6.16", &[
        "cgroup_rstat_flush*", "css_rstat_flush*", "__css_rstat_lock", "__cgroup_rstat_lock",
    ]),
    known("kmem_cache_node.list_lock", "all", &[
        "get_partial_node", "__slab_free", "free_to_partial_list", "___slab_alloc",
        "get_any_partial", "__unfreeze_partials", "put_partials",
    ]),
    known("journal_s.j_state_lock", "all", &[
        "start_this_handle", "jbd2_journal_start", "jbd2_journal_stop",
        "jbd2_log_wait_commit", "jbd2_journal_commit_transaction",
    ]),
    known("xlog_grant_head.lock", "all", &[
        "xlog_grant*", "xfs_log_reserve",
    ]),
    known("super_block.s_inode_list_lock", "4.3 on", &[
        "inode_sb_list_add", "evict_inodes", "__iget", "inode_sb_list_del",
    ]),
    known("bdi_writeback.list_lock", "all", &[
        "__mark_inode_dirty", "inode_io_list_del", "wb_writeback", "writeback_sb_inodes",
        "locked_inode_to_wb_and_lock_list",
    ]),
    known("sb_lock", "all", &[
        "user_get_super", "iterate_supers", "super_lock", "grab_super", "__iterate_supers",
    ]),
    known("dentry.d_lockref", "3.12 on", &[
        "d_alloc", "dput", "d_lookup", "__d_lookup", "d_walk", "shrink_dentry_list",
        "d_instantiate", "d_delete", "lock_for_kill", "fast_dput", "__dentry_kill",
    ]),
    known("rename_lock", "all", &[
        "rename_lock", "d_move", "d_exchange",
    ]),
    known("file_lock_context.flc_lock", "4.0 on", &[
        "flock_lock_inode", "posix_lock_inode", "fcntl_setlk", "locks_remove_posix",
        "flock_lock_inode_wait", "locks_lock_inode_wait", "__locks_insert_block",
    ]),
    known("buffer_head of an inode bitmap (ext4)", "ext4", &[
        "recently_deleted", "find_inode_bit",
    ]),
    known("nf_conntrack_locks", "all", &[
        "__nf_conntrack_confirm", "nf_ct_delete*", "nf_conntrack_*", "clean_from_lists",
    ]),
    known("Qdisc.root_lock", "all", &[
        "__dev_queue_xmit", "sch_direct_xmit", "__qdisc_run", "net_tx_action",
    ]),
    known("sock.sk_lock", "all", &[
        "lock_sock_nested", "release_sock", "__lock_sock", "tcp_v4_rcv", "tcp_v6_rcv",
        "__sk_receive_skb",
    ]),
    known("pidmap_lock", "4.15 on", &[
        "alloc_pid", "free_pid", "__change_pid",
    ]),
    known("rcu_node.lock", "all", &[
        "call_rcu*", "rcu_report_qs_rnp", "note_gp_changes", "rcu_gp_*", "rcu_core",
    ]),
    known("percpu_counter.lock", "all", &[
        "__percpu_counter_sum", "percpu_counter_add_batch",
    ]),
    known("pcpu_lock", "all", &[
        "pcpu_alloc", "pcpu_alloc_noprof", "free_percpu",
    ]),
    known("vmap area lock", "per node since 6.9", &[
        "vm_area_alloc", "alloc_vmap_area", "free_vmap_area*", "purge_vmap*",
    ]),
    known("anon_vma.rwsem", "all", &[
        "unlink_anon_vmas", "anon_vma_clone", "anon_vma_fork", "folio_lock_anon_vma_read",
    ]),
    known("address_space.i_mmap_rwsem", "all", &[
        "i_mmap_lock*", "unlink_file_vma*", "vma_link_file", "unmap_mapping_range",
    ]),
    known("membarrier_ipi_mutex", "5.12 on", &[
        "membarrier_*", "sys_membarrier",
    ]),
    known("console lock", "all", &[
        "console_unlock", "vprintk_emit", "console_flush_all", "serial8250_console_write",
        "console_trylock_spinning",
    ]),
    known("audit_queue.lock", "all", &[
        "audit_log_start", "audit_log_end",
    ]),
    known("wait_queue_head.lock", "4.13 on", &[
        "__wake_up", "__wake_up_common_lock", "prepare_to_wait*", "finish_wait",
        "add_wait_queue", "remove_wait_queue", "__wake_up_sync_key",
    ]),
];

/// The lock that `function` takes.
#[must_use]
pub fn lock_of(function: &str) -> Option<&'static KnownLock> {
    LOCKS.iter().find(|lock| {
        lock.functions
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => function.starts_with(prefix),
                None => function == *pattern,
            })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_function_takes_one_lock() {
        let mut seen = BTreeSet::new();
        for lock in LOCKS {
            for function in lock.functions {
                assert!(seen.insert(function), "{function} is there twice");
            }
        }
    }

    #[test]
    fn exact_names_and_beginnings() {
        assert_eq!(
            lock_of("futex_q_lock").map(|l| l.name),
            Some("futex_hash_bucket.lock")
        );
        assert_eq!(
            lock_of("folio_lruvec_lock_irqsave").map(|l| l.name),
            Some("lruvec.lru_lock")
        );
        assert_eq!(lock_of("alloc_fdx"), None);
    }
}
