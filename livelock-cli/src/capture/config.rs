//! What capture needs to know of the running kernel, and how to sample.
//!
//! In: filled by `run` from the kernel's BTF. Out: frozen globals of the programs. Refuses: a default that
//! could be mistaken for an offset.

/// Offsets and sizes in the running kernel, from its BTF; `None` turns a feature off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KernelOffsets {
    /// `sizeof(struct task_struct)`.
    pub task_size: Option<u32>,
    /// `task_struct.nvcsw` and `task_struct.nivcsw`.
    pub switches: Option<(u32, u32)>,
    /// `task_struct.pid`.
    pub task_pid: Option<u32>,
    /// `task_struct.tgid`.
    pub task_tgid: Option<u32>,
    /// `task_struct.prio`.
    pub task_prio: Option<u32>,
    /// Number of the system call in `struct pt_regs`.
    pub regs_syscall: Option<u32>,
    /// `work_struct.func`.
    pub work_func: Option<u32>,
    /// `task_struct.mm` and the size of what it points to.
    pub mm: Option<(u32, u32)>,
    /// `task_struct.files`.
    pub files: Option<(u32, u32)>,
    /// `task_struct.fs`.
    pub fs: Option<(u32, u32)>,
    /// `task_struct.sighand`.
    pub sighand: Option<(u32, u32)>,
    /// `task_struct.signal`.
    pub signal: Option<(u32, u32)>,
    /// `task_struct.real_parent`.
    pub task_parent: Option<u32>,
    /// `signal_struct.tty` and the size of what it points to.
    pub tty: Option<(u32, u32)>,
    /// `task_struct.io_uring`.
    pub task_io_uring: Option<u32>,
    /// `io_uring_task.last` and the size of what it points to.
    pub io_ring: Option<(u32, u32)>,
    /// `task_struct.nsproxy`.
    pub task_nsproxy: Option<u32>,
    /// `nsproxy.ipc_ns` and the size of what it points to.
    pub ipc: Option<(u32, u32)>,
    /// `nsproxy.net_ns` and the size of what it points to.
    pub net: Option<(u32, u32)>,
    /// `task_struct.se.cfs_rq`.
    pub task_cfs_rq: Option<u32>,
    /// `cfs_rq.rq` and `rq.cpu`.
    pub runqueue: Option<(u32, u32)>,
    /// Owner words of locks, and of their owners what tells who they are and whether they run.
    pub owners: OwnerOffsets,
    /// Whether `lock:contended_release` exists.
    pub has_contended_release: bool,
    /// Where locks have their `lockdep_map`; `None`: the tracepoints that tell every acquisition and release are missing.
    pub lockdep: Option<LockdepOffsets>,
}

/// Where a lock of each family has its `lockdep_map`, of a kernel with `CONFIG_LOCK_STAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LockdepOffsets {
    /// `raw_spinlock.dep_map`.
    pub spinlock: Option<u32>,
    /// `rwlock_t.dep_map`.
    pub rwlock: Option<u32>,
    /// `mutex.dep_map`.
    pub mutex: Option<u32>,
    /// `rw_semaphore.dep_map`.
    pub rwsem: Option<u32>,
}

/// Where the owner of a sleeping lock stands, and what to read of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OwnerOffsets {
    /// `mutex.owner`.
    pub mutex: Option<u32>,
    /// `rw_semaphore.owner`.
    pub rwsem: Option<u32>,
    /// `rt_mutex_base.owner`.
    pub rt_mutex: Option<u32>,
    /// `task_struct.comm`.
    pub comm: Option<u32>,
    /// `task_struct.on_cpu`.
    pub on_cpu: Option<u32>,
    /// `task_struct.__state`.
    pub state: Option<u32>,
    /// Number of its CPU.
    pub cpu: Option<u32>,
}

impl KernelOffsets {
    /// Whether releases are told by `lock:contended_release`: lockdep tells more of them.
    #[must_use]
    pub const fn releases_contended(&self) -> bool {
        self.has_contended_release && self.lockdep.is_none()
    }

    /// Whether any releases are told.
    pub(super) const fn tells_releases(&self) -> bool {
        self.has_contended_release || self.lockdep.is_some()
    }

