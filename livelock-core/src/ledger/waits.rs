//! Waits in which nothing burned: the CPU was stolen, or the waiter had given it back.
//!
//! In: a window and the profile of its samples. Out: what of the traced waits of each CPU was stolen, and what it stood halted
//! for. Refuses: halts that samples cannot see; those stay spin, and the books say so.
//!
//! A waiter of a paravirtual spinlock halts its virtual CPU (`pv_wait`) between `contention_begin` and `contention_end`. It does
//! so in the context of its task, hence ticks and the scheduler's clock book it as the task's kernel time; as it wants no CPU
//! of the hypervisor, no steal is charged for it. Samples alone tell it from a spinning one.

use std::collections::BTreeMap;

use super::profile::{Profile, WaiterSamples};
use super::stolen;
use super::time::TimeBooks;
use crate::ids::CpuId;
use crate::thresholds as at;
use crate::window::Window;

/// Time waited, by the clock of the tracepoints, without burning anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Off {
    /// The hypervisor had taken the CPU.
    pub(super) stolen_ns: u64,
    /// The waiter had given it back.
    pub(super) halted_ns: u64,
}

/// The same of a window.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct WindowOff {
    /// By CPU; those of a scope of tasks, whose time is not told by CPU, under `None`.
    by_cpu: BTreeMap<Option<CpuId>, Off>,
    /// Whether samples could tell who stood halted.
    pub(super) is_told: bool,
}

impl WindowOff {
    /// Over all CPUs.
    pub(super) fn sum(&self) -> Off {
        self.by_cpu.values().fold(Off::default(), |sum, off| Off {
            stolen_ns: sum.stolen_ns + off.stolen_ns,
            halted_ns: sum.halted_ns + off.halted_ns,
        })
    }

    /// Of one.
    pub(super) fn of_cpu(&self, cpu: CpuId) -> Off {
        self.by_cpu.get(&Some(cpu)).copied().unwrap_or_default()
    }
}

/// What of the traced waits of `window` did not burn. `books`: of the window, before waits are booked.
///
/// Of what a CPU waited and was not robbed of, as much counts as halted as of the samples in its waits; of a CPU with fewer than
/// [`at::NR_MIN_SAMPLES`] of these, as of those of all CPUs. The whole window needs as many, in waits or not: what
/// few samples within few waits may be wrong by is no more than the sampling error of a share of all time.
pub(super) fn off(window: &Window, profile: &Profile, books: &TimeBooks) -> WindowOff {
    let mut all = WaiterSamples::default();
    profile.waiters.values().for_each(|cpu| all.merge(cpu));
    let waited_ns = window.traced_spin_ns.unwrap_or(0);
    let is_told =
        waited_ns == 0 || profile.cannot_halt || tells(&all, waited_ns, sampled_ns(books));
    let halted_of = |samples: &WaiterSamples, ns: u64| {
        let halted_ns = u128::from(ns) * u128::from(samples.nr_halted);
        let halted_ns = halted_ns.checked_div(u128::from(samples.nr_waiting));
        u64::try_from(halted_ns.filter(|_| is_told).unwrap_or(0)).unwrap_or(ns)
    };
    if window.subject.is_tasks() {
        let off = Off {
            stolen_ns: 0,
            halted_ns: halted_of(&all, waited_ns),
        };
        return WindowOff {
            by_cpu: BTreeMap::from([(None, off)]),
            is_told,
        };
    }
    let wall_ns = window.duration_ns();
    let by_cpu = window.burn_by_cpu_ns.iter().map(|(cpu, &spin_ns)| {
        let own = profile.waiters.get(cpu);
        let samples = own
            .filter(|samples| samples.nr_waiting >= at::NR_MIN_SAMPLES)
            .unwrap_or(&all);
        let stolen_of = |halted_ns| {
            let times = window.cpu_times.get(cpu);
            times.map_or(0, |times| {
                stolen::of_cpu(times, wall_ns, spin_ns, halted_ns)
            })
        };
        // Samples are of the time that was not stolen, and steal is of the time that nobody stood halted.
        let halted_ns = halted_of(samples, spin_ns.saturating_sub(stolen_of(0)));
        let stolen_ns = stolen_of(halted_ns);
        let off = Off {
            stolen_ns,
            halted_ns,
        };
        (Some(*cpu), off)
    });
    WindowOff {
        by_cpu: by_cpu.collect(),
        is_told,
    }
}

/// Time that samples are of.
fn sampled_ns(books: &TimeBooks) -> u64 {
    match books.is_of_tasks {
        true => books.busy_ns(),
        false => books.busy_ns() + books.idle_ns,
    }
}

