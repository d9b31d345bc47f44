//! Signals, process ids, the task list, fork and exit storms.
//!
//! In: spin on `tasklist_lock`, `siglock`, `pidmap_lock`. Out: a detection. Refuses: runqueues, which every wake-up contends for.

use super::Detector;
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::TasklistSignal,
    &[
        "tasklist_lock*", "sighand_struct.*", "signal_struct.*", "pidmap_lock*",
        "task_struct.*",
    ],
    &[
        "do_wait", "__do_wait", "release_task", "exit_notify", "copy_process",
        "do_send_sig_info", "send_signal*", "__send_signal*", "kill_something_info",
        "lock_task_sighand", "__lock_task_sighand", "get_signal", "dequeue_signal", "alloc_pid",
        "free_pid", "__change_pid", "send_sigqueue", "posix_cpu_timer_*", "do_sigaction",
        "forget_original_parent",
    ],
    REMEDIES,
);

const REMEDIES: &[super::Row] = &[(
    "use pidfds and signal single threads instead of whole groups; throttle forks and `ps`-like readers of /proc",
    "each broadcast walks the task list with its lock held",
    "a change of the program; slower process listings",
    "perf trace -s -e kill,tgkill,wait4,clone; livelock diagnose",
)];
