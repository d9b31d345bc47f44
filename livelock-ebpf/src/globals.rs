//! Offsets of the running kernel, the scope and the filter, frozen at load.
//!
//! In: user space overrides them, offsets from the kernel's BTF. Out: constants to the verifier. Refuses: a
//! default that could be mistaken for an offset; [`ABSENT`] turns the feature off.

use aya_ebpf::Global;
use livelock_common::{ABSENT, scope};

/// Which tasks are counted ([`scope`]).
#[unsafe(no_mangle)]
pub static SCOPE_KIND: Global<u32> = Global::new(scope::HOST);

/// The cgroup v2 id of the scope.
#[unsafe(no_mangle)]
pub static SCOPE_CGROUP_ID: Global<u64> = Global::new(0);

/// How far below the root that cgroup is.
#[unsafe(no_mangle)]
pub static SCOPE_CGROUP_LEVEL: Global<u32> = Global::new(0);

/// A bit for each value of a wait's `flags` of which details are wanted.
#[unsafe(no_mangle)]
pub static WANTED_FLAGS: Global<u64> = Global::new(u64::MAX);

/// The lock of which details are wanted; 0: all.
#[unsafe(no_mangle)]
pub static WANTED_LOCK: Global<u64> = Global::new(0);

/// Whether the user side of stacks is taken as well: 0 or 1.
#[unsafe(no_mangle)]
pub static USER_STACKS_WANTED: Global<u32> = Global::new(0);

macro_rules! offset {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[unsafe(no_mangle)]
        pub static $name: Global<u32> = Global::new(ABSENT);
    };
}

offset!(
    /// `sizeof(struct task_struct)`.
    TASK_SIZE
);
offset!(
    /// `task_struct.mm`.
    TASK_MM
);
offset!(
    /// `task_struct.nvcsw`.
    TASK_NVCSW
);
offset!(
    /// `task_struct.nivcsw`.
    TASK_NIVCSW
);
offset!(
    /// `task_struct.pid`.
    TASK_PID
);
offset!(
    /// `task_struct.tgid`.
    TASK_TGID
);
offset!(
    /// `task_struct.prio`.
    TASK_PRIO
);
offset!(
    /// `work_struct.func`.
    WORK_FUNC
);
offset!(
    /// Instruction pointer in `bpf_user_pt_regs_t`; depends on the architecture alone.
    REGS_IP
);
offset!(
    /// Stack pointer in `struct pt_regs`; depends on the architecture alone.
    REGS_SP
);
offset!(
    /// Number of the system call in `struct pt_regs`: `orig_ax`, or `syscallno` on arm64.
    REGS_SYSCALL
);
offset!(
    /// `sizeof(struct mm_struct)`.
    MM_SIZE
);
offset!(
    /// `task_struct.files`.
    TASK_FILES
);
offset!(
    /// `sizeof(struct files_struct)`.
    FILES_SIZE
);
offset!(
    /// `task_struct.fs`.
    TASK_FS
);
offset!(
    /// `sizeof(struct fs_struct)`.
    FS_SIZE
);
offset!(
    /// `task_struct.sighand`.
    TASK_SIGHAND
);
offset!(
    /// `sizeof(struct sighand_struct)`.
    SIGHAND_SIZE
);
offset!(
    /// `task_struct.signal`.
    TASK_SIGNAL
);
offset!(
    /// `sizeof(struct signal_struct)`.
    SIGNAL_SIZE
);
offset!(
    /// `task_struct.real_parent`.
    TASK_PARENT
);
offset!(
    /// `signal_struct.tty`.
    SIGNAL_TTY
);
offset!(
    /// `sizeof(struct tty_struct)`.
    TTY_SIZE
);
offset!(
    /// `task_struct.io_uring`.
    TASK_IO_URING
);
offset!(
    /// `io_uring_task.last`.
    IO_URING_LAST
);
offset!(
    /// `sizeof(struct io_ring_ctx)`.
    IO_RING_SIZE
);
offset!(
    /// `task_struct.nsproxy`.
    TASK_NSPROXY
);
offset!(
    /// `nsproxy.ipc_ns`.
    NSPROXY_IPC
);
offset!(
    /// `sizeof(struct ipc_namespace)`.
    IPC_SIZE
);
offset!(
    /// `nsproxy.net_ns`.
    NSPROXY_NET
);
offset!(
    /// `sizeof(struct net)`.
    NET_SIZE
);
offset!(
    /// `task_struct.se.cfs_rq`.
    TASK_CFS_RQ
);
offset!(
    /// `cfs_rq.rq`.
    CFS_RQ_RQ
);
offset!(
    /// `rq.cpu`.
    RQ_CPU
);
offset!(
    /// `mutex.owner`.
    MUTEX_OWNER
);
offset!(
    /// `rw_semaphore.owner`.
    RWSEM_OWNER
);
offset!(
    /// `rt_mutex_base.owner`.
    RT_MUTEX_OWNER
);
offset!(
    /// `task_struct.comm`.
    TASK_COMM
);
offset!(
    /// `task_struct.on_cpu`.
    TASK_ON_CPU
);
offset!(
    /// `task_struct.__state`.
    TASK_STATE
);
offset!(
    /// Number of its CPU in `task_struct`, or in the `thread_info` inside of it.
    TASK_CPU
);
offset!(
    /// First argument in `bpf_user_pt_regs_t`; depends on the architecture alone.
    REGS_FIRST_ARG
);
offset!(
    /// 1 if `lock:contended_release` is attached.
    HAS_CONTENDED_RELEASE
);
offset!(
    /// 1 if the tracepoints of lockdep are attached.
    HAS_LOCKDEP
);
offset!(
    /// `raw_spinlock.dep_map`.
    DEP_MAP_SPINLOCK
);
offset!(
    /// `rwlock_t.dep_map`.
    DEP_MAP_RWLOCK
);
offset!(
    /// `mutex.dep_map`.
    DEP_MAP_MUTEX
);
offset!(
    /// `rw_semaphore.dep_map`.
    DEP_MAP_RWSEM
);
