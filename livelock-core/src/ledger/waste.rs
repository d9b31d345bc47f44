//! Waste that is no spinning: reclaim that frees nothing, packets received to be thrown away.
//!
//! In: counters, samples, time books. Out: whether it is waste, and how much. Refuses: to call anything waste
//! that one signal alone says; samples or ticks say where the time went, counters that it was in vain.

use std::collections::BTreeSet;

use crate::activity::{Activity, HostCounter, HostCounters};
use crate::attempts::AttemptKind;
use crate::cause_class::CauseClass;
use crate::event::LockKind;
use crate::ledger::profile::{HotKey, HotSpot, Profile};
use crate::ledger::time::{TimeBooks, share};
use crate::probes::Probe;
use crate::spin_functions::{is_slow_clock, is_spin};
use crate::syscall_report::nr_achieved;
use crate::thresholds as at;
use crate::window::Window;

/// Nanoseconds of busy time that were in vain, and were not spun away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InVain {
    /// In reclaim and compaction.
    pub reclaim_ns: u64,
    /// Receiving packets.
    pub receive_ns: u64,
    /// In page faults.
    pub fault_ns: u64,
    /// In kernel loops that retry.
    pub retry_ns: u64,
}

/// Whether pages scanned, reclaimed and read back in `wall_ns` show reclaim that does not pay.
#[must_use]
pub fn reclaim_is_unproductive(
    nr_scanned: u64,
    nr_reclaimed: u64,
    nr_refaults: Option<u64>,
    wall_ns: u64,
) -> bool {
    let per_sec = nr_scanned as f64 * 1e9 / wall_ns.max(1) as f64;
    let reclaimed = nr_reclaimed.max(1) as f64;
    let is_vain = (nr_reclaimed as f64) < at::RECLAIM_EFFICIENCY * nr_scanned as f64;
    let is_read_back = nr_refaults.is_some_and(|nr| nr as f64 > at::REFAULT_SHARE * reclaimed);
    per_sec >= at::PAGES_SCANNED_PER_SEC && (is_vain || is_read_back)
}

