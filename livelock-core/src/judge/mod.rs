//! From windows to verdicts.
//!
//! In: windows, one after the other. Out: an [`Observation`] for each, and a [`Verdict`] over all of
//! them (`diagnose`) or over the recent ones (`watch`). Refuses: to keep windows; memory is bounded
//! however long a watch runs.

mod answer;
mod cause;
mod choose;
mod cycle;
mod declared;
mod evidence;
mod halted;
mod level;
mod progress;
mod ruled_out;
mod seen_by;
mod standing;
mod tally;

use std::collections::VecDeque;

use crate::activity::StarvedTask;
use crate::detect::{self, Observation};
use crate::filter::Filter;
use crate::hist::WaitHistogram;
use crate::host::{HostFacts, SamplerSource, SpinlockFlavour};
use crate::ids::LockAddr;
use crate::ledger::functions::Functions;
use crate::ledger::progress::{Baseline, Sources, Tokens, tokens};
use crate::ledger::slope::Throughput;
use crate::ledger::waited::Waited;
use crate::ledger::{by_cpu, interrupts, samples, shares, time};
use crate::locks::{self, CrossedTries, FlamePath, FlameSide, NamedLock, RecentStacks};
use crate::names::Names;
use crate::scope::Scope;
use crate::thresholds as at;
use crate::topology::Topology;
use crate::verdict::{BlindSpot, ProgressState, SelfCost, Status, Verdict};
use crate::window::Window;
use answer::Case;
use level::History;
use tally::SpanTally;

/// Judges the windows of one host.
#[derive(Clone, Debug)]
pub struct Judge {
    host: HostFacts,
    scope: Scope,
    blind_spots: Vec<BlindSpot>,
    baseline: Baseline,
    sources: Sources,
    stacks: RecentStacks,
    crossed_tries: CrossedTries,
    history: History,
    functions: Functions,
    throughput: Throughput,
    run: SpanTally,
    recent: VecDeque<SpanTally>,
    declared: declared::Declared,
    topology: Topology,
    filter: Filter,
    /// CPU time of the process from its start to the end of its start-up.
    start_up_cpu_ns: Option<u64>,
    /// The first window is not the first of its session.
    is_resumed: bool,
    /// Attempts of the kernel are counted where they are worth it.
    counts_attempts: bool,
}

/// Who did not get to run. A long delay alone is what a task with a low weight may have to bear; with a real-time
/// task that keeps a CPU it is starvation. A wait that is still open, was confirmed, and is longer than a task of its
/// weight may have to bear needs no second signal.
fn starved(window: &Window, has_rt_hog: bool) -> Option<StarvedTask> {
    let delayed = window
        .activity
        .as_ref()
        .and_then(|activity| activity.long_delay);
    let is_kept_out = |task: &&StarvedTask| has_rt_hog || task.is_past_its_turn();
    let open = window.starved.iter().find(is_kept_out).copied();
    open.or(delayed.filter(|_| has_rt_hog))
}

impl Judge {
    /// A judge who has seen nothing of `host`. Test-and-set spinlocks are added to `blind_spots` if the
    /// host has them and they are not named.
    #[must_use]
    pub fn new(host: HostFacts, blind_spots: Vec<BlindSpot>) -> Self {
        Self::within(Scope::default(), host, blind_spots)
    }

    /// A judge of a part of `host`.
    #[must_use]
    pub fn within(scope: Scope, host: HostFacts, mut blind_spots: Vec<BlindSpot>) -> Self {
        const TEST_AND_SET: &str = "test-and-set-spinlocks";
        let named = blind_spots.iter().any(|spot| spot.id == TEST_AND_SET);
        if host.spinlocks == SpinlockFlavour::TestAndSet && !named {
            blind_spots.push(BlindSpot {
                id: TEST_AND_SET.to_owned(),
                what: "spinlocks of this guest are test-and-set locks; no tracepoint sees them wait".to_owned(),
                mitigation: "samples show the spinning, but not on which lock; a hypervisor with paravirtual \
                    spinlocks (kvm-pv-unhalt) makes them visible"
                    .to_owned(),
            });
        }
        Self {
            host,
            scope,
            blind_spots,
            baseline: Baseline::default(),
            sources: Sources::default(),
            stacks: RecentStacks::default(),
            crossed_tries: CrossedTries::default(),
            history: History::default(),
            functions: Functions::default(),
            throughput: Throughput::default(),
            run: SpanTally::default(),
            recent: VecDeque::new(),
            declared: declared::Declared::default(),
            topology: Topology::default(),
            filter: Filter::default(),
            start_up_cpu_ns: None,
            is_resumed: false,
            counts_attempts: false,
        }
    }

