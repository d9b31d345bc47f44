//! Remedies that are not a class's own: by lock, and for the classes without a detector.
//!
//! In: nothing. Out: rows. Refuses: a remedy without what it costs.
//!
//! Source: docs/detection.md.

use crate::detectors::COUNTING;

/// A remedy before it meets a host.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) action: &'static str,
    pub(super) reason: &'static str,
    pub(super) cost: &'static str,
    pub(super) confirm: &'static str,
}

pub(super) const fn row(
    action: &'static str,
    reason: &'static str,
    cost: &'static str,
    confirm: &'static str,
) -> Row {
    Row {
        action,
        reason,
        cost,
        confirm,
    }
}

/// Of lists of objects that a node or a device has one of.
const LISTS: &[Row] = &[row(
    "spread the load over file systems or directories; newer kernels (sheaves, 6.18) free without the list",
    "the list is shared per node or device",
    "a change of the layout of files, or a reboot for the upgrade",
    "head -3 /proc/slabinfo; uname -r",
)];

/// By a part of the lock's name.
pub(super) const BY_LOCK: &[(&str, &[Row])] = &[
    (
        "files_struct",
        &[
            row(
                "run the threads that open and close descriptors as several processes, or cap their number",
                "all threads of a process share one descriptor table and its file_lock",
                "memory for each process, or less parallelism",
                "ls /proc/<pid>/task | wc -l; livelock diagnose",
            ),
            row(
                "keep descriptors open instead of opening and closing them for each request",
                "every open, dup and close takes the lock",
                "more open descriptors (ulimit -n)",
                "livelock diagnose",
            ),
        ],
    ),
    (
        "futex",
        &[
            row(
                "let fewer threads wait on one futex word (shard the condition, or use one eventfd or queue per worker)",
                "all waiters of a word share one hash bucket and its lock",
                "a change of the program",
                "livelock diagnose",
            ),
            row(
                "on 6.17 or newer give the process its own futex hash (PR_FUTEX_HASH), on older kernels upgrade",
                "unrelated futexes collide in the global hash",
                "a change of the program, or a reboot for the upgrade; some memory a process",
                "uname -r; livelock diagnose",
            ),
        ],
    ),
    (
        "mmap_lock",
        &[
            row(
                "map and unmap in fewer and larger steps, or split the threads over processes",
                "all threads of a process share one mmap_lock; per-VMA locks (6.4 on) help page faults only",
                "memory stays mapped for longer, or a change to several processes",
                "grep -c . /proc/<pid>/maps; livelock diagnose",
            ),
            row(
                "let the allocator retain memory (jemalloc retain, M_TRIM_THRESHOLD), avoid MADV_DONTNEED ping-pong",
                "returned memory is mapped again at once",
                "more resident memory",
                "grep -E 'pgfault|pgmajfault' /proc/vmstat; livelock diagnose",
            ),
        ],
    ),
    (
        "lru_lock",
        &[
            row(
                "split the load over memory cgroups",
                "lru_lock is per node and memory cgroup since 5.11",
                "a change of the deployment; limits to tune",
                "cat /proc/<pid>/cgroup; livelock diagnose",
            ),
            row(
                "use huge pages and fewer short-lived mappings",
                "each page that comes and goes passes the list",
                "more memory through rounding up",
                "grep -E 'pgactivate|pgfree' /proc/vmstat",
            ),
        ],
    ),
    (
        "zone.lock",
        &[row(
            "raise vm.percpu_pagelist_high_fraction",
            "larger per-CPU lists go to the zone less often",
            "memory kept by each CPU",
            "sysctl vm.percpu_pagelist_high_fraction; grep -A8 pagesets /proc/zoneinfo",
        )],
    ),
    (
        "rq.__lock",
        &[row(
            "reduce wake-ups across CPUs: batch, pin communicating threads together",
            "each remote wake-up takes the runqueue lock of the other CPU",
            "less even load",
            "grep ctxt /proc/stat; livelock diagnose",
        )],
    ),
    (
        "siglock",
        &[row(
            "send fewer signals to one process; use eventfd, signalfd or pidfd instead",
            "all signals of a process take one siglock",
            "a change of the program",
            "grep -E 'SigQ|SigPnd' /proc/<pid>/status",
        )],
    ),
    (
        "tasklist_lock",
        &[row(
            "throttle forks and exits, avoid kill(-1) and scans of /proc",
            "each of them takes the one global task list lock",
            "slower starts of processes",
            "grep processes /proc/stat",
        )],
    ),
    (
        "rename",
        &[row(
            "rename within one directory",
            "renames across directories take one mutex per file system",
            "a change of the program",
            "livelock diagnose",
        )],
    ),
    (
        "i_rwsem",
        &[row(
            "give each worker its own file or directory, or write with O_DIRECT where the file system shares the lock",
            "writers of one inode exclude one another",
            "a change of the program",
            "ls -l /proc/<pid>/fd; livelock diagnose",
        )],
    ),
    (
        "pipe_inode_info",
        &[row(
            "use a pipe per worker",
            "readers and writers of one pipe exclude one another",
            "a change of the program; more descriptors",
            "ls -l /proc/<pid>/fd | grep pipe; livelock diagnose",
        )],
    ),
    (
        "mount_lock",
        &[row(
            "start containers staggered, with fewer layers and mounts",
            "every mount and unmount takes the one mount lock",
            "slower starts of containers",
            "wc -l /proc/self/mountinfo",
        )],
    ),
    (
        "dentry",
        &[row(
            "avoid shared deep paths and lookups of missing names; trim negative dentries",
            "path walks fall back to reference counts on shared directories",
            "a change of the layout of files",
            "cat /proc/sys/fs/dentry-state",
        )],
    ),
    (
        "rstat",
        &[row(
            "read memory.stat and cpu.stat less often, from fewer readers; fewer cgroups; kernel 6.12 or newer",
            "each read flushes under a global lock",
            "coarser monitoring, or a reboot for the upgrade",
            "grep -c . /proc/cgroups; livelock diagnose",
        )],
    ),
    ("kmem_cache_node.list_lock", LISTS),
    ("inode_list_lock", LISTS),
    ("inode_wblist_lock", LISTS),
    ("bdi_writeback.list_lock", LISTS),
    ("j_list_lock", LISTS),
    (
        "nf_conncount",
        &[row(
            "count connections by address instead of all in one (a set of `ct count`, connlimit with a mask), or limit their rate",
            COUNTING.0,
            COUNTING.1,
            COUNTING.2,
        )],
    ),
    (
        "j_state_lock",
        &[row(
            "use a larger journal and fewer fsyncs",
            "each transaction passes the journal's state lock",
            "disk space, a longer recovery; more is lost in a crash",
            "cat /proc/fs/jbd2/*/info",
        )],
    ),
    (
        "conntrack",
        &[row(
            "enlarge the conntrack hash, use NOTRACK, shorten timeouts",
            "entries of one bucket share a lock",
            "memory; untracked traffic has no stateful rules",
            "cat /proc/net/stat/nf_conntrack",
        )],
    ),
    (
        "eventpoll",
        &[row(
            "use EPOLLEXCLUSIVE or SO_REUSEPORT, one epoll instance per worker",
            "many waiters on one instance wake each other in vain",
            "a change of the program",
            "grep ctxt /proc/stat; livelock diagnose",
        )],
    ),
];

