//! Probe level 1: reclaim and compaction that allocations have to wait for.
//!
//! In: begins, ends, rounds. Out: time and yield on this CPU. Refuses: kswapd and kcompactd's own pace; what
//! they achieve is in `/proc/vmstat`.

use aya_ebpf::macros::btf_tracepoint;
use aya_ebpf::programs::BtfTracePointContext;
use livelock_common::{NR_COMPACT_RESULTS, NR_RECLAIM_ROUNDS, NR_THROTTLE_REASONS, group};

use crate::mask::masked;
use crate::runs::{Run, begin_pair, end_pair, this};
use crate::scope;

const RESULT_MASK: i32 = NR_COMPACT_RESULTS as i32 - 1;
const ROUND_MASK: i32 = NR_RECLAIM_ROUNDS as i32 - 1;
const REASON_MASK: i32 = NR_THROTTLE_REASONS as i32 - 1;

#[inline(always)]
fn begin_reclaim() {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return;
    }
    // SAFETY: this CPU's element; interrupts do not reclaim.
    unsafe {
        let run = Run::begin::<{ group::RECLAIM }>(activity);
        begin_pair(&raw mut (*activity).direct_reclaim);
        run.end();
    }
}

#[inline(always)]
fn end_reclaim(nr_reclaimed: u64) {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return;
    }
    // SAFETY: as above.
    unsafe {
        let run = Run::begin::<{ group::RECLAIM }>(activity);
        end_pair(&raw mut (*activity).direct_reclaim);
        (*activity).nr_direct_reclaimed += nr_reclaimed;
        run.end();
    }
}

/// Hook: `vmscan:mm_vmscan_direct_reclaim_begin(…)`. Kernel: 5.19. Cannot see: whether the thread waits in
/// between; its end on another CPU is counted as unpaired.
#[btf_tracepoint(function = "mm_vmscan_direct_reclaim_begin")]
pub fn mm_vmscan_direct_reclaim_begin(_ctx: BtfTracePointContext) -> i32 {
    begin_reclaim();
    0
}

/// Hook: `vmscan:mm_vmscan_direct_reclaim_end(nr_reclaimed, …)`. Kernel: 5.19.
#[btf_tracepoint(function = "mm_vmscan_direct_reclaim_end")]
pub fn mm_vmscan_direct_reclaim_end(ctx: BtfTracePointContext) -> i32 {
    end_reclaim(ctx.arg::<u64>(0));
    0
}

/// Hook: `vmscan:mm_vmscan_memcg_reclaim_begin(…)`, at the limit of a control group. Kernel: 5.19.
#[btf_tracepoint(function = "mm_vmscan_memcg_reclaim_begin")]
pub fn mm_vmscan_memcg_reclaim_begin(_ctx: BtfTracePointContext) -> i32 {
    begin_reclaim();
    0
}

/// Hook: `vmscan:mm_vmscan_memcg_reclaim_end(nr_reclaimed, …)`. Kernel: 5.19.
#[btf_tracepoint(function = "mm_vmscan_memcg_reclaim_end")]
pub fn mm_vmscan_memcg_reclaim_end(ctx: BtfTracePointContext) -> i32 {
    end_reclaim(ctx.arg::<u64>(0));
    0
}

/// Hook: `compaction:mm_compaction_begin(cc, …)`. Kernel: 5.19. Sees kcompactd as well.
#[btf_tracepoint(function = "mm_compaction_begin")]
pub fn mm_compaction_begin(_ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return 0;
    }
    // SAFETY: this CPU's element; interrupts do not compact.
    unsafe {
        let run = Run::begin::<{ group::RECLAIM }>(activity);
        begin_pair(&raw mut (*activity).compaction);
        run.end();
    }
    0
}

/// Hook: `compaction:mm_compaction_end(cc, zone_start, zone_end, sync, status)`. Kernel: 5.19.
#[btf_tracepoint(function = "mm_compaction_end")]
pub fn mm_compaction_end(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return 0;
    }
    let status = ctx.arg::<u64>(4) as u32;
    // SAFETY: as above, masked index.
    unsafe {
        let run = Run::begin::<{ group::RECLAIM }>(activity);
        end_pair(&raw mut (*activity).compaction);
        *(&raw mut (*activity).compact_results)
            .cast::<u64>()
            .add(masked::<RESULT_MASK>(u64::from(status))) += 1;
        run.end();
    }
    0
}

/// Hook: `oom:reclaim_retry_zone(zoneref, order, reclaimable, available, min_wmark, no_progress_loops,
/// wmark_check)`. Kernel: 5.19.
#[btf_tracepoint(function = "reclaim_retry_zone")]
pub fn reclaim_retry_zone(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return 0;
    }
    let nr_loops = ctx.arg::<u64>(5) as u32;
    // SAFETY: this CPU's element; interrupts do not reclaim.
    unsafe {
        let run = Run::begin::<{ group::RECLAIM }>(activity);
        let last = NR_RECLAIM_ROUNDS as u64 - 1;
        let nr_loops = u64::from(nr_loops);
        let index = if nr_loops < last { nr_loops } else { last };
        *(&raw mut (*activity).reclaim_retries)
            .cast::<u64>()
            .add(masked::<ROUND_MASK>(index)) += 1;
        run.end();
    }
    0
}

/// Hook: `vmscan:mm_vmscan_throttled(nid, usec_timeout, usec_delayed, reason)`, after the sleep. Kernel: 5.19. Sees
/// kswapd as well, in a scope of the whole host.
#[btf_tracepoint(function = "mm_vmscan_throttled")]
pub fn mm_vmscan_throttled(ctx: BtfTracePointContext) -> i32 {
    let activity = this();
    if activity.is_null() || !scope::has_current() {
        return 0;
    }
    let delayed_us = ctx.arg::<u64>(2) as u32;
    let reason = u64::from(ctx.arg::<u64>(3) as u32);
    // SAFETY: this CPU's element, masked index; interrupts do not reclaim.
    unsafe {
        let run = Run::begin::<{ group::RECLAIM }>(activity);
        let at = masked::<REASON_MASK>(reason);
        *(&raw mut (*activity).nr_throttled).cast::<u64>().add(at) += 1;
        *(&raw mut (*activity).throttled_us).cast::<u64>().add(at) += u64::from(delayed_us);
        run.end();
    }
    0
}
