//! Probe level 1: calls between CPUs and TLB flushes.
//!
//! In: calls queued, interrupts sent, flushes. Out: counts of this CPU, by function and by reason. Refuses: how
//! long the caller waits; samples tell that.

use aya_ebpf::macros::{btf_tracepoint, raw_tracepoint};
use aya_ebpf::programs::{BtfTracePointContext, RawTracePointContext};
use livelock_common::{FunctionTime, NR_FLUSH_REASONS, group};

use crate::mask::masked;
use crate::runs::{Run, book_function, this};

const REASON_MASK: i32 = NR_FLUSH_REASONS as i32 - 1;

/// Hook: `csd:csd_queue_cpu(cpu, callsite, func, csd)`, once for each CPU called. Kernel: 6.5. A raw tracepoint,
/// because the verifier lets no BTF-checked program read a pointer to a function.
#[raw_tracepoint(tracepoint = "csd_queue_cpu")]
pub fn csd_queue_cpu(ctx: RawTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    let function_addr = ctx.arg::<u64>(2);
    // SAFETY: this CPU's element.
    unsafe {
        let run = Run::begin::<{ group::CROSS_CALLS }>(activity);
        let slots = (&raw mut (*activity).call_functions).cast::<FunctionTime>();
        book_function(slots, function_addr, 0);
        run.end();
    }
    0
}

#[inline(always)]
fn count_ipi() {
    let activity = this();
    if !activity.is_null() {
        // SAFETY: this CPU's element. One sent in an interrupt may undo the count of another: one of thousands.
        unsafe {
            let run = Run::begin::<{ group::CROSS_CALLS }>(activity);
            (*activity).nr_ipis += 1;
            run.end();
        }
    }
}

/// Hook: `ipi:ipi_send_cpu(cpu, callsite, callback)`, wake-ups of other CPUs included. Kernel: 6.4.
#[btf_tracepoint(function = "ipi_send_cpu")]
pub fn ipi_send_cpu(_ctx: BtfTracePointContext) -> i32 {
    count_ipi();
    0
}

/// Hook: `ipi:ipi_send_cpumask(cpumask, callsite, callback)`, once for all CPUs of the mask. Kernel: 6.4.
#[btf_tracepoint(function = "ipi_send_cpumask")]
pub fn ipi_send_cpumask(_ctx: BtfTracePointContext) -> i32 {
    count_ipi();
    0
}

/// Hook: `tlb:tlb_flush(reason, pages)`. Kernel: 5.19, x86-64.
#[btf_tracepoint(function = "tlb_flush")]
pub fn tlb_flush(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() {
        return 0;
    }
    let reason = ctx.arg::<u64>(0) as u32;
    // SAFETY: this CPU's element, masked index.
    unsafe {
        let run = Run::begin::<{ group::CROSS_CALLS }>(activity);
        *(&raw mut (*activity).tlb_flushes)
            .cast::<u64>()
            .add(masked::<REASON_MASK>(u64::from(reason))) += 1;
        run.end();
    }
    0
}
