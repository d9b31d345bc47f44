//! Where attempts were counted that fail, and how much of the samples lies there.
//!
//! In: counted sites of a window, its samples. Out: [`Tried`] by site. Refuses: sites whose attempts succeed, and the
//! same sample twice.

use std::collections::{BTreeMap, BTreeSet};

use super::time::{self, share};
use crate::attempts::{AttemptKind, AttemptRates, AttemptSite, SiteAttempts};
use crate::event::{CpuTimes, SampleEvent};
use crate::ids::{CpuId, Pid};
use crate::thresholds as at;
use crate::window::Window;

/// Samples in the code of attempts that fail, and the attempts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Samples there, outside all spinning that is told otherwise.
    pub nr: u64,
    /// Of those, of threads that were hardly anywhere else.
    pub nr_of_devoted: u64,
    /// CPUs.
    pub cpus: BTreeSet<CpuId>,
    /// Its function.
    pub function: Option<String>,
    /// Attempts in the time that was looked at, as far as rates tell.
    pub nr_tried: u64,
    /// Of those, the ones that succeeded.
    pub nr_succeeded: u64,
    /// The time that was looked at.
    pub observed_ns: u64,
    /// Time of the CPUs that counted and on which something was attempted, without what is stolen or missing of their ticks.
    pub granted_cpu_ns: u64,
}

impl Tried {
    /// Attempts a second.
    #[must_use]
    pub fn rates(&self) -> AttemptRates {
        let seconds = (self.observed_ns as f64 / 1e9).max(f64::MIN_POSITIVE);
        AttemptRates {
            tried_per_sec: self.nr_tried as f64 / seconds,
            succeeded_per_sec: self.nr_succeeded as f64 / seconds,
        }
    }

    /// Samples of `kind` in vain. Of reads, those that started over; of trylocks, all of the threads that do nothing
    /// else, if they try so often that nothing else fits between.
    #[must_use]
    pub fn nr_in_vain(&self, kind: AttemptKind) -> f64 {
        let rates = self.rates();
        match kind {
            AttemptKind::SeqRead => self.nr as f64 * rates.failed_share().unwrap_or(0.0),
            AttemptKind::Trylock => {
                let granted_secs = self.granted_cpu_ns as f64 / 1e9;
                let is_often = self.nr_tried as f64 >= at::TRYLOCKS_PER_SEC_AND_CPU * granted_secs;
                if is_often {
                    self.nr_of_devoted as f64
                } else {
                    0.0
                }
            }
        }
    }

    /// Adds what was seen later.
    pub(super) fn merge(&mut self, later: &Self) {
        self.nr += later.nr;
        self.nr_of_devoted += later.nr_of_devoted;
        self.cpus.extend(&later.cpus);
        self.function = self.function.take().or_else(|| later.function.clone());
        self.nr_tried += later.nr_tried;
        self.nr_succeeded += later.nr_succeeded;
        self.observed_ns += later.observed_ns;
        self.granted_cpu_ns += later.granted_cpu_ns;
    }
}

/// The sites of a window that fail, while its samples are read.
pub(super) struct Failing<'w> {
    sites: Vec<&'w SiteAttempts>,
    wall_ns: u64,
    cpu_times: &'w BTreeMap<CpuId, CpuTimes>,
    /// By thread: its samples, and those of them at a site.
    threads: BTreeMap<Pid, (u64, u64)>,
    /// By site and thread.
    seen: BTreeMap<AttemptSite, (Tried, BTreeMap<Pid, u64>)>,
}

impl<'w> Failing<'w> {
    pub(super) fn of(window: &'w Window) -> Self {
        Self {
            sites: window.attempts.iter().filter(|seen| seen.fails()).collect(),
            wall_ns: window.duration_ns(),
            cpu_times: &window.cpu_times,
            threads: BTreeMap::new(),
            seen: BTreeMap::new(),
        }
    }

