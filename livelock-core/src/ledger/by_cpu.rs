//! The time ledger of each CPU alone.
//!
//! In: a window and the profile of its samples. Out: a [`TimeLedger`] a CPU. Refuses: waste that is no spinning, which
//! only counters of the whole host tell; it stays kernel time here. So does our own process, whose CPUs are not known.

use std::collections::BTreeMap;

use crate::ids::CpuId;
use crate::ledger::profile::{Owner, Profile};
use crate::ledger::time::{of_cpus, take_busy};
use crate::ledger::waits::{self, WindowOff};
use crate::thresholds::NR_MIN_SAMPLES;
use crate::verdict::TimeLedger;
use crate::window::Window;

/// The CPUs of `window` whose times are known. Empty if it is about tasks: they have no CPUs of their own.
#[must_use]
pub fn by_cpu(
    window: &Window,
    profile: &Profile,
    hardirq_by_clock: Option<bool>,
) -> BTreeMap<CpuId, TimeLedger> {
    if window.subject.is_tasks() {
        return BTreeMap::new();
    }
    let wall_ns = window.duration_ns();
    let all = of_cpus(window.cpu_times.values(), wall_ns, None);
    let off = waits::off(window, profile, &all);
    let ledgers = window.cpu_times.keys().map(|&cpu| {
        let mut ledger = of_cpu(window, cpu, profile.owners.get(&cpu), &off);
        // What the programs time is the sum of all CPUs.
        ledger.hardirq_pct = ledger
            .hardirq_pct
            .filter(|&pct| hardirq_by_clock != Some(false) || pct > 0.0);
        (cpu, ledger)
    });
    ledgers.collect()
}

fn of_cpu(
    window: &Window,
    cpu: CpuId,
    owners: Option<&BTreeMap<crate::ids::Pid, Owner>>,
    off: &WindowOff,
) -> TimeLedger {
    let times = window.cpu_times.get(&cpu);
    let mut books = of_cpus(times, window.duration_ns(), None);
    let traced_ns = window.burn_by_cpu_ns.get(&cpu).copied();
    let spin_ns = traced_ns.unwrap_or(0);
    let is_told = off.is_told;
    let off = off.of_cpu(cpu);
    let burned_ns = spin_ns
        .saturating_sub(off.stolen_ns)
        .saturating_sub(off.halted_ns);
    books.halted_ns = take_busy(&mut books, off.halted_ns).0;
    books.traced_spin_ns = take_busy(&mut books, burned_ns).0;
    books.halt_unseen_ns = if is_told { 0 } else { books.traced_spin_ns };
    let owners = || owners.into_iter().flat_map(BTreeMap::values);
    let nr_busy: u64 = owners().map(|owner| owner.nr).sum();
    if nr_busy >= NR_MIN_SAMPLES {
        books.sampled_capacity_ns = books.capacity_ns;
        let nr_spin: u64 = owners().map(|owner| owner.nr_untraced_spin).sum();
        let untraced_ns = (books.busy_ns() as f64 * (nr_spin as f64 / nr_busy as f64)) as u64;
        books.untraced_spin_ns = take_busy(&mut books, untraced_ns).0;
    }
    let ledger = books.ledger();
    TimeLedger {
        // The programs of a CPU that was not read say nothing about it.
        traced_spin_pct: ledger
            .traced_spin_pct
            .filter(|_| traced_ns.is_some() || window.cpu_counters.contains_key(&cpu)),
        vain_fault_pct: None,
        vain_retry_pct: None,
        ipi_wait_pct: None,
        vain_reclaim_pct: None,
        vain_receive_pct: None,
        own_pct: None,
        ..ledger
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CpuCounters, CpuTimes, Event};
    use crate::ids::MonotonicNs;
    use crate::window::WindowBuilder;

    const MS: u64 = 1_000_000;

    fn cpu(nr: u32, times: CpuTimes, spin_ns: u64) -> [Event; 2] {
        let counters = CpuCounters {
            spin_ns,
            ..CpuCounters::default()
        };
        let cpu = CpuId(nr);
        [Event::Cpu { cpu, counters }, Event::CpuTimes { cpu, times }]
    }

    fn window(events: impl IntoIterator<Item = Event>) -> Window {
        let mut builder = WindowBuilder::new(2);
        for nr in 0..2 {
            let start = cpu(nr, CpuTimes::default(), 0);
            start.into_iter().for_each(|event| builder.fold(event));
        }
        builder.baseline(MonotonicNs(0));
        events.into_iter().for_each(|event| builder.fold(event));
        builder.close(MonotonicNs(0), MonotonicNs(100 * MS))
    }

    #[test]
    fn each_cpu_has_its_own_books() {
        let spinning = CpuTimes {
            system_ns: 100 * MS,
            ..CpuTimes::default()
        };
        let computing = CpuTimes {
            user_ns: 30 * MS,
            idle_ns: 60 * MS,
            softirq_ns: 10 * MS,
            ..CpuTimes::default()
        };
        let events = cpu(0, spinning, 90 * MS)
            .into_iter()
            .chain(cpu(1, computing, 0));
        let window = window(events);
        let ledgers = by_cpu(&window, &Profile::default(), Some(true));
        let [first, second] = [ledgers[&CpuId(0)], ledgers[&CpuId(1)]];
        assert_eq!(first.traced_spin_pct, Some(90.0));
        assert_eq!(first.kernel_pct, Some(10.0));
        assert_eq!(first.untraced_spin_pct, None, "nobody sampled");
        assert_eq!(second.user_pct, Some(30.0));
        assert_eq!(second.idle_pct, Some(60.0));
        assert_eq!(second.softirq_pct, Some(10.0));
        assert_eq!(second.hardirq_pct, Some(0.0));
        let by_ticks = by_cpu(&window, &Profile::default(), Some(false));
        assert_eq!(by_ticks[&CpuId(1)].hardirq_pct, None);
        assert_eq!(second.traced_spin_pct, Some(0.0));
    }

    #[test]
    fn samples_tell_the_spin_of_their_own_cpu() {
        let busy = CpuTimes {
            system_ns: 100 * MS,
            ..CpuTimes::default()
        };
        let window = window(cpu(0, busy, 0).into_iter().chain(cpu(1, busy, 0)));
        let mut profile = Profile::default();
        let owner = Owner {
            nr: 20,
            nr_untraced_spin: 15,
            ..Owner::default()
        };
        let owners = BTreeMap::from([(crate::ids::Pid(7), owner)]);
        profile.owners.insert(CpuId(1), owners);
        let ledgers = by_cpu(&window, &profile, None);
        assert_eq!(ledgers[&CpuId(0)].untraced_spin_pct, None);
        assert_eq!(ledgers[&CpuId(1)].untraced_spin_pct, Some(75.0));
        assert_eq!(ledgers[&CpuId(1)].kernel_pct, Some(25.0));
    }

    #[test]
    fn what_no_counter_saw_is_unknown() {
        let lost = CpuTimes {
            idle_ns: 40 * MS,
            ..CpuTimes::default()
        };
        let ledgers = by_cpu(&window(cpu(0, lost, 0)), &Profile::default(), Some(false));
        assert_eq!(ledgers[&CpuId(0)].user_pct, None);
        assert_eq!(ledgers[&CpuId(0)].kernel_pct, None);
        assert_eq!(ledgers[&CpuId(0)].idle_pct, Some(40.0));
        assert!(!ledgers.contains_key(&CpuId(1)), "its times were not read");
    }
}