    /// Says that what comes next is a later piece of a session, whose start-up is over.
    pub const fn resume(&mut self) {
        self.is_resumed = true;
    }

    /// Says that attempts are counted, so that no remedy asks for it.
    pub const fn count_attempts(&mut self) {
        self.counts_attempts = true;
    }

    /// Tells the start-up from what the tool costs as long as it runs.
    fn book_cost(&mut self, window: &Window, tally: &mut SpanTally) {
        let begin = self.run.begin.unwrap_or(window.begin);
        if self.is_resumed || window.begin.since(begin) >= at::START_UP_NS {
            tally.mark_steady();
        } else if let (Some(before_ns), Some(own)) = (window.own_before_ns, window.own) {
            self.start_up_cpu_ns = Some(before_ns.saturating_add(own.cpu_ns()));
        }
    }

    /// Tells where the CPUs of the host are; without it hand-offs have no distances.
    pub fn know_topology(&mut self, topology: Topology) {
        self.topology = topology;
    }

    /// Lists only what passes `filter`, from the first window on.
    pub fn list_only(&mut self, filter: Filter) {
        self.filter = filter;
    }

    /// Names of the locks that were waited for, by burn.
    #[must_use]
    pub fn lock_names(&self, names: &dyn Names) -> Vec<String> {
        let locks = self.run.locks.by_burn().into_iter();
        locks
            .map(|(lock, tally)| locks::name_lock(lock, tally, names).name)
            .collect()
    }

    /// Takes the next window.
    pub fn observe(&mut self, window: &Window, names: &dyn Names) -> Observation {
        let own = window.own.map(|own| own.tgid);
        let (counts, mut profile) = samples::read(window, own, &mut self.functions, names);
        profile.has_crossed_tries = self.crossed_tries.observe(window);
        profile.cannot_halt = !matches!(
            self.host.spinlocks,
            SpinlockFlavour::Paravirtual | SpinlockFlavour::Unknown
        );
        // Cycles stop with the clock of a halted CPU: that no sample is in a halted waiter tells nothing.
        if self.host.sampler == SamplerSource::PmuNmi {
            profile.waiters.clear();
        }
        let mut books = time::book(window, &counts, &profile, &self.host.arch);
        if let Some(books) = &mut books {
            interrupts::mark(books, self.host.hardirq_by_clock);
        }
        let tokens = tokens(window);
        // CPUs may fail to answer in one window; what only the whole host has is always there.
        let is_whole = self.sources.are_all_in(&tokens) || self.scope.cpus.is_none();
        let compared = if is_whole {
            tokens.clone()
        } else {
            Tokens::new()
        };
        let pi0 = self.baseline.pi0();
        let mut seen = detect::detect(
            window,
            books.as_ref(),
            &compared,
            pi0,
            self.throughput.is_retrograde(),
            &self.host,
        );
        seen.sampled = shares::shares(&profile);
        seen.cpus = by_cpu::by_cpu(window, &profile, self.host.hardirq_by_clock);
        // Among samples of the scope's tasks alone each of them has its CPU to itself.
        seen.rt_hog = profile.rt_hog().filter(|_| !window.subject.is_tasks());
        seen.starved = starved(window, seen.rt_hog.is_some());
        let is_busy = seen
            .occupied()
            .is_some_and(|busy| busy >= at::BASELINE_MIN_BUSY);
        if let Some(books) = books.filter(|_| is_busy && is_whole) {
            let nr: u64 = tokens.values().sum();
            let seconds = (window.duration_ns() as f64 / 1e9).max(f64::MIN_POSITIVE);
            let busy_cpus = books.busy_ns() as f64 / 1e9 / seconds;
            self.throughput.learn(busy_cpus, nr as f64 / seconds);
        }
        let declared = self.judge_declared(window, books.as_ref(), &mut seen);
        self.learn(&seen);
        self.history.observe(&seen);
        let mut locks = locks::digest(window, &mut self.stacks, self.filter.min_wait_ns);
        if let Some(books) = &books {
            locks.book(&Waited::of(window, books));
        }
        let mut tally = SpanTally {
            declared,
            ..SpanTally::of_window(window, books, profile, tokens, &seen, locks)
        };
        self.book_cost(window, &mut tally);
        self.run.merge(&tally);
        if self.recent.len() == at::NR_RULE_WINDOWS {
            self.recent.pop_front();
        }
        self.recent.push_back(tally);
        if let Some(top) = &mut seen.top_lock
            && let Some(tally) = self.run.locks.get(top.lock)
        {
            top.name = locks::name_lock(top.lock, tally, names).name;
        }
        seen
    }

