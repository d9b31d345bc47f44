//! Where attempts were counted that fail, and how much of the samples lies there.
//!
//! In: counted sites of a window, its samples. Out: [`Tried`] by site. Refuses: sites whose attempts succeed, and the
//! same sample twice.

use std::collections::{BTreeMap, BTreeSet};

use crate::attempts::{AttemptKind, AttemptRates, AttemptSite, SiteAttempts};
use crate::event::SampleEvent;
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
    /// CPUs on which something was attempted, of those on which it was counted.
    pub nr_cpus_trying: usize,
    /// The time that was looked at.
    pub observed_ns: u64,
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
                let least = at::TRYLOCKS_PER_SEC_AND_CPU * self.nr_cpus_trying as f64;
                let is_often = rates.tried_per_sec >= least;
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
        self.nr_cpus_trying = self.nr_cpus_trying.max(later.nr_cpus_trying);
        self.observed_ns += later.observed_ns;
    }
}

/// The sites of a window that fail, while its samples are read.
pub(super) struct Failing<'w> {
    sites: Vec<&'w SiteAttempts>,
    wall_ns: u64,
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
            tried.nr_cpus_trying = seen.nr_cpus_trying();
            tried.observed_ns = self.wall_ns;
            all.insert(seen.site, tried);
        }
        all
    }
}
