//! Reclaim and compaction that free next to nothing, or what is needed again at once.
//!
//! In: samples in reclaim, pages scanned, reclaimed and read back. Out: a detection. Refuses: reclaim that pays: a page cache in use is reclaimed all the time.

use super::facts::{Facts, sampled, signal};
use super::registry::lock_belongs;
use super::shared::class_lock;
use super::{Detection, Detector, Nature};
use crate::activity::HostCounter;
use crate::cause_class::CauseClass;
use crate::ledger::time;
use crate::ledger::waste::reclaim_is_unproductive;
use crate::probes::Probe;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::ReclaimThrash,
    &[
    ],
    &[
        "shrink_node*", "shrink_lruvec", "shrink_folio_list", "shrink_slab*",
        "do_shrink_slab", "shrink_inactive_list", "shrink_active_list", "try_to_free_pages",
        "do_try_to_free_pages", "try_to_free_mem_cgroup_pages", "try_charge_memcg",
        "balance_pgdat", "kswapd", "lru_gen_*", "evict_folios", "shrink_one", "shrink_many",
        "isolate_lru_folios", "compact_zone*", "try_to_compact_pages",
        "isolate_migratepages*", "isolate_freepages*", "out_of_memory",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "take memory off this host or cgroup: kill or limit the largest consumer (memory.high, memory.max), or give more",
        "pages are scanned or read back rather than used",
        "the work of what is killed or throttled",
        "cat /proc/pressure/memory; grep -E 'pgscan|pgsteal|refault' /proc/vmstat",
    ),
    (
        "keep the working set: min_ttl_ms of the multi-generational LRU, systemd-oomd, swap or zswap",
        "thrash ends earlier if somebody is killed earlier, or if cold pages have a place to go",
        "somebody is killed earlier; swap wears disks",
        "cat /sys/kernel/mm/lru_gen/enabled /sys/kernel/mm/lru_gen/min_ttl_ms",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let samples = facts.samples(detector.class);
    let sampled_share = samples.map_or(0.0, |samples| facts.of_samples(samples.nr));
    let (spun, lock) = facts.lock_share(|lock| lock_belongs(detector, lock));
    // As of any place or work: which of the two it is more.
    let is_spun = spun >= at::PLACE_SHARE && 2.0 * spun >= sampled_share;
    let share = sampled_share.max(spun);
    if share < at::PLACE_SHARE || (facts.nr_pages.is_none() && !is_spun) {
        return None;
    }
    let (nr_scanned, nr_reclaimed) = facts.nr_pages.unwrap_or((0, 0));
    let nr_refaults = facts.counters.get(HostCounter::Refaults);
    let is_unproductive =
        reclaim_is_unproductive(nr_scanned, nr_reclaimed, nr_refaults, facts.wall_ns);
    if !is_unproductive && !is_spun && share < at::WORK_SHARE {
        return None;
    }
    let mut evidence = vec![sampled(
        facts,
        "reclaim and compaction",
        sampled_share,
        at::PLACE_SHARE,
    )];
    if let Some(lock) = lock.filter(|_| is_spun) {
        evidence.push(class_lock(lock, spun));
    }
    // The host's counters leave out what is reclaimed for the limit of a control group.
    let efficiency_pct = time::share(nr_reclaimed, nr_scanned).map(|share| 100.0 * share);
    if let Some(efficiency_pct) = efficiency_pct {
        evidence.push(signal(
            "reclaim_efficiency",
            (efficiency_pct, "%"),
            Some(100.0 * at::RECLAIM_EFFICIENCY),
            EvidenceSource::ProgressCounters,
            format!("{nr_reclaimed} of {nr_scanned} pages scanned were reclaimed"),
        ));
    }
    let read_back =
        nr_refaults.and_then(|nr| time::share(nr, nr_reclaimed).map(|share| (nr, share)));
    if let Some((nr_refaults, refault_share)) = read_back {
        let pct = 100.0 * refault_share;
        evidence.push(signal(
            "refaults",
            (pct, "%"),
            Some(100.0 * at::REFAULT_SHARE),
            EvidenceSource::ProgressCounters,
            format!("{nr_refaults} pages were read back, {pct:.0} % of those reclaimed"),
        ));
    }
    let reclaim = facts.report.and_then(|report| report.reclaim.as_ref());
    let direct =
        reclaim.and_then(|reclaim| reclaim.direct.as_ref().zip(reclaim.direct_pages_per_sec));
    if let Some((direct, pages_per_sec)) = direct.filter(|(direct, _)| direct.per_sec > 0.0) {
        evidence.push(signal(
            "direct_reclaim_threads",
            (direct.mean_threads, "threads"),
            None,
            EvidenceSource::Activity,
            format!(
                "{:.1} threads were in direct reclaim on average, {:.0} times a second, and reclaimed {pages_per_sec:.0} \
                 pages a second",
                direct.mean_threads, direct.per_sec
            ),
        ));
    }
    let compaction = reclaim.and_then(|reclaim| reclaim.compaction.as_ref());
    let success = reclaim.and_then(|reclaim| reclaim.compaction_success_pct);
    if let Some((compaction, success_pct)) = compaction.zip(success) {
        evidence.push(signal(
            "compaction_success",
            (success_pct, "%"),
            None,
            EvidenceSource::Activity,
            format!(
                "{success_pct:.0} % of {:.0} compactions a second succeeded",
                compaction.per_sec
            ),
        ));
    }
    let retried = facts.seen_by(Probe::ReclaimRetryZone);
    let rounds = retried.and_then(|activity| activity.reclaim_retries.last_key_value());
    if let Some((activity, (&most, _))) = retried.zip(rounds) {
        evidence.push(signal(
            "no_progress_loops",
            (f64::from(most), "rounds"),
            None,
            EvidenceSource::Activity,
            format!(
                "allocations went round the reclaim loop {} times, up to {most} rounds without progress",
                activity.nr_reclaim_retries()
            ),
        ));
    }
    let throttled = facts.report.and_then(|report| report.reclaim.as_ref());
    let throttled = throttled.and_then(|reclaim| reclaim.throttled.as_ref());
    let most = throttled.and_then(|throttled| throttled.first());
    if let Some(most) = most.filter(|most| most.mean_threads >= at::THROTTLED_THREADS) {
        evidence.push(signal(
            "reclaim_throttled_threads",
            (most.mean_threads, "threads"),
            Some(at::THROTTLED_THREADS),
            EvidenceSource::Activity,
            format!(
                "reclaim made {:.1} threads sleep on average, {:.0} times a second ({})",
                most.mean_threads,
                most.per_sec,
                most.reason.words()
            ),
        ));
    }
    Some(Detection {
        class: detector.class,
        nature: if is_unproductive || is_spun {
            Nature::Place
        } else {
            Nature::Work
        },
        share,
        evidence,
        summary: match efficiency_pct {
            Some(efficiency_pct) => format!(
                "{:.1} CPUs look for memory to reclaim; {efficiency_pct:.0} % of what they scan can be",
                facts.cpus(share)
            ),
            None => format!(
                "{:.1} CPUs look for memory to reclaim; how much they find no counter of the host tells",
                facts.cpus(share)
            ),
        },
    })
}
