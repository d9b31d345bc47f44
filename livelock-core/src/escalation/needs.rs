//! Which group of probes could explain what level 0 saw.
//!
//! In: a suspicious window. Out: the groups that have something to say about it. Refuses: costs.

use crate::activity::HostCounter;
use crate::cause_class::CauseClass;
use crate::detect::Observation;
use crate::ledger::time::share;
use crate::ledger::waste::delivered_share;
use crate::probes::{GroupSet, ProbeGroup};
use crate::thresholds as at;
use crate::window::Window;

/// The groups that `window` asks for.
pub(super) fn groups(window: &Window, seen: &Observation) -> GroupSet {
    let is_of_tasks = window.subject.is_tasks();
    ProbeGroup::ALL
        .into_iter()
        .filter(|group| !is_of_tasks || group.is_of_tasks())
        .filter(|&group| is_needed(group, window, seen))
        .collect()
}

/// Whether `group` would look at what a good part of the CPU time goes into, or what nothing else sees.
pub(super) fn is_suspect(group: ProbeGroup, window: &Window, seen: &Observation) -> bool {
    match group {
        ProbeGroup::Faults => sampled(CauseClass::FaultLoop, seen) >= at::WORK_SHARE,
        ProbeGroup::Interrupts => {
            has_many_interrupts(window) || interrupt_share(window) >= at::INTERRUPT_SHARE
        }
        _ => false,
    }
}

fn is_needed(group: ProbeGroup, window: &Window, seen: &Observation) -> bool {
    let in_class = |class| sampled(class, seen) >= at::PLACE_SHARE;
    let rate = |counter| per_sec(window.host.get(counter), window);
    let nr_cpus = f64::from(window.nr_cpus_online.max(1));
    match group {
        ProbeGroup::Syscalls => is_unexplained(seen),
        ProbeGroup::Interrupts => {
            let sampled =
                sampled(CauseClass::TimerStorm, seen) + sampled(CauseClass::ReceiveLivelock, seen);
            sampled.max(interrupt_share(window)) >= at::INTERRUPTS_NOTABLE
                || has_many_interrupts(window)
        }
        ProbeGroup::Scheduler => {
            let is_full = seen.is_full();
            let has_rt = seen
                .sampled
                .as_ref()
                .is_some_and(|sampled| sampled.real_time >= at::PLACE_SHARE);
            is_full || has_rt || seen.rt_hog.is_some() || seen.starved.is_some()
        }
        ProbeGroup::Faults => {
            let faults = per_sec(window.progress.nr_page_faults, window);
            in_class(CauseClass::FaultLoop) || faults >= at::FAULTS_PER_SEC_AND_CPU * nr_cpus
        }
        ProbeGroup::Reclaim => {
            let waits = [HostCounter::DirectReclaims, HostCounter::CompactStalls];
            per_sec(window.progress.nr_pages_scanned, window) >= at::PAGES_SCANNED_PER_SEC
                || waits.into_iter().any(|counter| rate(counter) > 0.0)
                || in_class(CauseClass::ReclaimThrash)
        }
        ProbeGroup::Packets => {
            let receives = in_class(CauseClass::ReceiveLivelock)
                || interrupt_share(window) >= at::INTERRUPTS_NOTABLE;
            // Drops that the counters of this namespace tell need no program.
            let is_known = delivered_share(&window.host, None)
                .is_some_and(|share| share <= at::DELIVERED_SHARE);
            rate(HostCounter::PacketsProcessed) >= at::PACKETS_PER_SEC && receives && !is_known
        }
        ProbeGroup::CrossCalls => {
            in_class(CauseClass::IpiStorm)
                || rate(HostCounter::CallInterrupts) >= at::CALLS_PER_SEC * nr_cpus
        }
        ProbeGroup::Workqueue => seen
            .sampled
            .as_ref()
            .is_some_and(|sampled| sampled.work >= at::PLACE_SHARE),
        // Who is sampled there is loaded.
        ProbeGroup::Transactions => seen
            .sampled
            .as_ref()
            .is_some_and(|sampled| sampled.transactions >= at::PLACE_SHARE),
    }
}

/// Whether so many interrupts of devices come in that their handlers are worth timing.
pub(super) fn has_many_interrupts(window: &Window) -> bool {
    let nr_cpus = f64::from(window.nr_cpus_online.max(1));
    let per_sec = per_sec(window.host.get(HostCounter::DeviceInterrupts), window);
    per_sec >= at::DEVICE_INTERRUPTS_PER_SEC * nr_cpus
}

/// Busy in the kernel, and the counters of level 0 do not say for what; or samples lie where system calls fail.
fn is_unexplained(seen: &Observation) -> bool {
    let retries = seen
        .sampled
        .as_ref()
        .is_some_and(|sampled| sampled.retry >= at::PLACE_SHARE);
    seen.pi.is_none_or(|pi| pi < at::TOKENS_EXPLAIN)
        || retries
        || sampled(CauseClass::ThunderingHerd, seen) >= at::PLACE_SHARE
        || !seen.stuck.is_empty()
}

/// Share of busy samples; 0 without samples, which never attaches anything.
fn sampled(class: CauseClass, seen: &Observation) -> f64 {
    let shares = seen.sampled.as_ref();
    let found = shares.and_then(|shares| shares.by_class.get(&class));
    found.copied().unwrap_or(0.0)
}

/// Hard and soft interrupts, as share of the busy ticks.
fn interrupt_share(window: &Window) -> f64 {
    let sums = window.cpu_times.values().fold((0u64, 0u64), |sums, times| {
        let in_interrupts_ns = times.hardirq_ns.saturating_add(times.softirq_ns);
        let rest_ns = times.user_ns.saturating_add(times.system_ns);
        let busy_ns = in_interrupts_ns.saturating_add(rest_ns);
        (
            sums.0.saturating_add(in_interrupts_ns),
            sums.1.saturating_add(busy_ns),
        )
    });
    share(sums.0, sums.1).unwrap_or(0.0)
}

/// 0 where it is not counted, which never attaches anything.
fn per_sec(nr: Option<u64>, window: &Window) -> f64 {
    nr.unwrap_or(0) as f64 * 1e9 / window.duration_ns().max(1) as f64
}
