//! Loads: what the CPUs of a made-up host do.
//!
//! In: nothing. Out: [`Load`]s, the measured ones of docs/detection.md among them. Refuses: time.

use livelock_core::event::{LockKind, ObjectKind};

/// Samples of each CPU and second, by where they land.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Samples {
    pub(crate) user: u32,
    pub(crate) spin_traced: u32,
    pub(crate) spin_untraced: u32,
    /// In a traced wait, while the hypervisor has the CPU.
    pub(crate) halted: u32,
    pub(crate) irq_restore: u32,
    pub(crate) kernel: u32,
    pub(crate) idle: u32,
}

/// A first-come-first-served lock that all CPUs want all the time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fifo {
    pub(crate) gap_ns: u64,
    pub(crate) hold_ns: u64,
    pub(crate) paths: [&'static str; 2],
    pub(crate) place: Option<ObjectKind>,
    /// Every so manieth wait has a stack.
    pub(crate) stack_period: u64,
}

/// A lock of which only sums are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sums {
    pub(crate) kind: LockKind,
    pub(crate) burn_cpus: f64,
    pub(crate) sleepers: f64,
    pub(crate) nr_waits_per_sec: u64,
}

/// What each CPU does, in shares of its time; the rest of `user + kernel + softirq + steal` is idle.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) user: f64,
    pub(crate) kernel: f64,
    pub(crate) softirq: f64,
    pub(crate) steal: f64,
    /// Share of the busy ticks that never arrive.
    pub(crate) ticks_lost: f64,
    pub(crate) fifo: Option<Fifo>,
    pub(crate) sums: Option<Sums>,
    pub(crate) samples: Samples,
    pub(crate) nr_switches_per_sec: u64,
    pub(crate) nr_scanned_per_sec: u64,
    pub(crate) nr_lost_per_sec: u64,
    /// An open spin wait on CPU 0 since then (nanoseconds since the start).
    pub(crate) stuck_since_ns: Option<u64>,
    /// The end of that wait was missed: its CPU goes about its business.
    pub(crate) stuck_is_phantom: bool,
    /// Share of all CPUs that the tool itself takes, part of `user`.
    pub(crate) own: f64,
    /// No snapshots of CPU times.
    pub(crate) blind: bool,
}

/// dup and close on one descriptor table, deep in collapse: 61 hand-overs a second on 8 CPUs.
pub(crate) fn fd_collapse() -> Load {
    Load {
        user: 0.004,
        kernel: 0.996,
        ticks_lost: 0.3,
        fifo: Some(Fifo {
            gap_ns: 16_400_000,
            hold_ns: 500_000,
            paths: ["alloc_fd", "close_fd"],
            place: Some(ObjectKind::FilesStruct),
            stack_period: 1,
        }),
        samples: Samples {
            spin_traced: 95,
            kernel: 4,
            ..Samples::default()
        },
        nr_switches_per_sec: 52,
        ..Load::default()
    }
}

/// The same on a futex, 5,000 hand-overs a second on 4 CPUs, no place in the task.
pub(crate) fn futex_collapse() -> Load {
    Load {
        user: 0.015,
        kernel: 0.985,
        fifo: Some(Fifo {
            gap_ns: 200_000,
            hold_ns: 20_000,
            paths: ["futex_q_lock", "futex_wake"],
            place: None,
            stack_period: 50,
        }),
        samples: Samples {
            spin_traced: 94,
            kernel: 4,
            user: 1,
            ..Samples::default()
        },
        nr_switches_per_sec: 60,
        ..Load::default()
    }
}

pub(crate) fn compute() -> Load {
    Load {
        user: 0.97,
        kernel: 0.03,
        samples: Samples {
            user: 96,
            kernel: 3,
            ..Samples::default()
        },
        nr_switches_per_sec: 200,
        ..Load::default()
    }
}

/// Two threads and more on one pipe: mutex spin, a few per cent of user time, throughput.
pub(crate) fn shared_pipe() -> Load {
    Load {
        user: 0.08,
        kernel: 0.91,
        sums: Some(Sums {
            kind: LockKind::Mutex,
            burn_cpus: 2.2,
            sleepers: 0.5,
            nr_waits_per_sec: 60_000,
        }),
        samples: Samples {
            user: 8,
            spin_traced: 54,
            kernel: 37,
            ..Samples::default()
        },
        nr_switches_per_sec: 40_000,
        ..Load::default()
    }
}

pub(crate) fn idle() -> Load {
    Load {
        user: 0.004,
        kernel: 0.004,
        samples: Samples {
            idle: 98,
            kernel: 1,
            ..Samples::default()
        },
        nr_switches_per_sec: 300,
        ..Load::default()
    }
}
