//! Probe level 1: work items, and how long they run.
//!
//! In: starts and ends. Out: time by function on this CPU. Refuses: time of an item whose worker has changed
//! its CPU; it is counted as unpaired.

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use aya_ebpf::helpers::{bpf_get_current_pid_tgid, bpf_ktime_get_ns};
use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use livelock_common::{ABSENT, CpuActivity, FunctionTime, OpenPair, OpenWork, group};

use crate::globals;
use crate::runs::{Run, begin_pair, book_function, end_pair, pair_index, this};

/// What is beside the pair of the current thread.
///
/// # Safety
/// `activity` is this CPU's element.
#[inline(always)]
unsafe fn open_work(activity: *mut CpuActivity) -> *mut OpenWork {
    let at = pair_index(bpf_get_current_pid_tgid() as u32);
    // SAFETY: by contract; a masked index.
    unsafe { (&raw mut (*activity).open_work).cast::<OpenWork>().add(at) }
}

/// The current thread has ended an item, which may have begun on another CPU, where its pair stays open: the later of both tells.
///
/// # Safety
/// `activity` is this CPU's element.
#[inline(always)]
unsafe fn note_end(activity: *mut CpuActivity) {
    let pid = bpf_get_current_pid_tgid() as u32;
    // SAFETY: by contract; a masked index.
    unsafe {
        let pair = (&raw mut (*activity).work.open)
            .cast::<OpenPair>()
            .add(pair_index(pid));
        // A pair that another thread has open stays that thread's.
        if (*pair).begin_ns == 0 {
            (*pair).pid = pid;
            (*open_work(activity)).end_ns = bpf_ktime_get_ns();
        }
    }
}

/// `work_struct.func`; 0 if it cannot be had.
#[inline(always)]
fn function_of(work: u64) -> u64 {
    let offset = globals::WORK_FUNC.load();
    let mut function_addr = 0u64;
    if offset != ABSENT {
        // SAFETY: the helper checks the address; `function_addr` is ours, and stays 0 or is zeroed if that fails.
        unsafe {
            let from = (work + u64::from(offset)) as *const core::ffi::c_void;
            bpf_probe_read_kernel((&raw mut function_addr).cast(), 8, from);
        }
    }
    function_addr
}

/// Hook: `workqueue:workqueue_execute_start(work)`. Kernel: 5.19.
#[btf_tracepoint(function = "workqueue_execute_start")]
pub fn workqueue_execute_start(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    let function_addr = function_of(ctx.arg::<u64>(0));
    // SAFETY: this CPU's element. Items run in tasks, those of BH workqueues (6.9 on) in soft interrupts: one that interrupts
    // another item takes its pair, whose end is then counted as unpaired.
    unsafe {
        let run = Run::begin::<{ group::WORKQUEUE }>(activity);
        begin_pair(&raw mut (*activity).work);
        let open = &mut *open_work(activity);
        open.function_addr = function_addr;
        open.end_ns = 0;
        run.end();
    }
    0
}

/// Hook: `workqueue:workqueue_execute_end(work, function)`. Kernel: 5.19. A raw tracepoint, because the verifier
/// lets no BTF-checked program read a pointer to a function. Cannot see: items that do
/// not end; those stay open in the books of the start.
#[raw_tracepoint(tracepoint = "workqueue_execute_end")]
pub fn workqueue_execute_end(ctx: RawTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    let function_addr = ctx.arg::<u64>(1);
    // SAFETY: as above.
    unsafe {
        let run = Run::begin::<{ group::WORKQUEUE }>(activity);
        let ns = end_pair(&raw mut (*activity).work);
        note_end(activity);
        let slots = (&raw mut (*activity).work_functions).cast::<FunctionTime>();
        book_function(slots, function_addr, ns);
        run.end();
    }
    0
}
