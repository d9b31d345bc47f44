//! From events to windows.
//!
//! In: events in any order, and window boundaries. Out: [`Window`]s that do not depend on that order.
//! Refuses: a clock; the caller says when a window begins and ends.

use std::collections::BTreeMap;

use super::by_lock::{clamp_ns, merge_locks};
use super::closed::Window;
use super::order;
use super::progress;
use super::snapshots::{Snapshots, counters_since, differences, later_counters, newest};
use crate::accounting;
use crate::activity::{Activity, HostCounter, HostCounters, StarvedTask};
use crate::counters::{zip_progress, zip_times};
use crate::event::{
    DetailLossCause, Event, InFlightWait, LockCallEvent, LockTotals, OwnProcess, ReleaseEvent,
    SampleEvent, StackEvent, UnfoldedWait, WaitEvent,
};
use crate::ids::{CpuId, LockAddr, MonotonicNs};
use crate::probes::Probe;
use crate::scope::Scope;
use crate::tasks::Subject;
use crate::verdict::Accounting;

/// Spin of the waits open at one moment, and of those over but not folded.
#[derive(Clone, Debug, Default)]
struct OpenSpin {
    by_lock_ns: BTreeMap<LockAddr, u64>,
    by_cpu_ns: BTreeMap<CpuId, u64>,
}

/// Folds events and closes windows.
#[derive(Clone, Debug, Default)]
pub struct WindowBuilder {
    nr_cpus_online: u32,
    scope: Scope,
    /// Open waits folded, those outside the scope included: the books are for the whole host.
    nr_in_flight: u64,
    /// The books up to the baseline, where they are not this builder's.
    before: Option<Accounting>,
    last: Snapshots,
    last_open: OpenSpin,
    now: Snapshots,
    totals: Vec<LockTotals>,
    in_flight: Vec<InFlightWait>,
    unfolded: Vec<UnfoldedWait>,
    waits: Vec<WaitEvent>,
    stacks: Vec<StackEvent>,
    samples: Vec<SampleEvent>,
    releases: Vec<ReleaseEvent>,
    lock_calls: Vec<LockCallEvent>,
    starved: Vec<StarvedTask>,
}

impl WindowBuilder {
    /// An empty one. Fold the first snapshots and call [`Self::baseline`] before the first window; a
    /// first window without a baseline has no differences.
    #[must_use]
    pub fn new(nr_cpus_online: u32) -> Self {
        Self {
            nr_cpus_online,
            ..Self::default()
        }
    }

