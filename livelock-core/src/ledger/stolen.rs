//! Spinning of CPUs that a hypervisor had taken meanwhile.
//!
//! In: the times of a CPU and what it waited. Out: how much of that was stolen. Refuses: tasks; which of their time was
//! stolen, the kernel does not tell.

use crate::event::CpuTimes;

/// Traced spin that fell into stolen time, of a CPU that waited for `spin_ns` and stood halted for `halted_ns` of it. Tracepoints
/// time a wait by the clock, so that one during which the CPU was taken lasts longer than it burns. Which part of its time was
/// taken nobody tells: each wait is taken to have lost as much as all that its CPU had to do. Who stands halted has nothing to
/// do, and loses nothing.
pub(super) fn of_cpu(times: &CpuTimes, wall_ns: u64, spin_ns: u64, halted_ns: u64) -> u64 {
    let idle_ns = times.idle_ns.saturating_add(times.iowait_ns);
    let occupied_ns = wall_ns.saturating_sub(idle_ns);
    let wanted_ns = occupied_ns.saturating_sub(halted_ns);
    let steal_ns = u128::from(times.steal_ns.min(wanted_ns));
    let spin_ns = u128::from(spin_ns.min(occupied_ns).saturating_sub(halted_ns));
    let stolen_ns = (spin_ns * steal_ns).checked_div(u128::from(wanted_ns));
    u64::try_from(stolen_ns.unwrap_or(0)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CpuCounters, Event};
    use crate::ids::{CpuId, MonotonicNs};
    use crate::ledger::profile::Profile;
    use crate::ledger::samples::SampleCounts;
    use crate::ledger::time::{TimeBooks, book};
    use crate::ledger::waits;
    use crate::window::{Window, WindowBuilder};

    const MS: u64 = 1_000_000;

    /// A window of 100 ms of CPUs with these times, which spin for `spin_ms`.
    fn window(cpus: &[(CpuTimes, u64)]) -> Window {
        let mut builder = WindowBuilder::new(cpus.len() as u32);
        for at in [0, 1] {
            for (nr, (times, spin_ms)) in cpus.iter().enumerate() {
                let cpu = CpuId(nr as u32);
                let (times, spin_ns) = match at {
                    0 => (CpuTimes::default(), 0),
                    _ => (*times, spin_ms * MS),
                };
                let counters = CpuCounters {
                    spin_ns,
                    ..CpuCounters::default()
                };
                builder.fold(Event::Cpu { cpu, counters });
                builder.fold(Event::CpuTimes { cpu, times });
            }
            if at == 0 {
                builder.close(MonotonicNs(0), MonotonicNs(1));
            }
        }
        builder.close(MonotonicNs(1), MonotonicNs(1 + 100 * MS))
    }

    fn stolen_spin_ns(window: &Window) -> u64 {
        let off = waits::off(window, &Profile::default(), &TimeBooks::default());
        off.sum().stolen_ns
    }

    fn booked(window: &Window) -> TimeBooks {
        let (counts, profile) = (SampleCounts::default(), Profile::default());
        let books = book(window, &counts, &profile, "x86_64");
        books.expect("times and counters are there")
    }

    fn times(system_ms: u64, steal_ms: u64) -> CpuTimes {
        CpuTimes {
            system_ns: system_ms * MS,
            steal_ns: steal_ms * MS,
            ..CpuTimes::default()
        }
    }

    #[test]
    fn who_spins_all_the_time_spins_in_what_is_left_to_it() {
        let window = window(&[(times(50, 50), 100), (times(50, 50), 100)]);
        assert_eq!(stolen_spin_ns(&window), 100 * MS);
        let books = booked(&window);
        assert_eq!((books.traced_spin_ns, books.conflict_ns), (100 * MS, 0));
        assert_eq!(books.omega(), Some(1.0));
    }

    #[test]
    fn nothing_is_taken_from_the_work_of_other_cpus() {
        let window = window(&[(times(50, 50), 100), (times(100, 0), 0)]);
        let books = booked(&window);
        assert_eq!((books.traced_spin_ns, books.kernel_ns), (50 * MS, 100 * MS));
    }

    #[test]
    fn without_steal_a_contradiction_stays_one() {
        let computing = CpuTimes {
            user_ns: 80 * MS,
            ..times(20, 0)
        };
        let window = window(&[(computing, 100)]);
        assert_eq!(stolen_spin_ns(&window), 0);
        let books = booked(&window);
        assert_eq!(
            (books.traced_spin_ns, books.conflict_ns),
            (20 * MS, 80 * MS)
        );
    }
}
