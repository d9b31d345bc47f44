//! Status, confidence and the document.
//!
//! In: a span, the level that the rules found, facts of the host. Out: a [`Verdict`]. Refuses: to
//! answer from too few windows, missing snapshots or lost waits.

use std::collections::BTreeSet;

use super::cause;
use super::choose;
use super::cycle;
use super::evidence;
use super::halted;
use super::level::{History, Level};
use super::progress;
use super::ruled_out;
use super::tally::SpanTally;
use crate::activity_report;
use crate::detectors::{self, Facts};
use crate::filter::Filter;
use crate::host::{HostFacts, SamplerSource};
use crate::ids::MonotonicNs;
use crate::ledger::time::{TimeBooks, share};
use crate::locks::{self, SampledSpin};
use crate::names::Names;
use crate::probes::Probe;
use crate::remedies::{self, Numbers};
use crate::scope::Scope;
use crate::thresholds as at;
use crate::topology::Topology;
use crate::verdict::{
    ActivityReport, BlindSpot, CauseClass, Confidence, EvidenceSource, LockReport, ProgressState,
    SCHEMA, SelfCost, Span, StackSampling, Status, TimeLedger, Verdict,
};

/// The blind spot of probe level 0.
const SYSCALL_RESULTS: &str = "syscall-results";

/// Everything that a verdict is made from.
pub(super) struct Case<'a> {
    pub(super) host: &'a HostFacts,
    pub(super) scope: &'a Scope,
    /// CPUs in the scope, or how many its tasks could use.
    pub(super) nr_cpus: f64,
    pub(super) blind_spots: &'a [BlindSpot],
    pub(super) span: &'a SpanTally,
    pub(super) history: &'a History,
    pub(super) run_begin: Option<MonotonicNs>,
    pub(super) throughput_slope: Option<f64>,
    pub(super) topology: &'a Topology,
    pub(super) filter: &'a Filter,
    pub(super) start_up_cpu_ns: Option<u64>,
    pub(super) counts_attempts: bool,
    pub(super) level: Level,
}

/// Why no answer can be given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswerable {
    /// Snapshots are missing.
    Unseen,
    /// Too many waits were lost.
    Lossy,
    /// Too few windows.
    TooShort,
    /// Nothing got on, but for no longer than bursts last.
    MayBeBurst,
}