    /// Restricts everything to `scope`: for CPUs all but the books, and the counters of pages and interrupts, which
    /// only the whole host has; for tasks, of which the kernel programs see no others, the counters of `/proc` as well.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.nr_cpus_online = scope.nr_cpus(self.nr_cpus_online);
        self.scope = scope;
        self
    }

    /// Keeps the books from the baseline on, for a piece of a session whose counters go on from the piece before.
    #[must_use]
    pub fn from_baseline(mut self) -> Self {
        self.before = Some(Accounting::default());
        self
    }

    /// Books one event into the present window.
    pub fn fold(&mut self, event: Event) {
        if matches!(event, Event::InFlight(_)) {
            self.nr_in_flight += 1;
        }
        if !self.is_in_scope(&event) {
            return;
        }
        match event {
            Event::LockTotals(totals) => self.totals.push(totals),
            Event::Wait(wait) => self.waits.push(wait),
            Event::Stack(stack) => self.stacks.push(stack),
            Event::Sample(sample) => self.samples.push(sample),
            Event::Release(release) => self.releases.push(release),
            Event::LockCall(call) => self.lock_calls.push(call),
            Event::InFlight(wait) => self.in_flight.push(wait),
            Event::Unfolded(wait) => self.unfolded.push(wait),
            Event::Cpu { cpu, counters } => {
                later_counters(self.now.counters.entry(cpu).or_default(), &counters);
            }
            Event::CpuTimes { cpu, times } => {
                let mine = self.now.times.entry(cpu).or_default();
                *mine = zip_times(mine, &times, u64::max);
            }
            Event::Progress(progress) => {
                let mine = self.now.progress.unwrap_or_default();
                self.now.progress = Some(zip_progress(&mine, &progress, |a, b| a.max(b)));
            }
            Event::CpuProgress { cpu, progress } => {
                let mine = self.now.cpu_progress.entry(cpu).or_default();
                *mine = zip_progress(mine, &progress, |a, b| a.max(b));
            }
            Event::Host(host) => self.now.host = Some(host),
            Event::Tasks(tasks) => self.now.tasks = Some(tasks),
            Event::Activity { cpu, activity } => {
                self.now.activity.insert(cpu, *activity);
            }
            Event::Starved(task) => self.starved.push(task),
            Event::RecursionMisses(nr) => {
                self.now.nr_recursion_misses = self.now.nr_recursion_misses.max(nr);
            }
            Event::OwnProcess(own) => {
                let later = self.now.own.filter(|mine| mine.cpu_ns() > own.cpu_ns());
                self.now.own = Some(later.unwrap_or(own));
            }
            Event::Undecodable(nr) => self.now.nr_undecodable = self.now.nr_undecodable.max(nr),
        }
    }

    /// What everything is restricted to.
    #[must_use]
    pub const fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Counters of the programs stay whole until the books are closed.
    fn is_in_scope(&self, event: &Event) -> bool {
        let cpu = match event {
            Event::LockTotals(totals) => totals.cpu,
            Event::Wait(wait) => wait.cpu,
            Event::Stack(stack) => stack.id.cpu,
            Event::Sample(sample) => sample.cpu,
            Event::Release(release) => release.cpu,
            Event::LockCall(call) => call.cpu,
            Event::InFlight(wait) => wait.cpu,
            Event::Unfolded(wait) => wait.cpu,
            Event::CpuTimes { cpu, .. }
            | Event::CpuProgress { cpu, .. }
            | Event::Activity { cpu, .. } => *cpu,
            // What the host achieves and suffers is not the tasks' doing.
            Event::Progress(_) | Event::Host(_) => return !self.scope.is_of_tasks(),
            _ => return true,
        };
        self.scope.has(cpu)
    }

    /// Drops what was folded of one moment ([`is_of_one_moment`]): a later one is folded instead.
    pub fn forget_moment(&mut self) {
        self.now.counters.clear();
        self.in_flight.clear();
        self.unfolded.clear();
        self.nr_in_flight = 0;
    }

    /// Takes the folded snapshots and open waits as where the first window starts; drops the rest,
    /// which happened before it.
    pub fn baseline(&mut self, at: MonotonicNs) {
        let window = self.close(at, at);
        if let Some(before) = &mut self.before {
            *before = window.accounting;
        }
    }

    /// Closes the present window and starts the next.
    pub fn close(&mut self, begin: MonotonicNs, end: MonotonicNs) -> Window {
        let now = std::mem::take(&mut self.now);
        let mut in_flight = std::mem::take(&mut self.in_flight);
        let mut waits = std::mem::take(&mut self.waits);
        let mut stacks = std::mem::take(&mut self.stacks);
        let mut samples = std::mem::take(&mut self.samples);
        let mut releases = std::mem::take(&mut self.releases);
        let mut lock_calls = std::mem::take(&mut self.lock_calls);
        order::in_flight(&mut in_flight);
        order::waits(&mut waits);
        order::stacks(&mut stacks);
        order::samples(&mut samples);
        order::releases(&mut releases);
        order::lock_calls(&mut lock_calls);
        let mut starved = std::mem::take(&mut self.starved);
        starved.sort_by_key(|task| (std::cmp::Reverse(task.age_ns), task.pid));
        let unfolded = std::mem::take(&mut self.unfolded);
        let mut ended: Vec<WaitEvent> = unfolded.iter().filter_map(|u| u.wait.clone()).collect();
        order::waits(&mut ended);
        let open = open_spin(&in_flight, &unfolded);
        let locks = merge_locks(
            std::mem::take(&mut self.totals),
            &in_flight,
            &unfolded,
            &self.last_open.by_lock_ns,
            &open.by_lock_ns,
            end,
        );
        let (burn_by_cpu_ns, traced_spin_ns) = self.burn(&now, &open);

        // A CPU whose snapshot is missing keeps the older one: the next difference spans both windows.
        let last = std::mem::take(&mut self.last);
        let mut counters = differences(&last.counters, &now.counters, counters_since);
        counters.retain(|cpu, _| self.scope.has(*cpu));
        let times = differences(&last.times, &now.times, |new, old| {
            zip_times(new, old, u64::saturating_sub)
        });
        let tasks = now.tasks.zip(last.tasks);
        let tasks = tasks.map(|(new, old)| new.since(&old));
        let is_of_tasks = self.scope.is_of_tasks();
        let progress = progress::of_scope(&self.scope, &now, &last, tasks.as_ref());
        let since = |new: Option<u64>, old: Option<u64>| Some(new?.saturating_sub(old?));
        // Whose waits the kernel skipped is not known.
        let nr_recursion_misses =
            since(now.nr_recursion_misses, last.nr_recursion_misses).filter(|_| !is_of_tasks);
        let own_before_ns = last.own.as_ref().map(OwnProcess::cpu_ns);
        let own = now.own.zip(last.own).map(|(new, old)| OwnProcess {
            tgid: new.tgid,
            user_ns: new.user_ns.saturating_sub(old.user_ns),
            system_ns: new.system_ns.saturating_sub(old.system_ns),
        });
        let host = match (&now.host, &last.host) {
            (Some(new), Some(old)) => new.since(old),
            _ => HostCounters::default(),
        };
        // Without a copy at the last close they start at 0.
        let none = Activity::default();
        let activity = now
            .activity
            .iter()
            .map(|(cpu, new)| {
                let mut added = new.since(last.activity.get(cpu).unwrap_or(&none));
                let faults = (added.nr_same_faults, added.nr_faults);
                added.faults_by_cpu.insert(*cpu, faults);
                added
            })
            .reduce(|mut sum, other| {
                sum.merge(&other);
                sum
            });
        let processed = host.get(HostCounter::PacketsProcessed).unwrap_or(0);
        let duration_ns = end.since(begin);
        let activity = activity.map(|sum| Activity {
            nr_packets_processed: if sum.sees(Probe::KfreeSkb) {
                processed
            } else {
                0
            },
            observed_ns: sum.groups().iter().map(|g| (g, duration_ns)).collect(),
            until: Some(end),
            ..sum.of_attached()
        });
        // Where the tool itself runs is not known; within a scope its time is not told apart.
        let own = own.map(|own| match self.scope.cpus {
            Some(_) => OwnProcess {
                user_ns: 0,
                system_ns: 0,
                ..own
            },
            None => own,
        });
        self.last_open = self.open_to_keep(&now, open);
        self.last = newest(last, now);
        let accounting = self.books();
        Window {
            begin,
            end,
            nr_cpus_online: self.nr_cpus_online,
            subject: if is_of_tasks {
                Subject::Tasks(tasks)
            } else {
                Subject::Cpus
            },
            cpu_times: times,
            cpu_counters: counters,
            burn_by_cpu_ns,
            traced_spin_ns,
            locks,
            in_flight,
            waits,
            ended,
            stacks,
            samples,
            releases,
            lock_calls,
            progress,
            nr_recursion_misses,
            accounting,
            own,
            own_before_ns,
            host,
            activity,
            starved,
            code: Vec::new(),
            attempts: Vec::new(),
        }
    }

    /// The books since attach, or since the baseline of a piece. Begins that the kernel skipped are the host's: of tasks
    /// nobody can tell whether they were theirs, and they are a detail that was lost.
    fn books(&mut self) -> Accounting {
        let is_of_tasks = self.scope.is_of_tasks();
        let nr_skipped = self.last.nr_recursion_misses;
        let mut books = accounting::balance(
            self.last.counters.values(),
            nr_skipped.filter(|_| !is_of_tasks),
            std::mem::take(&mut self.nr_in_flight),
            self.last.nr_undecodable,
        );
        if let Some(nr_skipped) = nr_skipped.filter(|&nr| is_of_tasks && nr > 0) {
            let cause = DetailLossCause::UnattributedMiss.name().to_owned();
            books.detail_lost.insert(cause, nr_skipped);
        }
        match &self.before {
            Some(before) => accounting::since(books, before),
            None => books,
        }
    }

    /// Burn by CPU and of all CPUs. The sum is clamped once: a mutex may spin on one CPU and complete
    /// on another, which makes the first one's difference negative.
    fn burn(&self, now: &Snapshots, open: &OpenSpin) -> (BTreeMap<CpuId, u64>, Option<u64>) {
        let mut by_cpu_ns = BTreeMap::new();
        let mut sum_ns = 0i128;
        let in_scope = now.counters.iter().filter(|(cpu, _)| self.scope.has(**cpu));
        for (cpu, counters) in in_scope {
            let Some(before) = self.last.counters.get(cpu) else {
                continue;
            };
            let open_ns = |open: &OpenSpin| open.by_cpu_ns.get(cpu).copied().unwrap_or(0);
            let closed_ns = counters.spin_ns.saturating_sub(before.spin_ns);
            let burn_ns = i128::from(closed_ns) + i128::from(open_ns(open))
                - i128::from(open_ns(&self.last_open));
            sum_ns += burn_ns;
            by_cpu_ns.insert(*cpu, clamp_ns(burn_ns));
        }
        let total_ns = (!by_cpu_ns.is_empty()).then_some(clamp_ns(sum_ns));
        (by_cpu_ns, total_ns)
    }

    fn open_to_keep(&self, now: &Snapshots, mut open: OpenSpin) -> OpenSpin {
        for (cpu, &ns) in &self.last_open.by_cpu_ns {
            if !now.counters.contains_key(cpu) && self.last.counters.contains_key(cpu) {
                open.by_cpu_ns.insert(*cpu, ns);
            }
        }
        open
    }
}

/// Whether the event says how a CPU and the waits on it are at one moment, and means nothing with those of another one.
#[must_use]
pub const fn is_of_one_moment(event: &Event) -> bool {
    matches!(
        event,
        Event::Cpu { .. } | Event::InFlight(_) | Event::Unfolded(_)
    )
}

/// A wait over but not folded counts for its lock as if it were open, because the table books it in a
/// later window; for its CPU it is booked already.
fn open_spin(in_flight: &[InFlightWait], unfolded: &[UnfoldedWait]) -> OpenSpin {
    let mut open = OpenSpin::default();
    for wait in in_flight {
        *open.by_lock_ns.entry(wait.lock).or_default() += wait.spin_ns;
        *open.by_cpu_ns.entry(wait.cpu).or_default() += wait.unbooked_spin_ns;
    }
    for wait in unfolded {
        *open.by_lock_ns.entry(wait.lock).or_default() += wait.spin_ns;
    }
    open
}
