//! Capture, decode, window: one pipeline for every job.
//!
//! In: attached probes and `/proc`. Out: windows. Refuses: to judge them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use livelock_core::activity::StarvedTask;
use livelock_core::attempts::Suspect;
use livelock_core::event::Event;
use livelock_core::host::HostFacts;
use livelock_core::ids::{CpuId, LockAddr, MonotonicNs, Pid};
use livelock_core::probes::{GroupSet, ProbeGroup};
use livelock_core::recording::{Baseline, carries_over};
use livelock_core::window::{Window, WindowBuilder, is_of_one_moment};

use super::clock::now;
use super::deadline::Counts;
use super::governor::{Governor, cost};
use crate::capture::{Capture, CaptureConfig};
use crate::cpus::CpuReader;
use crate::decode::decode;
use crate::procfs::{HostCounters, KeptOut, Starvation};
use crate::raw::RawRecord;
use crate::tasks::{Found, TaskReader};
use crate::user_code::UserCode;

/// Snapshots of one close at most. Each is another chance to run undisturbed; a host that grants none has to be judged all
/// the same.
const MAX_SNAPSHOTS: u32 = 4;

/// A snapshot that took longer is taken again. 256 CPUs take some 5 ms.
const MAX_SNAPSHOT_NS: u64 = 10_000_000;

/// Part of its window that a snapshot may take: what it puts into the wrong window is below the sampling error.
const MAX_SNAPSHOT_PART: u64 = 20;

/// How late in a window of 300 ms probe groups may come for it to tell of them as if it had seen them all along: their rates are then
/// too low by a fifth at most. Nobody empties rings while it is waited for.
const MAX_GROUPS_LATE: Duration = Duration::from_millis(60);

/// A running observation.
pub(super) struct Pipeline {
    capture: Capture,
    counters: HostCounters,
    builder: WindowBuilder,
    governor: Governor,
    starvation: Starvation,
    /// Who waits for a CPU, as the last copy says.
    waiting: Vec<StarvedTask>,
    kept_out: KeptOut,
    /// If user stacks are taken.
    user_code: Option<Arc<UserCode>>,
    /// If the scope is one of tasks.
    tasks: Option<TaskReader>,
    /// If the scope is one of CPUs.
    cpus: Option<CpuReader>,
    /// What was said of the scope.
    said: Option<&'static str>,
    raw: Vec<RawRecord>,
    events: Vec<Event>,
    nr_undecodable: u64,
    window_begin: MonotonicNs,
    /// When the rings were emptied last.
    drained_at: MonotonicNs,
    /// When all was ready to judge; what the process cost before is its start-up.
    prepared: Option<MonotonicNs>,
    /// What was folded since the last close, if the session is recorded.
    folded: Option<Vec<Event>>,
    /// Whether only waits that were open are booked any more, and the last books are to be of one moment.
    is_stopped: bool,
}

/// Each CPU takes a perf event for samples and two more in a scope of CPUs: with 300 of them more files than the usual soft limit
/// allows. What the hard limit does not allow is told where it is missed.
fn raise_file_limit() {
    if let Err(error) = rlimit::increase_nofile_limit(rlimit::INFINITY) {
        log::debug!("failed to raise the limit of open files: {error}");
    }
}

impl Pipeline {
    /// Attaches, and takes the first snapshot.
    pub(super) fn start(
        config: &CaptureConfig,
        builder: WindowBuilder,
        (tasks, user_code): (Option<Found>, Option<Arc<UserCode>>),
        is_recorded: bool,
    ) -> anyhow::Result<Self> {
        let counters = HostCounters::open()?;
        raise_file_limit();
        let capture = Capture::start(config)?;
        let tasks = tasks.map(|found| TaskReader::begin(found, capture.members()));
        let cpus = builder.scope().cpus.clone().map(CpuReader::begin);
        let mut pipeline = Self {
            capture,
            counters,
            cpus,
            builder,
            governor: if is_recorded {
                Governor::of_recording()
            } else {
                Governor::default()
            },
            starvation: Starvation::default(),
            waiting: Vec::new(),
            kept_out: KeptOut::default(),
            user_code,
            tasks,
            said: None,
            raw: Vec::new(),
            events: Vec::new(),
            nr_undecodable: 0,
            window_begin: now(),
            drained_at: now(),
            prepared: None,
            folded: is_recorded.then(Vec::new),
            is_stopped: false,
        };
        pipeline.drain();
        let at = pipeline.snapshot()?;
        pipeline.builder.baseline(at);
        pipeline.window_begin = at;
        Ok(pipeline)
    }

