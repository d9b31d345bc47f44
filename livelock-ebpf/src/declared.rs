//! Counters of declared progress: an object of its own, loaded only if somebody declares any.
//!
//! In: user-space probes and tracepoints, each attached with the number of its source as cookie. Out: one
//! counter per CPU and source. Refuses: to look at arguments, and any work beyond one addition.
#![no_std]
#![no_main]
#![feature(asm_experimental_arch)]

use aya_ebpf::EbpfContext as _;
use aya_ebpf::helpers::bpf_get_smp_processor_id;
use aya_ebpf::helpers::generated::bpf_get_attach_cookie;
use aya_ebpf::macros::{map, tracepoint, uprobe};
use aya_ebpf::maps::Array;
use aya_ebpf::programs::{ProbeContext, TracePointContext};
use livelock_common::{DeclaredCounts, MAX_DECLARED};

mod mask;

/// `BPF_F_MMAPABLE`: user space reads the counters without a system call.
const MMAPABLE: u32 = 1 << 10;

const INDEX_MASK: i32 = MAX_DECLARED as i32 - 1;

/// Counters by CPU; user space sets the real number of elements at load.
#[map]
static DECLARED: Array<DeclaredCounts> = Array::with_max_entries(1, MMAPABLE);

mod programs {
    use super::*;

    /// Hook: a function or a USDT probe of a program. Kernel: 5.15 (cookies). Cost: the trap of the uprobe, to
    /// which this adds little. Cannot see: calls that the compiler inlined.
    #[uprobe]
    pub fn declared_uprobe(ctx: ProbeContext) -> u32 {
        // SAFETY: the context of this run.
        count(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) })
    }

    /// Hook: any tracepoint. Kernel: 5.15 (cookies). Cannot see: events that interrupt another program on that
    /// CPU, which the kernel skips.
    #[tracepoint]
    pub fn declared_tracepoint(ctx: TracePointContext) -> u32 {
        // SAFETY: the context of this run.
        count(unsafe { bpf_get_attach_cookie(ctx.as_ptr()) })
    }
}

#[inline(always)]
fn count(source: u64) -> u32 {
    // SAFETY: the helper has no preconditions.
    let cpu = unsafe { bpf_get_smp_processor_id() };
    if let Some(counts) = DECLARED.get_ptr_mut(cpu) {
        // SAFETY: a counter of this CPU's element, by masked index. Atomic, because a program of another task
        // may run here before this one ends.
        unsafe {
            let counter = (&raw mut (*counts).nr_hits)
                .cast::<u64>()
                .add(mask::masked::<INDEX_MASK>(source));
            core::arch::asm!("lock *(u64 *)({0} + 0) += {1}", in(reg) counter, in(reg) 1u64, options(nostack));
        }
    }
    0
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lets only GPL-compatible programs call the tracing helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