    /// Names of the globals and their values.
    pub(super) fn globals(&self) -> Vec<(&'static str, u32)> {
        let mut out = Vec::new();
        let singles = [
            ("TASK_SIZE", self.task_size),
            ("TASK_PID", self.task_pid),
            ("TASK_TGID", self.task_tgid),
            ("TASK_PRIO", self.task_prio),
            ("REGS_SYSCALL", self.regs_syscall),
            ("WORK_FUNC", self.work_func),
            ("REGS_IP", REGS_IP),
            ("REGS_SP", REGS_SP),
            ("TASK_PARENT", self.task_parent),
            ("TASK_IO_URING", self.task_io_uring),
            ("TASK_NSPROXY", self.task_nsproxy),
            ("TASK_CFS_RQ", self.task_cfs_rq),
            ("REGS_FIRST_ARG", REGS_FIRST_ARG),
            ("MUTEX_OWNER", self.owners.mutex),
            ("RWSEM_OWNER", self.owners.rwsem),
            ("RT_MUTEX_OWNER", self.owners.rt_mutex),
            ("TASK_COMM", self.owners.comm),
            ("TASK_ON_CPU", self.owners.on_cpu),
            ("TASK_STATE", self.owners.state),
            ("TASK_CPU", self.owners.cpu),
            (
                "HAS_CONTENDED_RELEASE",
                self.releases_contended().then_some(1),
            ),
        ];
        if let Some(at) = &self.lockdep {
            let maps = [
                ("HAS_LOCKDEP", Some(1)),
                ("DEP_MAP_SPINLOCK", at.spinlock),
                ("DEP_MAP_RWLOCK", at.rwlock),
                ("DEP_MAP_MUTEX", at.mutex),
                ("DEP_MAP_RWSEM", at.rwsem),
            ];
            let known = maps.into_iter();
            out.extend(known.filter_map(|(name, at)| Some((name, at?))));
        }
        out.extend(
            singles
                .into_iter()
                .filter_map(|(name, at)| Some((name, at?))),
        );
        for (pair, member, size) in [
            (self.switches, "TASK_NVCSW", "TASK_NIVCSW"),
            (self.mm, "TASK_MM", "MM_SIZE"),
            (self.files, "TASK_FILES", "FILES_SIZE"),
            (self.fs, "TASK_FS", "FS_SIZE"),
            (self.sighand, "TASK_SIGHAND", "SIGHAND_SIZE"),
            (self.signal, "TASK_SIGNAL", "SIGNAL_SIZE"),
            (self.tty, "SIGNAL_TTY", "TTY_SIZE"),
            (self.io_ring, "IO_URING_LAST", "IO_RING_SIZE"),
            (self.ipc, "NSPROXY_IPC", "IPC_SIZE"),
            (self.net, "NSPROXY_NET", "NET_SIZE"),
            (self.runqueue, "CFS_RQ_RQ", "RQ_CPU"),
        ] {
            if let Some((first, second)) = pair {
                out.push((member, first));
                out.push((size, second));
            }
        }
        out
    }
}

/// Typedefs by which the kernel's BTF names the tracepoints that the programs attach to.
pub const TRACEPOINT_TYPES: [&str; 29] = [
    "btf_trace_contention_begin",
    "btf_trace_contention_end",
    "btf_trace_contended_release",
    "btf_trace_lock_release",
    "btf_trace_lock_acquired",
    "btf_trace_lock_acquire",
    "btf_trace_softirq_exit",
    "btf_trace_softirq_entry",
    "btf_trace_irq_handler_exit",
    "btf_trace_irq_handler_entry",
    "btf_trace_sys_exit",
    "btf_trace_page_fault_user",
    "btf_trace_page_fault_kernel",
    "btf_trace_reclaim_retry_zone",
    "btf_trace_mm_vmscan_direct_reclaim_end",
    "btf_trace_mm_vmscan_direct_reclaim_begin",
    "btf_trace_mm_vmscan_memcg_reclaim_end",
    "btf_trace_mm_vmscan_memcg_reclaim_begin",
    "btf_trace_mm_vmscan_throttled",
    "btf_trace_mm_compaction_end",
    "btf_trace_mm_compaction_begin",
    "btf_trace_ipi_send_cpu",
    "btf_trace_ipi_send_cpumask",
    "btf_trace_tlb_flush",
    "btf_trace_workqueue_execute_start",
    "btf_trace_kfree_skb",
    "btf_trace_sched_switch",
    "btf_trace_sched_wakeup",
    "btf_trace_sched_process_fork",
];

/// Instruction pointer in `bpf_user_pt_regs_t`: part of the user ABI, the same on every kernel.
const REGS_IP: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(128)
} else if cfg!(target_arch = "aarch64") {
    Some(256)
} else {
    None
};

/// First argument in `bpf_user_pt_regs_t`.
const REGS_FIRST_ARG: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(112)
} else if cfg!(target_arch = "aarch64") {
    Some(0)
} else {
    None
};

/// Stack pointer in `struct pt_regs` of x86 (arch/x86/include/asm/ptrace.h): part of the user ABI. Elsewhere the walk by frame
/// pointers needs no help.
const REGS_SP: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(152)
} else {
    None
};

/// Which tasks the programs count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskFilter {
    /// All.
    #[default]
    All,
    /// Those of a cgroup v2 and the ones below it.
    Cgroup {
        /// Its id.
        id: u64,
        /// How far below the root it is.
        level: u32,
    },
    /// Those of a process tree; see [`Members`](super::Members).
    Tree,
}

/// Of which waits stacks are taken and records streamed. All are counted and timed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitFilter {
    /// A bit for each value of `flags` of `lock:contention_begin` (six bits).
    pub flags: u64,
    /// Address of the lock; 0: any.
    pub lock_addr: u64,
    /// Whether the user side of stacks is taken as well.
    pub has_user_stacks: bool,
}

impl Default for WaitFilter {
    fn default() -> Self {
        Self {
            flags: u64::MAX,
            lock_addr: 0,
            has_user_stacks: false,
        }
    }
}

/// How to capture.
#[derive(Clone, Debug)]
pub struct CaptureConfig {
    /// Offsets.
    pub offsets: KernelOffsets,
    /// BTF that holds the types of [`TRACEPOINT_TYPES`] under the ids of the running kernel.
    pub types: Vec<u8>,
    /// Samples per second and CPU.
    pub sample_hz: u64,
    /// Streaming slices at the start; see `Capture::set_slice_mask`.
    pub slice_mask: u64,
    /// Which tasks.
    pub tasks: TaskFilter,
    /// Of which waits there are details.
    pub waits: WaitFilter,
}
