//! What detectors look at.
//!
//! In: the ledgers of a span. Out: shares and rates. Refuses: raw events.

use super::registry::class_of_rwsem_wanted_by;
use crate::activity::{Activity, HostCounter, HostCounters, StarvedTask};
use crate::cause_class::CauseClass;
use crate::event::LockKind;
use crate::ledger::profile::{ClassSamples, Profile};
use crate::ledger::time::{TimeBooks, share};
use crate::probes::Probe;
use crate::thresholds as at;
use crate::verdict::{ActivityReport, Evidence, EvidenceSource, LockReport};

/// Facts of a span.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Time.
    pub books: &'a TimeBooks,
    /// Length in nanoseconds.
    pub wall_ns: u64,
    /// CPUs online, or how many the tasks of the scope could use.
    pub nr_cpus: f64,
    /// Architecture, for the names of system calls.
    pub arch: &'a str,
    /// Samples.
    pub profile: &'a Profile,
    /// Counters of the host.
    pub counters: &'a HostCounters,
    /// Pages scanned and reclaimed; `None`: not counted.
    pub nr_pages: Option<(u64, u64)>,
    /// Probe level 1; `None`: never attached in this span.
    pub activity: Option<&'a Activity>,
    /// What it saw, in rates and with names.
    pub report: Option<&'a ActivityReport>,
    /// The task that has waited longest to run.
    pub starved: Option<StarvedTask>,
    /// Locks by burn.
    pub locks: &'a [LockReport],
    /// Steal or lost ticks.
    pub is_overcommitted: bool,
    /// A hypervisor was recognised.
    pub is_guest: bool,
    /// What the tool itself costs, in percent of all CPUs.
    pub self_pct: f64,
}

impl<'a> Facts<'a> {
    /// Share of busy time.
    #[must_use]
    pub fn of_busy(&self, ns: u64) -> f64 {
        share(ns, self.books.busy_ns()).unwrap_or(0.0)
    }

    /// Samples of a class, if there are enough samples to speak of shares.
    #[must_use]
    pub fn samples(&self, class: CauseClass) -> Option<&'a ClassSamples> {
        let is_enough = self.profile.nr_busy >= at::NR_MIN_SAMPLES;
        self.profile.class(class).filter(|_| is_enough)
    }

    /// Share of the busy samples; 0 without samples.
    #[must_use]
    pub fn of_samples(&self, nr: u64) -> f64 {
        if self.profile.nr_busy < at::NR_MIN_SAMPLES {
            return 0.0;
        }
        self.profile.share(nr).unwrap_or(0.0)
    }

    /// Events of the host a second; `None`: not counted.
    #[must_use]
    pub fn rate(&self, counter: HostCounter) -> Option<f64> {
        per_sec(self.counters.get(counter)?, self.wall_ns)
    }

    /// What probe level 1 counted, if `probe` was attached.
    #[must_use]
    pub fn seen_by(&self, probe: Probe) -> Option<&'a Activity> {
        self.activity.filter(|activity| activity.sees(probe))
    }

    /// Events that `probe` counted, a second; `None`: it was not attached.
    #[must_use]
    pub fn activity_rate(&self, probe: Probe, nr: u64) -> Option<f64> {
        per_sec(nr, self.seen_by(probe)?.observed_ns(probe.group())?)
    }

    /// What CPUs waited for the locks that `wanted` takes, spinning or halted, as share of busy time, and the first of them.
    #[must_use]
    pub fn lock_share(
        &self,
        wanted: impl Fn(&LockReport) -> bool,
    ) -> (f64, Option<&'a LockReport>) {
        let mut first = None;
        let mut waited_pct = 0.0;
        for lock in self.locks.iter().filter(|lock| wanted(lock)) {
            first = first.or(Some(lock));
            waited_pct += lock.waited_pct();
        }
        let busy = self.books.occupied_share().unwrap_or(0.0);
        let share = if busy > 0.0 {
            waited_pct / 100.0 / busy
        } else {
            0.0
        };
        (share.min(1.0), first)
    }

    /// Spin on rw-semaphores of a class that no tracepoint sees, as share of busy time, and who wants them, most sampled
    /// first.
    #[must_use]
    pub fn rwsem_spin(&self, class: CauseClass) -> (f64, Vec<&'a str>) {
        let spin = self.profile.rwsem_spin.iter();
        let mut of_class: Vec<_> = spin
            .filter(|(function, _)| class_of_rwsem_wanted_by(function) == Some(class))
            .collect();
        of_class.sort_by_key(|(_, nr)| std::cmp::Reverse(**nr));
        let nr = of_class.iter().map(|(_, nr)| **nr).sum();
        let functions = of_class.into_iter().map(|(function, _)| function.as_str());
        (self.of_samples(nr), functions.collect())
    }

    /// The lock that burns most among those of `kinds`, and the share of busy time on all of these kinds.
    #[must_use]
    pub fn kind_share(&self, kinds: &[LockKind]) -> (f64, Option<&'a LockReport>) {
        self.lock_share(|lock| kinds.contains(&lock.kind))
    }

    /// CPUs' worth of a share of busy time.
    #[must_use]
    pub fn cpus(&self, share_of_busy: f64) -> f64 {
        share_of_busy * self.books.occupied_share().unwrap_or(0.0) * self.nr_cpus
    }
}

fn per_sec(nr: u64, ns: u64) -> Option<f64> {
    (ns > 0).then(|| nr as f64 * 1e9 / ns as f64)
}

/// A signal.
pub(super) fn signal(
    name: &str,
    (value, unit): (f64, &str),
    threshold: Option<f64>,
    source: EvidenceSource,
    text: String,
) -> Evidence {
    Evidence {
        signal: name.to_owned(),
        value,
        unit: unit.to_owned(),
        threshold,
        source,
        text,
    }
}

/// A share of busy samples as a signal.
pub(super) fn sampled(facts: &Facts<'_>, what: &str, share: f64, threshold: f64) -> Evidence {
    signal(
        "sampled_share",
        (100.0 * share, "%"),
        Some(100.0 * threshold),
        EvidenceSource::Sampler,
        format!(
            "{:.0} % of {} samples of busy CPUs are in {what}",
            100.0 * share,
            facts.profile.nr_busy
        ),
    )
}
