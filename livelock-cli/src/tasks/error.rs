//! Why a scope cannot be judged. Every message says what to type instead.

use std::io;
use std::path::PathBuf;

/// A scope that does not exist, or that this process cannot see as the kernel does.
#[derive(Debug, thiserror::Error)]
pub enum ScopeError {
    /// No cgroup v2 at all.
    #[error(
        "`--cgroup {path}` cannot be used: cgroup v2 is not mounted here, and the kernel programs know no other; type \
         --pid with the first process of the group, or mount it: `mount -t cgroup2 none /sys/fs/cgroup/unified`"
    )]
    NoCgroup2 {
        /// As typed.
        path: String,
    },
    /// A group of a v1 hierarchy.
    #[error(
        "`--cgroup {path}` is a control group of version 1: type its path in the v2 hierarchy below {}, as behind \
         `0::` in /proc/PID/cgroup, or --pid with its first process", mount.display()
    )]
    Version1 {
        /// As typed.
        path: String,
        /// Where v2 is.
        mount: PathBuf,
    },
    /// No such group.
    #[error(
        "there is no control group `{path}` below {}: type a path as behind `0::` in /proc/PID/cgroup, or look with \
         `find {} -type d`", mount.display(), mount.display()
    )]
    NoCgroup {
        /// As typed.
        path: String,
        /// Where it was looked for.
        mount: PathBuf,
    },
    /// The root.
    #[error(
        "`--cgroup {path}` is the root, which holds all tasks: leave --cgroup out to judge the whole host"
    )]
    RootCgroup {
        /// As typed.
        path: String,
    },
    /// The hierarchy is not seen from its root.
    #[error(
        "`--cgroup {path}` cannot be used from inside a container: run on the host, where {} is the root of the \
         hierarchy", mount.display()
    )]
    CgroupNamespace {
        /// As typed.
        path: String,
        /// What looks like the root.
        mount: PathBuf,
    },
    /// A file of the group cannot be read.
    #[error("`--cgroup {path}` cannot be used: {} cannot be read: {source}; run as root", file.display())]
    Unreadable {
        /// As typed.
        path: String,
        /// Which.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// No such process.
    #[error(
        "there is no process {pid}: type --pid with one of `ps -e`, such as --pid $(pidof -s NAME)"
    )]
    NoProcess {
        /// As typed.
        pid: u32,
    },
    /// A thread that is not the first of its process.
    #[error("{pid} is a thread of process {tgid}: type --pid {tgid}")]
    Thread {
        /// As typed.
        pid: u32,
        /// Its process.
        tgid: u32,
    },
    /// A process that has ended and waits to be reaped.
    #[error(
        "process {pid} has ended (it is a zombie): type --pid with one that runs, such as its parent {parent}"
    )]
    Zombie {
        /// As typed.
        pid: u32,
        /// Its parent.
        parent: u32,
    },
    /// Process ids mean something else here.
    #[error(
        "`--pid {pid}` cannot be used from inside a PID namespace: run on the host, with the id that the process has \
         there"
    )]
    PidNamespace {
        /// As typed.
        pid: u32,
    },
    /// The kernel does not tell what following a tree takes.
    #[error(
        "`--pid {pid}` cannot be used: the kernel's BTF does not say where a task has its ids; type --cgroup"
    )]
    Unfollowed {
        /// As typed.
        pid: u32,
    },
}