    /// Takes the books of `rest`, a window that was closed after no wait was booked any more, and at one moment, so that they are
    /// exact. Its time is too short to be judged.
    pub fn settle(&mut self, rest: &Window) {
        self.run.accounting = rest.accounting.clone();
        if let Some(last) = self.recent.back_mut() {
            last.accounting = rest.accounting.clone();
        }
    }

    /// The verdict over all windows: the worst level that the rules ever found stands.
    #[must_use]
    pub fn verdict(&self, names: &dyn Names) -> Verdict {
        self.case(&self.run, self.history.worst()).verdict(names)
    }

    /// The verdict over the last windows: levels are left with hysteresis.
    #[must_use]
    pub fn recent_verdict(&self, names: &dyn Names) -> Verdict {
        let mut span = SpanTally::default();
        for tally in &self.recent {
            span.merge(tally);
        }
        self.case(&span, self.history.held()).verdict(names)
    }

    /// Paths of all locks over all windows, by time.
    #[must_use]
    pub fn flame(&self, side: FlameSide, names: &dyn Names) -> Vec<FlamePath> {
        locks::flame(&self.run.locks, side, names)
    }

    /// The name of a lock that was seen, by all that is known so far.
    #[must_use]
    pub fn lock_name(&self, lock: Option<LockAddr>, names: &dyn Names) -> Option<NamedLock> {
        let tally = self.run.locks.get(lock)?;
        Some(locks::name_lock(lock, tally, names))
    }

    /// Completed waits for a lock that was seen, by length, over all windows.
    #[must_use]
    pub fn wait_histogram(&self, lock: Option<LockAddr>) -> Option<&WaitHistogram> {
        Some(self.run.locks.get(lock)?.wait_histogram())
    }

    /// Median time between two acquisitions of the lock that burned most in the last window; `None`: too few were seen.
    #[must_use]
    pub fn last_gap_ns(&self) -> Option<u64> {
        let locks = self.recent.back()?.locks.by_burn();
        locks.first()?.1.gap_p50_ns()
    }

    /// The status of [`Self::verdict`], without the document: a hundredth of the work.
    #[must_use]
    pub fn status(&self) -> Status {
        self.case(&self.run, self.history.worst()).status()
    }

    /// The status of [`Self::recent_verdict`], likewise.
    #[must_use]
    pub fn recent_status(&self) -> Status {
        let mut span = SpanTally::default();
        for tally in &self.recent {
            span.merge_sums(tally);
        }
        self.case(&span, self.history.held()).status()
    }

    /// Whether the last window that this tool did not disturb had no progress, and what was seen so far is too short to be told from a burst.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.history.is_open()
    }

    /// What the tool cost over all windows.
    #[must_use]
    pub fn self_cost(&self) -> SelfCost {
        self.case(&self.run, self.history.worst()).self_cost()
    }

    /// Whether some locks only are listed.
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        !self.filter.is_empty()
    }

    fn case<'a>(&'a self, span: &'a SpanTally, level: level::Level) -> Case<'a> {
        Case {
            host: &self.host,
            scope: &self.scope,
            nr_cpus: self.nr_cpus(span),
            blind_spots: &self.blind_spots,
            span,
            history: &self.history,
            run_begin: self.run.begin,
            throughput_slope: self.throughput.slope(),
            topology: &self.topology,
            filter: &self.filter,
            start_up_cpu_ns: self.start_up_cpu_ns,
            counts_attempts: self.counts_attempts,
            level,
        }
    }

    /// CPUs of the scope; for tasks, how many they could use on average.
    fn nr_cpus(&self, span: &SpanTally) -> f64 {
        let nr_cpus = f64::from(self.scope.nr_cpus(self.host.nr_cpus_online));
        if !self.scope.is_of_tasks() {
            return nr_cpus;
        }
        let usable = time::share(span.books.capacity_ns, span.wall_ns);
        usable.filter(|&nr| nr > 0.0).unwrap_or(nr_cpus)
    }

    /// Quiet windows, busy enough to be comparable, make the baseline.
    fn learn(&mut self, seen: &Observation) {
        // Of a window with unknown progress nobody knows whether anything was achieved in it.
        let is_known = seen.progress != ProgressState::Unknown;
        if let Some(pi) = seen.pi.filter(|_| is_quiet(seen) && is_known) {
            self.baseline.learn(pi);
        }
    }
}

/// Whether the window may serve as a comparison for others.
fn is_quiet(seen: &Observation) -> bool {
    seen.omega.is_some_and(|omega| omega < at::OMEGA_CONTENDED)
        && seen
            .occupied()
            .is_some_and(|busy| busy >= at::BASELINE_MIN_BUSY)
        && seen.stuck.is_empty()
}
