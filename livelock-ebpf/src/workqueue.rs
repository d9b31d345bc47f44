//! Probe level 1: work items, and how long they run.
//!
//! In: starts and ends. Out: time by function on this CPU. Refuses: time of an item whose worker has changed
//! its CPU; it is counted as unpaired.

use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use livelock_common::{FunctionTime, group};

use crate::runs::{Run, begin_pair, book_function, end_pair, this};

/// Hook: `workqueue:workqueue_execute_start(work)`. Kernel: 5.19.
#[btf_tracepoint(function = "workqueue_execute_start")]
pub fn workqueue_execute_start(_ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    // SAFETY: this CPU's element; work items run in tasks.
    unsafe {
        let run = Run::begin::<{ group::WORKQUEUE }>(activity);
        begin_pair(&raw mut (*activity).work);
        run.end();
    }
    0
}

/// Hook: `workqueue:workqueue_execute_end(work, function)`. Kernel: 5.19. A raw tracepoint, because the verifier
/// lets no BTF-checked program read a pointer to a function. Cannot see: items that do not end.
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
        let slots = (&raw mut (*activity).work_functions).cast::<FunctionTime>();
        book_function(slots, function_addr, ns);
        run.end();
    }
    0
}
