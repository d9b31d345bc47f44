//! The control plane: says which ABI the object was built for.
//!
//! In: a test run by user space, right after load. Out: the ABI version in the control word, and a log
//! line.
//! Refuses: being attached; it is the only program here that logs.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use aya_log_ebpf::info;
use livelock_common::ABI_VERSION;

use crate::state::CONTROL;

/// Hook: none, run by `BPF_PROG_TEST_RUN`. Kernel: 5.10.
#[raw_tracepoint]
pub fn announce(ctx: RawTracePointContext) -> i32 {
    let slice_mask = ctx.arg::<u64>(0);
    let min_stack_period = ctx.arg::<u64>(1);
    info!(
        &ctx,
        "abi {}, streaming slice mask {}, at most one stack in {}",
        ABI_VERSION,
        slice_mask,
        min_stack_period
    );
    if let Some(control) = CONTROL.get_ptr_mut(0) {
        // SAFETY: the element of the map; user space waits for this run before it reads.
        unsafe { (*control).abi_version = ABI_VERSION };
    }
    0
}
