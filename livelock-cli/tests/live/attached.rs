//! Programs on this machine's kernel, without the tool around them.

use livelock_cli::btf;
use livelock_cli::capture::{
    Capture, CaptureConfig, KernelOffsets, TRACEPOINT_TYPES, TaskFilter, WaitFilter,
};

/// Attaches level 0, for all tasks.
pub(crate) fn start() -> Capture {
    let btf = btf::read_running().expect("this kernel's types");
    let config = CaptureConfig {
        offsets: KernelOffsets {
            task_pid: btf.member_offset("task_struct", "pid"),
            task_tgid: btf.member_offset("task_struct", "tgid"),
            task_prio: btf.member_offset("task_struct", "prio"),
            regs_syscall: btf.member_offset("pt_regs", "orig_ax"),
            ..KernelOffsets::default()
        },
        types: btf.skeleton(&TRACEPOINT_TYPES),
        sample_hz: 99,
        slice_mask: 15,
        tasks: TaskFilter::All,
        waits: WaitFilter::default(),
    };
    Capture::start(&config).expect("attached")
}