/// Share of the packets received that got to somebody; `None`: not counted, or nothing came.
///
/// `/proc/net/snmp` knows the network namespace of this process only; drops anywhere are counted while the group
/// of packets is attached, and then compared with what was received in the same windows.
#[must_use]
pub fn delivered_share(counters: &HostCounters, activity: Option<&Activity>) -> Option<f64> {
    let get = |counter| counters.get(counter);
    let of = |lost: u64, all: u64| share(all.saturating_sub(lost), all);
    let processed = get(HostCounter::PacketsProcessed)?;
    let overflowed = get(HostCounter::PacketsDropped).unwrap_or(0);
    let refused = get(HostCounter::DatagramsRefused).unwrap_or(0);
    let here = of(overflowed + refused, processed + overflowed);
    let anywhere = activity
        .filter(|seen| seen.sees(Probe::KfreeSkb))
        .and_then(|seen| of(seen.nr_packets_dropped, seen.nr_packets_processed));
    match (here, anywhere) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

/// Soft interrupts as share of busy time.
#[must_use]
pub fn softirq_busy_share(books: &TimeBooks) -> f64 {
    share(books.softirq_ns, books.busy_ns()).unwrap_or(0.0)
}

/// What was in vain in `window`.
#[must_use]
pub fn in_vain(window: &Window, profile: &Profile, books: &TimeBooks, arch: &str) -> InVain {
    let sampled = |class| {
        profile
            .class(class)
            .filter(|_| profile.nr_busy >= at::NR_MIN_SAMPLES)
            .and_then(|samples| profile.share(samples.nr))
            .unwrap_or(0.0)
    };
    let of_busy = |share: f64| (books.busy_ns() as f64 * share) as u64;
    let pages = window
        .progress
        .nr_pages_scanned
        .zip(window.progress.nr_pages_reclaimed);
    let is_unproductive = pages.is_some_and(|(scanned, reclaimed)| {
        let refaults = window.host.get(HostCounter::Refaults);
        reclaim_is_unproductive(scanned, reclaimed, refaults, window.duration_ns())
    });
    let packets = window.host.get(HostCounter::PacketsProcessed).unwrap_or(0);
    let per_sec = packets as f64 * 1e9 / window.duration_ns().max(1) as f64;
    let is_dropped = per_sec >= at::PACKETS_PER_SEC
        && delivered_share(&window.host, window.activity.as_ref())
            .is_some_and(|share| share <= at::DELIVERED_SHARE);
    InVain {
        reclaim_ns: if is_unproductive {
            of_busy(sampled(CauseClass::ReclaimThrash))
        } else {
            0
        },
        receive_ns: if is_dropped {
            books
                .softirq_ns
                .max(of_busy(sampled(CauseClass::ReceiveLivelock)))
        } else {
            0
        },
        fault_ns: of_busy(vain_fault_share(window, profile)),
        retry_ns: of_busy(retries_in_vain(
            profile,
            returns_something(window, books, arch),
        )),
    }
}

/// Share of busy samples in kernel loops that retry in vain. Reads that start over were counted, and nothing of them is
/// left. Trylocks that fail were counted as well, but who tries may do something useful besides, as may a loop that
/// only looks like one: those are in vain if next to no system call succeeds meanwhile. Where nobody counts system calls,
/// trylocks are in vain if two parties try for what the other has.
fn retries_in_vain(profile: &Profile, returns_something: Option<bool>) -> f64 {
    let trylocks = profile.tried_in_vain(AttemptKind::Trylock);
    let trylocks = match returns_something {
        Some(true) => 0.0,
        Some(false) => retry_share(profile).max(trylocks),
        None if profile.has_crossed_tries => trylocks,
        None => 0.0,
    };
    (trylocks + profile.tried_in_vain(AttemptKind::SeqRead)).min(1.0)
}

/// Share of the busy samples in faults that are the one before over again; 0 if these are not most of the faults, too few
/// to matter, or not counted. Where others fault is told by CPU: those may take long, and achieve something.
fn vain_fault_share(window: &Window, profile: &Profile) -> f64 {
    let Some(activity) = window
        .activity
        .as_ref()
        .filter(|seen| seen.sees(Probe::PageFaultUser))
    else {
        return 0.0;
    };
    let per_sec = activity.nr_same_faults as f64 * 1e9 / window.duration_ns().max(1) as f64;
    let repeated = share(activity.nr_same_faults, activity.nr_faults).unwrap_or(0.0);
    if per_sec >= at::SAME_FAULTS_PER_SEC && repeated >= at::MAJORITY {
        profile.vain_fault_share(&activity.faults_by_cpu)
    } else {
        0.0
    }
}

/// Whether system calls come to something, more than next to none; `None` if nobody counts them.
fn returns_something(window: &Window, books: &TimeBooks, arch: &str) -> Option<bool> {
    let counted = window.activity.as_ref();
    let activity = counted.filter(|seen| seen.sees(Probe::SysExit))?;
    let busy_secs = books.busy_ns() as f64 / 1e9;
    let nr_achieved = nr_achieved(activity, arch) as f64;
    Some(nr_achieved >= at::OK_SYSCALLS_PER_BUSY_SEC * busy_secs)
}

/// Whether code at `spot` retries: a tight kernel loop with a pause or an atomic instruction, and none of the
/// locks that samples know by name, nor a clock for whose device it waits, nor polling by design.
#[must_use]
pub fn retries(key: &HotKey, spot: &HotSpot) -> bool {
    let is_known = |function: &str| is_spin(function) || is_slow_clock(function);
    let is_known = spot.function.as_deref().is_some_and(is_known);
    let loops = spot.facts.is_some_and(|code| {
        let is_tight = code
            .loop_len_bytes
            .is_some_and(|len| len <= at::TIGHT_LOOP_BYTES);
        code.in_loop && (code.loop_has_pause || (code.loop_has_atomic && is_tight))
    });
    key.tgid.is_none() && !is_known && !spot.polls && loops
}

/// Share of busy samples in such loops; 0 if only one CPU is in them.
#[must_use]
pub fn retry_share(profile: &Profile) -> f64 {
    let spots = || profile.hot.iter().filter(|(key, spot)| retries(key, spot));
    let cpus: BTreeSet<_> = spots().flat_map(|(_, spot)| &spot.cpus).collect();
    let nr: u64 = spots().map(|(_, spot)| spot.nr).sum();
    if cpus.len() < 2 || profile.nr_busy < at::NR_MIN_SAMPLES {
        return 0.0;
    }
    profile.share(nr).unwrap_or(0.0)
}

/// Untraced spin that a second signal speaks for, as share of all untraced spin.
#[must_use]
pub fn corroborated_share(window: &Window, profile: &Profile, nr_untraced_spin: u64) -> f64 {
    let nr_of = |class| {
        profile
            .class(class)
            .map_or(0, |samples| samples.nr_untraced_spin)
    };
    let mut nr = 0;
    let waits_on = |kinds: &[LockKind]| {
        window
            .locks
            .iter()
            .any(|lock| kinds.contains(&lock.kind) && lock.nr_begun + lock.nr_in_flight > 0)
    };
    if waits_on(&[LockKind::Rwsem, LockKind::PercpuRwsem]) {
        nr += nr_of(CauseClass::RwsemSpin);
    }
    if waits_on(&[LockKind::Mutex]) {
        nr += nr_of(CauseClass::MutexSpin);
    }
    share(nr, nr_untraced_spin).unwrap_or(0.0)
}

/// Untraced spin that waits for other CPUs to answer, and that counted calls speak for, likewise.
#[must_use]
pub fn ipi_share(window: &Window, profile: &Profile, nr_untraced_spin: u64) -> f64 {
    let calls = window.host.get(HostCounter::CallInterrupts).unwrap_or(0);
    let per_sec = calls as f64 * 1e9 / window.duration_ns().max(1) as f64;
    let samples = profile.class(CauseClass::IpiStorm);
    let nr = samples.map_or(0, |samples| samples.nr_untraced_spin);
    if per_sec < at::CALLS_PER_SEC {
        return 0.0;
    }
    share(nr, nr_untraced_spin).unwrap_or(0.0)
}
