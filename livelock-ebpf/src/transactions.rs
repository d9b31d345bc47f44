//! Probe level 1: transactions of a file system that commit, and that start over.
//!
//! In: tracepoints of bcachefs, which come with its module. Out: two counts of this CPU. Refuses: arguments; they differ
//! from kernel to kernel, and which restart it was changes nothing about the work that it throws away.

use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use livelock_common::group;

use crate::runs::{Run, this};
use crate::scope;

/// Hook: every `bcachefs:trans_restart_*` that the loaded module has. Kernel: 6.7. A raw tracepoint, because the types of
/// a module are not those of the kernel. Cannot see: restarts that the module does not trace.
#[raw_tracepoint(tracepoint = "trans_restart")]
pub fn trans_restart(_ctx: RawTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return 0;
    }
    // SAFETY: this CPU's element; transactions run in tasks.
    unsafe {
        let run = Run::begin::<{ group::TRANSACTIONS }>(activity);
        (*activity).nr_trans_restarts += 1;
        run.end();
    }
    0
}

/// Hook: `bcachefs:transaction_commit(trans, ip)`, after a commit that succeeded. Kernel: 6.7. Cannot see: transactions
/// that only read; they do not commit.
#[raw_tracepoint(tracepoint = "transaction_commit")]
pub fn transaction_commit(_ctx: RawTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return 0;
    }
    // SAFETY: as above.
    unsafe {
        let run = Run::begin::<{ group::TRANSACTIONS }>(activity);
        (*activity).nr_trans_commits += 1;
        run.end();
    }
    0
}
