//! The clock floor: what any tool that measures time on these tracepoints must pay.
//!
//! In: both tracepoints. Out: one clock read and one per-CPU store each. Refuses: everything else; it
//! exists to be compared with, by `cargo xtask bench cost`.
#![no_std]
#![no_main]

use aya_ebpf::helpers::bpf_ktime_get_ns;
use aya_ebpf::macros::{btf_tracepoint, map};
use aya_ebpf::maps::PerCpuArray;
use aya_ebpf::programs::BtfTracePointContext;

#[map]
static FLOOR_NS: PerCpuArray<u64> = PerCpuArray::with_max_entries(1, 0);

#[inline(always)]
fn store_now() -> i32 {
    // SAFETY: no preconditions.
    let now_ns = unsafe { bpf_ktime_get_ns() };
    if let Some(to) = FLOOR_NS.get_ptr_mut(0) {
        // SAFETY: this CPU's element.
        unsafe { *to = now_ns };
    }
    0
}

/// Hook: `lock:contention_begin`.
#[btf_tracepoint(function = "contention_begin")]
pub fn floor_begin(_ctx: BtfTracePointContext) -> i32 {
    store_now()
}

/// Hook: `lock:contention_end`.
#[btf_tracepoint(function = "contention_end")]
pub fn floor_end(_ctx: BtfTracePointContext) -> i32 {
    store_now()
}

#[panic_handler]
fn panic(_info: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}

/// The kernel lets only GPL-compatible programs call the tracing helpers.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 4] = *b"GPL\0";
