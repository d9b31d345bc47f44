//! What an expert would do.
//!
//! In: the cause's class and the names of the locks that burn. Out: remedies with reason and a command
//! that confirms. Refuses: remedies for what was not found.
//!
//! Source: docs/detection.md.

use crate::detectors;
use crate::verdict::{CauseClass, Remedy};

struct Row {
    action: &'static str,
    reason: &'static str,
    confirm: &'static str,
}

const fn row(action: &'static str, reason: &'static str, confirm: &'static str) -> Row {
    Row {
        action,
        reason,
        confirm,
    }
}

/// By a part of the lock's name.
const BY_LOCK: &[(&str, &[Row])] = &[
    (
        "files_struct",
        &[
            row(
                "run the threads that open and close descriptors as several processes, or cap their number",
                "all threads of a process share one descriptor table and its file_lock",
                "ls /proc/<pid>/task | wc -l; livelock diagnose",
            ),
            row(
                "keep descriptors open instead of opening and closing them for each request",
                "every open, dup and close takes the lock",
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
                "livelock diagnose",
            ),
            row(
                "on 6.17 or newer give the process its own futex hash (PR_FUTEX_HASH), on older kernels upgrade",
                "unrelated futexes collide in the global hash",
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
                "grep -c . /proc/<pid>/maps; livelock diagnose",
            ),
            row(
                "let the allocator retain memory (jemalloc retain, M_TRIM_THRESHOLD), avoid MADV_DONTNEED ping-pong",
                "returned memory is mapped again at once",
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
                "cat /proc/<pid>/cgroup; livelock diagnose",
            ),
            row(
                "use huge pages and fewer short-lived mappings",
                "each page that comes and goes passes the list",
                "grep -E 'pgactivate|pgfree' /proc/vmstat",
            ),
        ],
    ),
    (
        "zone.lock",
        &[row(
            "raise vm.percpu_pagelist_high_fraction",
            "larger per-CPU lists go to the zone less often",
            "sysctl vm.percpu_pagelist_high_fraction; grep -A8 pagesets /proc/zoneinfo",
        )],
    ),
    (
        "rq.__lock",
        &[row(
            "reduce wake-ups across CPUs: batch, pin communicating threads together",
            "each remote wake-up takes the runqueue lock of the other CPU",
            "grep ctxt /proc/stat; livelock diagnose",
        )],
    ),
    (
        "siglock",
        &[row(
            "send fewer signals to one process; use eventfd, signalfd or pidfd instead",
            "all signals of a process take one siglock",
            "grep -E 'SigQ|SigPnd' /proc/<pid>/status",
        )],
    ),
    (
        "tasklist_lock",
        &[row(
            "throttle forks and exits, avoid kill(-1) and scans of /proc",
            "each of them takes the one global task list lock",
            "grep processes /proc/stat",
        )],
    ),
    (
        "rename",
        &[row(
            "rename within one directory",
            "renames across directories take one mutex per file system",
            "livelock diagnose",
        )],
    ),
    (
        "i_rwsem",
        &[row(
            "give each worker its own file or directory, or write with O_DIRECT where the file system shares the lock",
            "writers of one inode exclude one another",
            "ls -l /proc/<pid>/fd; livelock diagnose",
        )],
    ),
    (
        "pipe_inode_info",
        &[row(
            "use a pipe per worker",
            "readers and writers of one pipe exclude one another",
            "ls -l /proc/<pid>/fd | grep pipe; livelock diagnose",
        )],
    ),
    (
        "mount_lock",
        &[row(
            "start containers staggered, with fewer layers and mounts",
            "every mount and unmount takes the one mount lock",
            "wc -l /proc/self/mountinfo",
        )],
    ),
    (
        "dentry",
        &[row(
            "avoid shared deep paths and lookups of missing names; trim negative dentries",
            "path walks fall back to reference counts on shared directories",
            "cat /proc/sys/fs/dentry-state",
        )],
    ),
    (
        "rstat",
        &[row(
            "read memory.stat and cpu.stat less often, from fewer readers; fewer cgroups; kernel 6.12 or newer",
            "each read flushes under a global lock",
            "grep -c . /proc/cgroups; livelock diagnose",
        )],
    ),
    (
        "list_lock",
        &[row(
            "spread the load over file systems or directories; newer kernels (sheaves, 6.18) free without the list",
            "the list is shared per node or device",
            "head -3 /proc/slabinfo; uname -r",
        )],
    ),
    (
        "j_state_lock",
        &[row(
            "use a larger journal and fewer fsyncs",
            "each transaction passes the journal's state lock",
            "cat /proc/fs/jbd2/*/info",
        )],
    ),
    (
        "conntrack",
        &[row(
            "enlarge the conntrack hash, use NOTRACK, shorten timeouts",
            "entries of one bucket share a lock",
            "cat /proc/net/stat/nf_conntrack",
        )],
    ),
    (
        "eventpoll",
        &[row(
            "use EPOLLEXCLUSIVE or SO_REUSEPORT, one epoll instance per worker",
            "many waiters on one instance wake each other in vain",
            "grep ctxt /proc/stat; livelock diagnose",
        )],
    ),
];