/// Whether samples see those who waited for `waited_ns` of `sampled_ns`.
fn tells(samples: &WaiterSamples, waited_ns: u64, sampled_ns: u64) -> bool {
    let expected = samples.nr as f64 * waited_ns.min(sampled_ns) as f64 / sampled_ns.max(1) as f64;
    let is_blind = expected >= at::NR_MIN_SAMPLES as f64
        && (samples.nr_waiting as f64) < at::WAITS_SAMPLED_SHARE * expected;
    samples.nr >= at::NR_MIN_SAMPLES && samples.nr_waiting > 0 && !is_blind
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CpuCounters, CpuTimes, Event};
    use crate::ids::MonotonicNs;
    use crate::ledger::time::of_cpus;
    use crate::window::WindowBuilder;

    const MS: u64 = 1_000_000;

    /// A window of 100 ms in which two CPUs waited for `spin_ms`, and were robbed of `steal_ms` each.
    fn window(spin_ms: [u64; 2], steal_ms: u64) -> Window {
        let mut builder = WindowBuilder::new(2);
        let mut fold = |is_end: u64| {
            for (nr, spin_ms) in spin_ms.into_iter().enumerate() {
                let cpu = CpuId(nr as u32);
                let counters = CpuCounters {
                    spin_ns: is_end * spin_ms * MS,
                    ..CpuCounters::default()
                };
                let times = CpuTimes {
                    system_ns: is_end * (100 - steal_ms) * MS,
                    steal_ns: is_end * steal_ms * MS,
                    ..CpuTimes::default()
                };
                builder.fold(Event::Cpu { cpu, counters });
                builder.fold(Event::CpuTimes { cpu, times });
            }
            if is_end == 0 {
                builder.baseline(MonotonicNs(0));
            }
        };
        fold(0);
        fold(1);
        builder.close(MonotonicNs(0), MonotonicNs(100 * MS))
    }

    /// Samples by CPU: all, in waits, halted.
    fn seen(window: &Window, samples: &[(u64, u64, u64)]) -> WindowOff {
        let mut profile = Profile::default();
        for (cpu, &(nr, nr_waiting, nr_halted)) in samples.iter().enumerate() {
            let samples = WaiterSamples {
                nr,
                nr_waiting,
                nr_halted,
            };
            profile.waiters.insert(CpuId(cpu as u32), samples);
        }
        let books = of_cpus(window.cpu_times.values(), window.duration_ns(), None);
        off(window, &profile, &books)
    }

    fn halted_ms(off: &WindowOff) -> [u64; 2] {
        [0, 1].map(|cpu| off.of_cpu(CpuId(cpu)).halted_ns / MS)
    }

    #[test]
    fn each_cpu_halts_as_its_own_samples_say() {
        let off = seen(&window([100, 50], 0), &[(20, 20, 15), (20, 10, 1)]);
        assert_eq!((halted_ms(&off), off.is_told), ([75, 5], true));
        assert_eq!(off.sum().stolen_ns, 0);
    }

    #[test]
    fn those_of_all_tell_of_a_cpu_with_few() {
        let off = seen(&window([100, 20], 0), &[(20, 20, 10), (20, 4, 2)]);
        assert_eq!(halted_ms(&off), [50, 10]);
    }

    #[test]
    fn nothing_is_stolen_from_who_stands_halted() {
        let off = seen(&window([100, 0], 20), &[(16, 16, 12), (16, 0, 0)]);
        let first = off.of_cpu(CpuId(0));
        assert_eq!((first.halted_ns, first.stolen_ns), (60 * MS, 20 * MS));
        // Of half of its time it waited: what is stolen of the rest is stolen of both alike.
        let off = seen(&window([50, 0], 20), &[(16, 16, 16), (16, 0, 0)]);
        let first = off.of_cpu(CpuId(0));
        assert_eq!(first.halted_ns, 40 * MS);
        assert!(first.stolen_ns < 4 * MS, "{first:?}");
    }

    #[test]
    fn what_samples_do_not_see_is_not_told() {
        let waits = window([100, 100], 0);
        let untold = |samples: &[(u64, u64, u64)]| {
            let off = seen(&waits, samples);
            assert_eq!(off.sum(), Off::default());
            assert!(!off.is_told);
        };
        untold(&[]);
        untold(&[(4, 4, 4), (4, 4, 4)]);
        // With interrupts off no timer fires: nine samples where forty are due.
        untold(&[(20, 5, 5), (20, 4, 4)]);
        let off = seen(&window([0, 0], 0), &[]);
        assert!(off.is_told, "nobody waited");
    }
}
