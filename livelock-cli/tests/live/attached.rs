//! Programs on this machine's kernel, without the tool around them.

use std::time::Duration;

use livelock_cli::btf;
use livelock_cli::capture::{
    Capture, CaptureConfig, KernelOffsets, LockdepOffsets, TRACEPOINT_TYPES, TaskFilter, WaitFilter,
};
use livelock_cli::raw::RawRecord;

use crate::groups::Load;
use crate::turn;

/// Attaches level 0, for all tasks.
pub(crate) fn start() -> Capture {
    Capture::start(&config()).expect("attached")
}

/// Of this machine.
fn config() -> CaptureConfig {
    let btf = btf::read_running().expect("this kernel's types");
    CaptureConfig {
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
    }
}

#[test]
fn a_kernel_that_refuses_what_tells_of_releases_loses_them_alone() {
    let Some(_turn) = turn::attach("a_kernel_that_refuses_what_tells_of_releases_loses_them_alone")
    else {
        return;
    };
    let btf = btf::read_running().expect("this kernel's types");
    let mut config = config();
    // Tracepoints that this kernel has not: the programs do not load.
    config.offsets.lockdep = Some(LockdepOffsets::default());
    config.offsets.has_contended_release = true;
    let mut has = (
        btf.has_tracepoint("lock_acquired"),
        btf.has_tracepoint("contended_release"),
    );
    // Where there is lockdep its programs are used, and nobody asks for the other.
    has.1 |= has.0;
    let mut capture = Capture::start(&config).expect("attached without them");
    // Each of the two that is not there was refused once.
    assert_eq!(
        capture.refused().len(),
        2 - usize::from(has.0) * 2 - usize::from(!has.0 && has.1)
    );
    let used = capture.offsets();
    assert_eq!((used.lockdep.is_some(), used.has_contended_release), has);
    let mut raw = Vec::new();
    capture.close_window(&mut raw);
    assert!(!raw.is_empty(), "no CPU was read");
}

/// Begins that are booked on all CPUs since attach.
fn nr_begun(capture: &mut Capture) -> u64 {
    let mut raw = Vec::new();
    capture.close_window(&mut raw);
    let begun = raw.iter().map(|record| match record {
        RawRecord::Cpu { state, .. } => state.nr_begun,
        _ => 0,
    });
    begun.sum()
}

#[test]
fn what_begins_after_the_stop_is_not_booked_though_all_is_attached() {
    let Some(_turn) =
        turn::attach("what_begins_after_the_stop_is_not_booked_though_all_is_attached")
    else {
        return;
    };
    let look = || std::thread::sleep(Duration::from_millis(300));
    let _load = Load::start();
    let mut capture = start();
    look();
    let before = nr_begun(&mut capture);
    look();
    let still = nr_begun(&mut capture);
    assert!(still > before, "nobody waits for a lock");
    capture.stop();
    let stopped = nr_begun(&mut capture);
    look();
    assert_eq!(nr_begun(&mut capture), stopped);
    // What the last books fall back to where waits go on ending: the copies are of one moment then.
    capture.detach();
    assert!(capture.close_window(&mut Vec::new()), "something moves");
    assert_eq!(nr_begun(&mut capture), stopped);
}
