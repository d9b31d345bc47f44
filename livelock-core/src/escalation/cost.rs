//! What groups of probe level 1 cost, measured and predicted.
//!
//! In: a window. Out: shares of the host's CPUs. Refuses: a prediction where level 0 does not count the events.

use crate::activity::HostCounter;
use crate::probes::{GroupSet, ProbeGroup};
use crate::thresholds as at;
use crate::window::Window;

/// What all groups cost, in nanoseconds; 0 while none was attached.
#[must_use]
pub fn cost_ns(window: &Window) -> u64 {
    window
        .activity
        .as_ref()
        .map_or(0, |activity| activity.self_ns())
}

/// What `group` cost, in percent of the host's CPUs.
pub(super) fn measured_pct(group: ProbeGroup, window: &Window) -> f64 {
    let costs = window.activity.as_ref().map(|activity| &activity.costs);
    let cost = costs.and_then(|costs| costs.get(&group));
    pct(cost.map_or(0, |cost| cost.ns) as f64, window)
}

/// What all groups together may cost, in percent of the host's CPUs: what level 0 and the process leave of the tool's
/// budget, and never less than [`LEVEL1_LEAST`](at::LEVEL1_LEAST) of it.
pub(super) fn allowance_pct(window: &Window) -> f64 {
    let groups_ns = cost_ns(window);
    let level0_ns = window.programs_cpu_ns().saturating_sub(groups_ns);
    let spent_ns = level0_ns.saturating_add(window.own_cpu_ns().unwrap_or(0));
    let least_pct = at::LEVEL1_LEAST * at::SELF_BUDGET_PCT;
    (at::SELF_BUDGET_PCT - pct(spent_ns as f64, window)).max(least_pct)
}

/// What all groups together cost, in percent of the host's CPUs.
pub(super) fn all_pct(window: &Window) -> f64 {
    pct(cost_ns(window) as f64, window)
}

/// The dearest groups, without which the rest is within the budget.
pub(super) fn too_dear(window: &Window) -> GroupSet {
    let allowance_pct = allowance_pct(window);
    let mut costs: Vec<_> = ProbeGroup::ALL
        .into_iter()
        .map(|group| (group, measured_pct(group, window)))
        .collect();
    costs.sort_by(|a, b| b.1.total_cmp(&a.1));
    let mut sum_pct: f64 = costs.iter().map(|(_, pct)| pct).sum();
    let mut dear = GroupSet::EMPTY;
    for (group, pct) in costs {
        if sum_pct <= allowance_pct {
            break;
        }
        sum_pct -= pct;
        dear = dear.with(group);
    }
    dear
}

/// What `group` would cost at the rates of `window`, in percent of the host's CPUs; `None`: level 0 does not count
/// what runs its programs.
#[must_use]
pub fn predicted_pct(group: ProbeGroup, window: &Window) -> Option<f64> {
    let host = |counter| window.host.get(counter);
    let either = |a: Option<u64>, b: Option<u64>| match (a, b) {
        (Some(a), Some(b)) => Some(a.saturating_add(b)),
        (a, b) => a.or(b),
    };
    // Begin and end; for calls between CPUs the call and the interrupt; for switches the wake-up and the switch.
    let (nr_events, runs_each, run_ns) = match group {
        ProbeGroup::Syscalls | ProbeGroup::Workqueue | ProbeGroup::Transactions => return None,
        ProbeGroup::Interrupts => (
            either(
                host(HostCounter::Softirqs),
                host(HostCounter::DeviceInterrupts),
            ),
            2.0,
            at::COUNT_RUN_NS,
        ),
        ProbeGroup::Scheduler => (
            window.progress.nr_context_switches,
            2.0,
            at::SCHEDULER_RUN_NS,
        ),
        ProbeGroup::Faults => (window.progress.nr_page_faults, 1.0, at::COUNT_RUN_NS),
        ProbeGroup::Reclaim => (
            either(
                host(HostCounter::DirectReclaims),
                host(HostCounter::CompactStalls),
            ),
            2.0,
            at::COUNT_RUN_NS,
        ),
        ProbeGroup::Packets => (
            either(
                host(HostCounter::PacketsDropped),
                host(HostCounter::DatagramsRefused),
            ),
            1.0,
            at::COUNT_RUN_NS,
        ),
        ProbeGroup::CrossCalls => (host(HostCounter::CallInterrupts), 2.0, at::COUNT_RUN_NS),
    };
    Some(pct(nr_events? as f64 * runs_each * run_ns as f64, window))
}

fn pct(ns: f64, window: &Window) -> f64 {
    100.0 * ns / window.capacity_ns().max(1) as f64
}
