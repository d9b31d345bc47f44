//! CPUs wait for one another to answer calls and flush TLBs.
//!
//! In: samples in the waits for calls, the calls counted. Out: a detection. Refuses: traced locks but those
//! for which such functions wait.

use super::facts::{Facts, sampled, signal};
use super::registry::lock_belongs;
use super::shared::class_lock;
use super::{Detection, Detector, Nature};
use crate::activity::HostCounter;
use crate::cause_class::CauseClass;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::IpiStorm,
    &[
    ],
    &[
        "smp_call_function_many_cond", "smp_call_function_many", "smp_call_function_single",
        "smp_call_function_any", "on_each_cpu_cond_mask", "csd_lock_wait*", "__csd_lock_wait*",
        "flush_tlb_mm_range", "native_flush_tlb_multi", "flush_tlb_multi", "arch_tlbbatch_flush",
        "tlb_flush_mmu", "membarrier_*", "sync_rcu_exp_select_node_cpus", "text_poke_bp_batch",
        "smp_text_poke*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "unmap, protect and advise less often and in larger pieces; MADV_FREE, allocator decay and retain settings",
        "each of them stops every CPU that runs a thread of the process until it has answered",
        "more memory stays mapped",
        "grep -E 'TLB|CAL' /proc/interrupts; perf trace -s -e munmap,mprotect,madvise,membarrier",
    ),
    (
        "run fewer threads per address space, or keep them on fewer CPUs",
        "only CPUs that run the process are called",
        "less parallelism in that process, or a change to several processes",
        "livelock diagnose",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let sampled_share = facts.of_samples(facts.samples(detector.class)?.nr);
    if sampled_share < at::IPI_WAIT_SHARE {
        return None;
    }
    let mut evidence = vec![sampled(
        facts,
        "waits for other CPUs to answer",
        sampled_share,
        at::IPI_WAIT_SHARE,
    )];
    // Who has such a lock waits for other CPUs, and everybody else for him.
    let (queued_share, lock) = facts.lock_share(|lock| lock_belongs(detector, lock));
    let share = (sampled_share + queued_share).min(1.0);
    if let Some(lock) = lock.filter(|_| queued_share > 0.0) {
        evidence.push(class_lock(lock, queued_share));
    }
    let calls = facts.rate(HostCounter::CallInterrupts);
    if let Some(per_sec) = calls {
        evidence.push(signal(
            "call_interrupts",
            (per_sec, "1/s"),
            Some(at::CALLS_PER_SEC),
            EvidenceSource::ProgressCounters,
            format!("{per_sec:.0} calls between CPUs a second"),
        ));
    }
    let queued = facts.report.and_then(|report| report.cross_calls.as_ref());
    let top = queued
        .and_then(|queued| queued.functions.as_ref()?.first())
        .filter(|top| top.per_sec >= at::CALLS_PER_SEC);
    if let Some(top) = top {
        evidence.push(signal(
            "call_function",
            (top.per_sec, "1/s"),
            Some(at::CALLS_PER_SEC),
            EvidenceSource::Activity,
            format!(
                "CPUs were asked to run {} {:.0} times a second",
                top.name, top.per_sec
            ),
        ));
    }
    let what = top.map_or_else(String::new, |top| format!(", most to run {}", top.name));
    Some(Detection {
        class: detector.class,
        nature: Nature::Place,
        share,
        evidence,
        summary: format!(
            "{:.1} CPUs wait for other CPUs to answer ({})",
            facts.cpus(share),
            calls.map_or("calls not counted".to_owned(), |per_sec| format!(
                "{per_sec:.0} calls a second{what}"
            ))
        ),
    })
}