const COLLAPSE: &[Row] = &[
    row(
        "run fewer threads on the contended object, down to where throughput no longer rises",
        "a serial section has a best number of users; each one more only waits",
        "livelock diagnose (burn falls, user share rises)",
    ),
    row(
        "shard the contended object (per CPU, per worker, per process)",
        "only a smaller serial section scales further",
        "livelock diagnose",
    ),
];

const MAYBE_OVERCOMMIT: &[Row] = &[row(
    "if this host is a guest that does not know it, give it its own CPUs or paravirtual spinlocks",
    "timer ticks are lost, as in a guest whose CPUs are descheduled: lock holders may be as well",
    "grep '^cpu ' /proc/stat; dmesg | grep -i 'pv spinlocks'",
)];

const OVERCOMMIT: &[Row] = &[row(
    "give the guest its own CPUs (pin, no overcommit) or turn on paravirtual spinlocks (kvm-pv-unhalt)",
    "a descheduled lock holder makes every waiter spin for a host time slice",
    "grep '^cpu ' /proc/stat; dmesg | grep -i 'pv spinlocks'",
)];

const STUCK: &[Row] = &[row(
    "look at what the holder does: its path is under `holders`, its CPU in the soft lockup or RCU stall report",
    "a spin wait of this length means a holder that is not running, loops or never unlocked",
    "dmesg | grep -iE 'lockup|rcu.*stall'; livelock diagnose",
)];

const UNTRACED: &[Row] = &[row(
    "find the spinning path in the samples, and measure the throughput of the application itself",
    "tracepoints are blind here, and sampled spin alone does not tell whether work gets done",
    "livelock diagnose; dmesg | grep -i 'pv spinlocks'",
)];

const SLEEPERS: &[Row] = &[row(
    "shorten what is done under the lock, or split it",
    "tasks sleep for it in turn; more CPUs do not help",
    "cat /proc/<pid>/stack; livelock diagnose",
)];

/// Remedies for `class`, for the locks in `lock_names`, and for an overcommitted guest.
#[must_use]
pub fn remedies(
    class: CauseClass,
    lock_names: &[&str],
    overcommitted: bool,
    is_guest: bool,
) -> Vec<Remedy> {
    let mut rows: Vec<&Row> = Vec::new();
    let by_lock = BY_LOCK
        .iter()
        .filter(|(part, _)| lock_names.first().is_some_and(|name| name.contains(part)))
        .flat_map(|(_, rows)| *rows);
    let is_contention = matches!(
        class,
        CauseClass::SpinCollapse
            | CauseClass::HolderPreemption
            | CauseClass::LockContention
            | CauseClass::StuckSpin
            | CauseClass::UntracedSpin
    );
    let may_be_overcommit = overcommitted && (is_contention || class == CauseClass::HostOvercommit);
    if may_be_overcommit && is_guest {
        rows.extend(OVERCOMMIT);
    }
    match class {
        CauseClass::SpinCollapse | CauseClass::LockContention => {
            rows.extend(by_lock);
            rows.extend(COLLAPSE);
        }
        CauseClass::StuckSpin => {
            rows.extend(STUCK);
            rows.extend(by_lock);
        }
        CauseClass::UntracedSpin => rows.extend(UNTRACED),
        CauseClass::SleepingLock => {
            rows.extend(by_lock);
            rows.extend(SLEEPERS);
        }
        CauseClass::RwsemSpin
        | CauseClass::MutexSpin
        | CauseClass::HolderPreemption
        | CauseClass::LongHold => rows.extend(by_lock),
        // The others have rows of their own, or need none.
        _ => {}
    }
    let of_class: Vec<Row> = detectors::remedies_of(class)
        .iter()
        .filter(|_| class != CauseClass::SpinCollapse)
        .map(|&(action, reason, confirm)| row(action, reason, confirm))
        .collect();
    rows.extend(&of_class);
    if may_be_overcommit && !is_guest {
        rows.extend(MAYBE_OVERCOMMIT);
    }
    rows.into_iter()
        .map(|row| Remedy {
            action: row.action.to_owned(),
            reason: row.reason.to_owned(),
            confirm: row.confirm.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lock_comes_before_the_class() {
        let found = remedies(
            CauseClass::SpinCollapse,
            &["files_struct.file_lock"],
            false,
            true,
        );
        assert!(found[0].reason.contains("descriptor table"));
        assert!(found.iter().any(|r| r.action.contains("shard")));
        assert!(!found.iter().any(|r| r.action.contains("overcommit")));
    }

    #[test]
    fn an_overcommitted_guest_is_not_blamed_on_the_lock() {
        let found = remedies(
            CauseClass::SpinCollapse,
            &["files_struct.file_lock"],
            true,
            true,
        );
        assert!(found[0].action.contains("overcommit"));
        let unknown = remedies(
            CauseClass::SpinCollapse,
            &["files_struct.file_lock"],
            true,
            false,
        );
        assert!(unknown[0].reason.contains("descriptor table"));
        assert!(
            unknown
                .last()
                .unwrap()
                .action
                .starts_with("if this host is a guest")
        );
    }

    #[test]
    fn nothing_found_needs_no_remedy() {
        assert!(remedies(CauseClass::None, &[], true, true).is_empty());
        assert!(remedies(CauseClass::UserCompute, &["zone.lock"], false, false).is_empty());
    }
}