pub(super) const COLLAPSE: &[Row] = &[
    row(
        "run fewer threads on the contended object, down to where throughput no longer rises",
        "a serial section has a best number of users; each one more only waits",
        "none in throughput beyond that number; bursts queue up before the lock instead",
        "livelock diagnose (burn falls, user share rises)",
    ),
    row(
        "shard the contended object (per CPU, per worker, per process)",
        "only a smaller serial section scales further",
        "a change of the program; more memory",
        "livelock diagnose",
    ),
];

pub(super) const MAYBE_OVERCOMMIT: &[Row] = &[row(
    "if this host is a guest that does not know it, give it its own CPUs or paravirtual spinlocks",
    "timer ticks are lost, as in a guest whose CPUs are descheduled: lock holders may be as well",
    "fewer guests fit on the host",
    "grep '^cpu ' /proc/stat; dmesg | grep -i 'pv spinlocks'",
)];

pub(super) const OVERCOMMIT: &[Row] = &[row(
    "give the guest its own CPUs (pin, no overcommit) or turn on paravirtual spinlocks (kvm-pv-unhalt)",
    "a descheduled lock holder makes every waiter spin for a host time slice",
    "fewer guests fit on the host",
    "grep '^cpu ' /proc/stat; dmesg | grep -i 'pv spinlocks'",
)];

pub(super) const STUCK: &[Row] = &[row(
    "look at what the holder does: its path is under `holders`, its CPU in the soft lockup or RCU stall report",
    "a spin wait of this length means a holder that is not running, loops or never unlocked",
    "nothing; it only looks",
    "dmesg | grep -iE 'lockup|rcu.*stall'; livelock diagnose",
)];

pub(super) const UNTRACED: &[Row] = &[row(
    "find the spinning path in the samples, and measure the throughput of the application itself",
    "tracepoints are blind here, and sampled spin alone does not tell whether work gets done",
    "nothing; it only looks",
    "livelock diagnose; dmesg | grep -i 'pv spinlocks'",
)];

pub(super) const UNSEEN_WORK: Row = row(
    "count what the kernel attempts: livelock diagnose --max-level 2",
    "trylocks that fail and reads that start over keep CPUs as busy as work does, and emit no lock event",
    "breakpoints of the CPUs, for moments",
    "sudo livelock diagnose --max-level 2",
);

pub(super) const SLEEPERS: &[Row] = &[row(
    "shorten what is done under the lock, or split it",
    "tasks sleep for it in turn; more CPUs do not help",
    "a change of the program",
    "cat /proc/<pid>/stack; livelock diagnose",
)];