    /// Books a sample of a busy CPU. `spins`: it is waste already, or was no attempt. `name` is that of a frame's
    /// function.
    pub(super) fn book<'n>(
        &mut self,
        sample: &SampleEvent,
        spins: bool,
        name: impl Fn(usize) -> Option<&'n str>,
    ) {
        if self.sites.is_empty() {
            return;
        }
        let thread = self.threads.entry(sample.task.pid).or_default();
        thread.0 += 1;
        let found = self.sites.iter().find_map(|seen| {
            let frame = sample.frames.iter().position(|&at| seen.site.covers(at))?;
            Some((seen.site, frame))
        });
        let Some((site, frame)) = found else {
            return;
        };
        thread.1 += 1;
        if spins {
            return;
        }
        let (tried, threads) = self.seen.entry(site).or_default();
        tried.nr += 1;
        tried.cpus.insert(sample.cpu);
        if tried.function.is_none() {
            tried.function = name(frame).map(str::to_owned);
        }
        *threads.entry(sample.task.pid).or_default() += 1;
    }

    /// What was booked, with what was counted.
    pub(super) fn into_tried(mut self) -> BTreeMap<AttemptSite, Tried> {
        let threads = self.threads;
        let is_devoted = |pid: Pid| {
            let (nr, nr_there) = threads.get(&pid).copied().unwrap_or_default();
            nr_there as f64 >= at::TRIES_ONLY_SHARE * nr as f64
        };
        let mut all = BTreeMap::new();
        for seen in self.sites {
            let Some((mut tried, threads)) = self.seen.remove(&seen.site) else {
                continue;
            };
            let seconds = self.wall_ns as f64 / 1e9;
            let rates = seen.rates();
            tried.nr_of_devoted = threads
                .iter()
                .filter(|(pid, _)| is_devoted(**pid))
                .map(|(_, nr)| nr)
                .sum();
            tried.nr_tried = (rates.tried_per_sec * seconds).round() as u64;
            tried.nr_succeeded = (rates.succeeded_per_sec * seconds).round() as u64;
            tried.observed_ns = self.wall_ns;
            tried.granted_cpu_ns = granted_cpu_ns(seen, self.cpu_times, self.wall_ns);
            all.insert(seen.site, tried);
        }
        all
    }
}

/// Time of the CPUs that attempted something at a site.
fn granted_cpu_ns(seen: &SiteAttempts, cpu_times: &BTreeMap<CpuId, CpuTimes>, wall_ns: u64) -> u64 {
    let trying = seen.cpus.iter().filter(|seen| seen.nr_tried > 0);
    let granted = trying.map(|seen| granted_ns(cpu_times.get(&seen.cpu), wall_ns));
    granted.sum::<f64>() as u64
}

/// Time that a CPU with these times had of `wall_ns`: less what was stolen or is missing of its ticks, as on an emulated CPU that stands
/// still, or where interrupts stay off. At least [`LEAST_GRANTED_SHARE`](at::LEAST_GRANTED_SHARE); all of it where nobody counted.
fn granted_ns(times: Option<&CpuTimes>, wall_ns: u64) -> f64 {
    let taken = times.and_then(|times| {
        let books = time::of_cpus([times], wall_ns, None);
        share(books.steal_ns + books.lost_ticks_ns, books.capacity_ns)
    });
    wall_ns as f64 * (1.0 - taken.unwrap_or(0.0)).max(at::LEAST_GRANTED_SHARE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    fn tried(nr_tried: u64, granted_cpu_ms: u64) -> Tried {
        Tried {
            nr_of_devoted: 70,
            nr_tried,
            granted_cpu_ns: granted_cpu_ms * 1_000_000,
            observed_ns: SECOND_NS,
            ..Tried::default()
        }
    }

    fn in_vain(tried: &Tried) -> f64 {
        tried.nr_in_vain(AttemptKind::Trylock)
    }

    #[test]
    fn how_often_is_asked_of_the_time_that_cpus_had() {
        assert_eq!(in_vain(&tried(2000, 2000)), 70.0);
        assert_eq!(in_vain(&tried(1999, 2000)), 0.0);
        // Two CPUs that had a fifth of the time.
        assert_eq!(in_vain(&tried(400, 400)), 70.0);
        assert_eq!(in_vain(&tried(399, 400)), 0.0);
    }

    #[test]
    fn windows_with_more_and_fewer_cpus_that_count_add_up() {
        // 1,500 a second on each of two CPUs, then of eight.
        let mut both = tried(900, 600);
        both.merge(&tried(3600, 2400));
        assert_eq!(in_vain(&both), 140.0);
        both.merge(&tried(0, 6000));
        assert_eq!(in_vain(&both), 0.0);
    }

    #[test]
    fn a_cpu_has_what_is_neither_stolen_nor_missing() {
        let granted = |busy_ms: u64, idle_ms: u64, steal_ms: u64| {
            let times = CpuTimes {
                system_ns: busy_ms * 1_000_000,
                idle_ns: idle_ms * 1_000_000,
                steal_ns: steal_ms * 1_000_000,
                ..CpuTimes::default()
            };
            (granted_ns(Some(&times), SECOND_NS) / 1e6).round()
        };
        assert_eq!(granted(1000, 0, 0), 1000.0);
        assert_eq!(granted(300, 700, 0), 1000.0);
        assert_eq!(granted(400, 0, 600), 400.0);
        assert_eq!(granted(200, 0, 0), 200.0);
        assert_eq!(granted(0, 0, 1000), 100.0);
        assert_eq!(granted_ns(None, SECOND_NS), 1e9);
    }
}