impl Case<'_> {
    /// The document.
    pub(super) fn verdict(&self, names: &dyn Names) -> Verdict {
        let span = self.span;
        let status = self.status();
        let locks = self.locks(&Filter::default(), names);
        let activity = self.activity(names);
        let detections = detectors::detect(&self.facts(&locks, activity.as_ref()));
        let (class, found) = choose::class(self, status, &locks, &detections);
        let mut evidence = evidence::for_it(self, status, &locks);
        evidence.extend(found.into_iter().flat_map(|found| found.evidence.clone()));
        let chains = locks::chains(&span.locks, names);
        if matches!(status, Status::Livelock | Status::Contended) {
            evidence.extend(cycle::evidence(&chains, span.profile.has_crossed_tries));
        }
        let sources: BTreeSet<EvidenceSource> = evidence.iter().map(|e| e.source).collect();
        let progress = progress::progress(self, status);
        let time = self.time();
        let state = progress.state;
        let wanted = self.wanted_confidence(status, state);
        let numbers = Numbers {
            nr_cpus: self.nr_cpus,
            lock: locks.first(),
            share: detections
                .iter()
                .find(|detection| detection.class == class)
                .map(|detection| detection.share),
            lost_ticks_pct: time.lost_ticks_pct,
        };
        let is_guest = self.host.hypervisor.is_some();
        let mut remedies = remedies::remedies(class, &numbers, self.is_overcommitted(), is_guest);
        let is_counted = self.counts_attempts || span.nr_counted_sites > 0;
        if self.is_work_unseen(state) && class == CauseClass::KernelWork && !is_counted {
            remedies.insert(0, remedies::look_closer());
        }
        let pct = |share: Option<f64>| share.map(|share| 100.0 * share);
        Verdict {
            schema: SCHEMA.to_owned(),
            status,
            confidence: Confidence::guarded(wanted, &sources, state, span.is_doubtful()),
            cause: cause::cause(self, (status, state), (class, found), &locks, &detections),
            window: self.window(status),
            host: self.host.clone(),
            scope: self.scope.clone(),
            busy_pct: pct(span.books.busy_share()),
            burn_pct: pct(share(span.books.burned_ns(), span.books.capacity_ns)),
            user_pct: pct(span.books.user_share()),
            omega: span.books.omega(),
            time,
            cpus: span.cpus.reports(),
            activity,
            progress,
            against: evidence::against(self, status),
            ruled_out: ruled_out::ruled_out(self, status, state),
            blind_spots: self.blind_spots(),
            remedies,
            evidence,
            accounting: span.accounting.clone(),
            self_cost: self.self_cost(),
            chains,
            named_burn_pct: locks::named_burn_pct(&span.locks, names),
            filter: self.filter.clone(),
            locks: match self.filter.is_empty() {
                true => locks,
                false => self.locks(self.filter, names),
            },
        }
    }

    /// The locks that pass. What is judged is all of them.
    fn locks(&self, filter: &Filter, names: &dyn Names) -> Vec<LockReport> {
        let span = self.span;
        let listing = locks::Listing {
            duration_ns: span.wall_ns,
            nr_cpus: self.nr_cpus,
            sampled: SampledSpin::of(&span.profile, span.books.busy_ns()),
            knows_halted: span.books.halted_share().is_some(),
            topology: self.topology,
            filter,
            names,
        };
        locks::reports(&self.span.locks, &listing)
    }

    /// Why the question cannot be answered, if so. A stuck spin needs no second window.
    pub(super) fn unanswerable(&self) -> Option<Unanswerable> {
        let span = self.span;
        let is_stuck = span.oldest_stuck.is_some();
        if span.is_lossy() {
            Some(Unanswerable::Lossy)
        } else if is_stuck {
            None
        } else if span.nr_windows > 0
            && f64::from(span.nr_visible) < at::VISIBLE_WINDOWS * f64::from(span.nr_windows)
        {
            Some(Unanswerable::Unseen)
        } else if (span.nr_windows as usize) < at::NR_MIN_WINDOWS && self.level < Level::Livelock {
            // What lasts for longer than the rule asks for is a live lock in any number of windows that can be compared.
            Some(Unanswerable::TooShort)
        } else if self.level < Level::Livelock
            && span.wall_ns < at::BURST_NS
            && span.nr_no_progress() == span.nr_windows
        {
            Some(Unanswerable::MayBeBurst)
        } else {
            None
        }
    }

    /// What the document will say.
    pub(super) fn status(&self) -> Status {
        if self.unanswerable().is_some() {
            return Status::CannotTell;
        }
        match self.level {
            Level::Livelock => Status::Livelock,
            // Contention that progresses may well be how the hog shows; who does not run at all is worse.
            _ if self.is_starved() => Status::Starved,
            Level::Degraded | Level::Contended => Status::Contended,
            Level::Quiet if self.span.oldest_stuck.is_some() => Status::Contended,
            Level::Quiet if self.busy() >= at::BUSY_FOR_STATUS => Status::Busy,
            Level::Quiet => Status::Healthy,
        }
    }

    /// Whether the kernel fills the CPUs with work of which nothing shows that it gets done.
    pub(super) fn is_work_unseen(&self, progress: ProgressState) -> bool {
        let omega = self.span.books.omega().unwrap_or(0.0);
        progress == ProgressState::Unknown
            && self.status() == Status::Busy
            && omega < at::OMEGA_CONTENDED
    }

    /// Short runs and burns that only samples saw are not worth the highest claim.
    fn wanted_confidence(&self, status: Status, progress: ProgressState) -> Confidence {
        let is_contention = matches!(status, Status::Livelock | Status::Contended);
        if status == Status::CannotTell
            || (is_contention && self.is_sampled_only())
            || self.is_work_unseen(progress)
        {
            Confidence::Low
        } else if (self.span.nr_windows as usize) < at::NR_RULE_WINDOWS {
            Confidence::Medium
        } else {
            Confidence::High
        }
    }

    /// Whether somebody is runnable and does not run, for longer than a burst.
    fn is_starved(&self) -> bool {
        self.span.nr_starved_windows as usize >= at::NR_STARVED_HITS
    }

    /// The time ledger, with what only samples tell.
    fn time(&self) -> TimeLedger {
        let profile = &self.span.profile;
        let is_enough = profile.nr >= at::NR_MIN_SAMPLES;
        // Samples of a scope's tasks are no share of any CPU's time; nor are those by cycles, which stop with the clock of
        // a halted CPU.
        let is_of_cpus = !self.scope.is_of_tasks() && self.host.sampler != SamplerSource::PmuNmi;
        let pct = |nr: u64| {
            share(nr, profile.nr)
                .filter(|_| is_enough && is_of_cpus)
                .map(|s| 100.0 * s)
        };
        let ledger = self.span.books.ledger();
        TimeLedger {
            polling_idle_pct: pct(profile.nr_polling_idle),
            // Two standard errors, sqrt(0.5 * 0.5 / n) each.
            sampling_error_pct: is_enough.then(|| 100.0 / (profile.nr as f64).sqrt()),
            ..ledger
        }
    }

    /// What probe level 1 saw.
    fn activity(&self, names: &dyn Names) -> Option<ActivityReport> {
        let of = activity_report::Of {
            nr_cpus: self.nr_cpus,
            counters: &self.span.counters,
            arch: &self.host.arch,
            names,
        };
        activity_report::report(self.span.activity.as_ref()?, &of)
    }

    /// What level 1 has seen meanwhile is no blind spot.
    fn blind_spots(&self) -> Vec<BlindSpot> {
        let activity = self.span.activity.as_ref();
        let seen = activity.is_some_and(|activity| activity.sees(Probe::SysExit));
        self.blind_spots
            .iter()
            .filter(|spot| !(seen && spot.id == SYSCALL_RESULTS))
            .cloned()
            .chain(halted::blind_spot(self))
            .collect()
    }

    fn facts<'f>(
        &'f self,
        locks: &'f [LockReport],
        report: Option<&'f ActivityReport>,
    ) -> Facts<'f> {
        let span = self.span;
        Facts {
            books: &span.books,
            wall_ns: span.wall_ns,
            nr_cpus: self.nr_cpus,
            arch: &self.host.arch,
            profile: &span.profile,
            counters: &span.counters,
            nr_pages: span.nr_pages,
            activity: span.activity.as_ref(),
            report,
            starved: span.starved.filter(|_| self.is_starved()),
            locks,
            is_overcommitted: self.is_overcommitted(),
            is_guest: self.host.hypervisor.is_some(),
            // The programs run in the tasks of a scope, the process elsewhere.
            self_pct: if self.scope.is_of_tasks() {
                100.0 * share(span.self_ns, span.books.capacity_ns).unwrap_or(0.0)
            } else {
                self.self_cost().cpu_pct
            },
        }
    }

    fn window(&self, status: Status) -> Span {
        let span = self.span;
        let level = match status {
            Status::Livelock => Some(Level::Livelock),
            Status::Contended => Some(Level::Contended),
            _ => None,
        };
        let first = level.and_then(|level| self.history.first_reached(level));
        Span {
            duration_ns: span
                .end
                .zip(span.begin)
                .map_or(0, |(end, begin)| end.since(begin)),
            nr_windows: span.nr_windows,
            nr_no_progress: span.nr_no_progress(),
            first_verdict_ns: first.zip(self.run_begin).map(|(at, begin)| at.since(begin)),
        }
    }

    pub(super) fn self_cost(&self) -> SelfCost {
        let span = self.span;
        let pct = |ns: u64| 100.0 * share(ns, span.capacity_ns).unwrap_or(0.0);
        SelfCost {
            cpu_pct: pct(span.self_ns + span.own_cpu_ns),
            bpf_cpu_pct: pct(span.self_ns),
            user_cpu_pct: pct(span.own_cpu_ns),
            steady_cpu_pct: share(span.steady_ns, span.steady_capacity_ns).map(|s| 100.0 * s),
            start_up_cpu_ns: self.start_up_cpu_ns,
            level: u8::from(
                span.activity
                    .as_ref()
                    .is_some_and(|activity| !activity.groups().is_empty()),
            ),
            stack_sampling: StackSampling {
                nr_stacks: span.nr_stacks,
                one_in: share(span.nr_begun, span.nr_stacks),
            },
        }
    }

    /// Who is busy, for a sentence.
    pub(super) fn who(&self) -> &'static str {
        if self.scope.is_of_tasks() {
            "the scope is"
        } else {
            "the CPUs are"
        }
    }

    pub(super) fn busy(&self) -> f64 {
        self.span.books.used_share().unwrap_or(0.0)
    }

    /// `busy`, the share of the time that was there to be used, in words.
    pub(super) fn how_busy(&self, books: &TimeBooks, busy: f64) -> String {
        let left = time_left(books);
        format!("{} {:.0} % busy, by clock{left}", self.who(), 100.0 * busy)
    }

    /// Whether the burn rests on samples, with no tracepoint or open wait to agree.
    pub(super) fn is_sampled_only(&self) -> bool {
        let (_, books) = self.span.books_at(self.level);
        self.span.oldest_stuck.is_none()
            && share(books.seen_twice_ns(), books.waste_ns())
                .is_some_and(|s| s < at::TRACED_SHARE_OF_WASTE)
    }

    pub(super) fn is_overcommitted(&self) -> bool {
        let overcommit = self.span.books.overcommit_share();
        overcommit.is_some_and(|share| share >= at::OVERCOMMIT)
    }

    /// Whether CPUs do little else than to stand in spin waits that do not end: the age rule alone carries the status, or
    /// most of the waste is of such waits.
    pub(super) fn is_stuck(&self) -> bool {
        let (_, books) = self.span.books_at(self.level);
        let standing = share(self.span.standing.cpu_ns(self.level), books.waste_ns());
        self.is_stuck_alone() || standing.is_some_and(|share| share >= at::MAJORITY)
    }

    /// Whether the age rule alone carries the status.
    pub(super) fn is_stuck_alone(&self) -> bool {
        self.span.oldest_stuck.is_some()
            && (self.level == Level::Quiet
                || (self.history.is_stuck_livelock() && self.span.nr_no_progress() == 0))
    }
}

/// Who took so much of the CPUs' time that the busy share is that of the rest; empty if nobody did.
pub(super) fn time_left(books: &TimeBooks) -> String {
    let takers: Vec<_> = [
        ("the hypervisor", books.steal_ns),
        ("this tool", books.own_ns),
    ]
    .into_iter()
    .filter_map(|(who, ns)| Some((who, share(ns, books.capacity_ns)?)))
    .filter(|(_, taken)| *taken >= at::TAKEN_SHARE_WORTH_SAYING)
    .map(|(who, taken)| format!("{who} ({:.0} %)", 100.0 * taken))
    .collect();
    if takers.is_empty() {
        return String::new();
    }
    format!(", in the time left by {}", takers.join(" and "))
}