    /// Where the first window starts, for its recording; once.
    pub(super) fn take_baseline(&mut self) -> Baseline {
        let mut events = self.take_folded();
        events.retain(carries_over);
        Baseline {
            at: self.window_begin,
            events,
        }
    }

    fn take_folded(&mut self) -> Vec<Event> {
        self.folded.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn book(&mut self, event: Event) {
        if let Some(folded) = &mut self.folded {
            folded.push(event.clone());
        }
        self.builder.fold(event);
    }

    /// What drives the sampler.
    pub(super) fn sampler(&self) -> livelock_core::host::SamplerSource {
        self.capture.sampler()
    }

    /// Why what tells of releases is less than the kernel has, to be read after "failed to".
    pub(super) fn refused(&self) -> &[String] {
        self.capture.refused()
    }

    /// Why what the CPUs of the scope achieve is not all known.
    pub(super) fn uncounted(&self) -> Option<&str> {
        self.cpus.as_ref()?.uncounted()
    }

    /// Leaves out of `facts` what the kernel has and did not let us use.
    pub(super) fn correct(&self, facts: &mut HostFacts) {
        let used = self.capture.offsets();
        facts.has_lockdep &= used.lockdep.is_some();
        facts.has_contended_release &= used.releases_contended();
    }

    /// Where the run queues of CPUs are, of those found so far.
    pub(super) fn runqueues(&self) -> Vec<(CpuId, LockAddr)> {
        self.capture.runqueues()
    }

    /// All is ready to judge.
    pub(super) fn prepared(&mut self) {
        self.prepared = Some(now());
    }

    /// Empties the rings into the present window; gives the time to the next drain.
    pub(super) fn drain(&mut self) -> Duration {
        let drained = self.capture.drain(&mut self.raw);
        let at = now();
        let before = std::mem::replace(&mut self.drained_at, at);
        self.fold(at);
        if self
            .governor
            .drained(drained, Duration::from_nanos(at.since(before)))
        {
            self.capture.set_slice_mask(self.governor.slice_mask);
        }
        self.governor.drain_after
    }

    /// Closes the present window and starts the next. With it comes what was folded into it, if the session is
    /// recorded.
    pub(super) fn close_window(&mut self) -> anyhow::Result<(Window, Vec<Event>)> {
        self.drain();
        let attempts = self.capture.take_attempts();
        let end = self.snapshot()?;
        let begin = std::mem::replace(&mut self.window_begin, end);
        let mut window = self.builder.close(begin, end);
        window.attempts = attempts;
        let is_steady = self.prepared.is_some_and(|prepared| prepared <= begin);
        let (cost, mut waits) = cost(&window, is_steady);
        if self.tasks.is_some() {
            // Of a scope's share of the host nobody can say that it is little.
            waits.waited_share = 1.0;
        }
        if self.governor.closed_window(cost, waits) {
            self.capture
                .set_min_stack_period(self.governor.min_stack_period);
        }
        self.capture.begin_window();
        Ok((window, self.take_folded()))
    }

    /// Looks at each close for threads that `hog`, a real-time task, keeps from its CPU.
    pub(super) fn look_beside(&mut self, hog: Option<Pid>) {
        self.kept_out.beside(hog);
    }

    /// What is known of attempts, which are counted on demand.
    pub(super) fn counts(&self) -> Counts {
        match self.capture.tells_attempts() {
            None => Counts::None,
            Some(false) => Counts::UnderWay,
            Some(true) => Counts::Told,
        }
    }

    /// Counts attempts of these from now on.
    pub(super) fn count_attempts(&mut self, suspects: &[Suspect]) {
        self.capture.count_attempts(suspects);
    }

    /// These groups of probe level 1 from now on, or as soon as the host's CPUs answer.
    pub(super) fn set_groups(&mut self, groups: GroupSet) {
        let before = self.capture.groups();
        if groups == before {
            return;
        }
        self.capture.set_groups(groups);
        if groups != self.capture.groups() {
            return log::info!("the probe groups ordered before are not there yet");
        }
        let names: Vec<_> = groups.iter().map(ProbeGroup::name).collect();
        let passed = || Duration::from_nanos(now().since(self.window_begin));
        // Those that leave are told of no more, whenever they are gone.
        let has_new = groups.iter().any(|group| !before.has(group));
        let left = MAX_GROUPS_LATE.checked_sub(passed()).filter(|_| has_new);
        let is_there = left.is_some_and(|left| self.capture.wait_for_groups(left));
        let state = if is_there { "there" } else { "on their way" };
        log::info!(
            "probe groups {names:?} {state} {} ms into a window",
            passed().as_millis()
        );
    }

    /// Books nothing new, and gives what was booked since the last close. All is attached until this is dropped, for which
    /// nobody has to wait before the answer is told.
    pub(super) fn finish(&mut self) -> anyhow::Result<(Window, Vec<Event>)> {
        self.capture.stop();
        self.is_stopped = true;
        // Where stores may be seen out of order, a drain gives what was there at the one before.
        self.drain();
        self.close_window()
    }

    /// Folds the state of every CPU and the counters of `/proc` as they are now.
    ///
    /// A process that gets no CPU in the middle of this has copies of another moment than it says, and puts the
    /// time of one window into the next: what took long is done again. So is the last one if it is not of one moment, in the end with all
    /// detached: the books of a session are exact.
    fn snapshot(&mut self) -> anyhow::Result<MonotonicNs> {
        let mut nr_tried = 1;
        let at = loop {
            let (at, is_exact) = self.copy_all()?;
            let took_ns = now().since(at);
            let limit_ns = MAX_SNAPSHOT_NS.max(at.since(self.window_begin) / MAX_SNAPSHOT_PART);
            if took_ns > limit_ns {
                let took = Duration::from_nanos(took_ns);
                log::info!(
                    "snapshot {nr_tried} of a close took {} ms",
                    took.as_millis()
                );
            }
            let may_end = is_exact || !self.is_stopped;
            if may_end && (took_ns <= limit_ns || nr_tried >= MAX_SNAPSHOTS) {
                break at;
            }
            // Once: then nothing moves.
            if nr_tried == MAX_SNAPSHOTS {
                log::info!("waits go on ending: detaches before the last books");
                self.capture.detach();
                self.is_stopped = false;
            }
            nr_tried += 1;
            self.builder.forget_moment();
            self.capture.forget_snapshot();
            self.waiting.clear();
            if let Some(folded) = &mut self.folded {
                folded.retain(|event| !is_of_one_moment(event));
            }
        };
        // Once a close: a candidate is confirmed by what it did since the last one.
        let waiting = std::mem::take(&mut self.waiting);
        if !waiting.is_empty() {
            for task in self.starvation.confirm(waiting, self.builder.scope()) {
                self.book(Event::Starved(task));
            }
        }
        for task in self.kept_out.look(at) {
            if self.is_in_scope(task.pid) {
                self.book(Event::Starved(task));
            }
        }
        Ok(at)
    }

    /// One snapshot; the moment at which it began, and whether the states of all CPUs are of one moment.
    ///
    /// The moment is taken before the copies: a delay between them makes waits younger than they are,
    /// never older, and nobody stuck.
    fn copy_all(&mut self) -> anyhow::Result<(MonotonicNs, bool)> {
        let at = now();
        self.cpus.iter_mut().for_each(CpuReader::ask);
        let is_exact = self.capture.close_window(&mut self.raw);
        self.fold(at);
        let events = self
            .counters
            .read()
            .context("read the counters of the host")?;
        for event in events {
            self.book(event);
        }
        let achieved = self.cpus.as_mut().map(CpuReader::read);
        for event in achieved.into_iter().flatten() {
            self.book(event);
        }
        self.read_tasks();
        Ok((at, is_exact))
    }

    /// Whether a thread belongs to the scope.
    fn is_in_scope(&self, thread: Pid) -> bool {
        let tasks = self.tasks.as_ref();
        tasks.is_none_or(|tasks| tasks.has(thread))
    }

    /// What the tasks of the scope did, and a word once none of them is left.
    fn read_tasks(&mut self) {
        let Some(tasks) = &mut self.tasks else {
            return;
        };
        let counters = tasks.read(self.capture.members());
        if let Some(note) = tasks.note()
            && self.said != Some(note)
        {
            self.said = Some(note);
            eprintln!("livelock: {note}");
        }
        if let Some(counters) = counters {
            self.book(Event::Tasks(counters));
        }
    }

    fn fold(&mut self, at: MonotonicNs) {
        for mut raw in self.raw.drain(..) {
            if let (
                RawRecord::Stack {
                    user: Some(user), ..
                },
                Some(code),
            ) = (&mut raw, &self.user_code)
            {
                code.complete(user);
            }
            if let Err(error) = decode(&raw, at, &mut self.events) {
                log::warn!("failed to {error}");
                self.nr_undecodable += 1;
            }
        }
        let mut events = std::mem::take(&mut self.events);
        for event in events.drain(..) {
            match event {
                Event::Starved(task) if self.is_in_scope(task.pid) => self.waiting.push(task),
                Event::Starved(_) => {}
                event => self.book(event),
            }
        }
        self.events = events;
        if self.nr_undecodable > 0 {
            self.book(Event::Undecodable(self.nr_undecodable));
        }
    }
}
