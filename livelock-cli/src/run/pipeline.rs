//! Capture, decode, window: one pipeline for every job.
//!
//! In: attached probes and `/proc`. Out: windows. Refuses: to judge them.

use anyhow::Context;
use livelock_core::event::Event;
use livelock_core::ids::{MonotonicNs, Pid};
use livelock_core::window::{Window, WindowBuilder};

use super::governor::Governor;
use crate::capture::{Capture, CaptureConfig};
use crate::decode::decode;
use crate::procfs::{HostCounters, KeptOut, Starvation};
use crate::raw::RawRecord;
use crate::tasks::{Found, TaskReader};

/// A running observation.
pub(super) struct Pipeline {
    capture: Capture,
    counters: HostCounters,
    builder: WindowBuilder,
    governor: Governor,
    starvation: Starvation,
    kept_out: KeptOut,
    /// If the scope is one of tasks.
    tasks: Option<TaskReader>,
    has_said_empty: bool,
    raw: Vec<RawRecord>,
    events: Vec<Event>,
    nr_undecodable: u64,
    window_begin: MonotonicNs,
}

impl Pipeline {
    /// Attaches, and takes the first snapshot.
    pub(super) fn start(
        config: &CaptureConfig,
        builder: WindowBuilder,
        tasks: Option<Found>,
    ) -> anyhow::Result<Self> {
        let counters = HostCounters::open()?;
        let capture = Capture::start(config)?;
        let tasks = tasks.map(|found| TaskReader::begin(found, capture.members()));
        let mut pipeline = Self {
            capture,
            counters,
            builder,
            governor: Governor::default(),
            starvation: Starvation::default(),
            kept_out: KeptOut::default(),
            tasks,
            has_said_empty: false,
            raw: Vec::new(),
            events: Vec::new(),
            nr_undecodable: 0,
            window_begin: now(),
        };
        pipeline.drain();
        let at = pipeline.snapshot()?;
        pipeline.builder.baseline(at);
        pipeline.window_begin = at;
        Ok(pipeline)
    }

    /// What drives the sampler.
    pub(super) fn sampler(&self) -> livelock_core::host::SamplerSource {
        self.capture.sampler()
    }

    /// Empties the rings into the present window.
    pub(super) fn drain(&mut self) {
        let nr_in_fullest = self.capture.drain(&mut self.raw);
        self.fold(now());
        if self.governor.drained(nr_in_fullest) {
            self.capture.set_slice_mask(self.governor.slice_mask);
        }
    }

    /// Closes the present window and starts the next.
    pub(super) fn close_window(&mut self) -> anyhow::Result<Window> {
        self.drain();
        let end = self.snapshot()?;
        let begin = std::mem::replace(&mut self.window_begin, end);
        let window = self.builder.close(begin, end);
        let (cost_pct, nr_begun) = programs(&window);
        if self.governor.closed_window(cost_pct, nr_begun) {
            self.capture
                .set_min_stack_period(self.governor.min_stack_period);
        }
        Ok(window)
    }

    /// Looks at each close for threads that `hog`, a real-time task, keeps from its CPU.
    pub(super) fn look_beside(&mut self, hog: Option<Pid>) {
        self.kept_out.beside(hog);
    }

    /// Probes of `level` from now on.
    pub(super) fn set_level(&mut self, level: u8) {
        if level != self.capture.level() {
            let began = std::time::Instant::now();
            self.capture.set_level(level);
            log::info!(
                "probe level {level} after {} ms",
                began.elapsed().as_millis()
            );
        }
    }

    /// Detaches and gives what was booked since the last close, when nothing moves any more.
    pub(super) fn finish(&mut self) -> anyhow::Result<Window> {
        self.capture.detach();
        self.close_window()
    }

    /// Folds the state of every CPU and the counters of `/proc` as they are now.
    ///
    /// The moment is taken before the copies: a delay between them makes waits younger than they are,
    /// never older, and nobody stuck.
    fn snapshot(&mut self) -> anyhow::Result<MonotonicNs> {
        let at = now();
        self.capture.close_window(&mut self.raw);
        self.fold(at);
        let events = self
            .counters
            .read()
            .context("read the counters of the host")?;
        for event in events {
            self.builder.fold(event);
        }
        self.read_tasks();
        for task in self.kept_out.look(at) {
            self.builder.fold(Event::Starved(task));
        }
        Ok(at)
    }

    /// What the tasks of the scope did, and a word once none of them is left.
    fn read_tasks(&mut self) {
        let Some(tasks) = &mut self.tasks else {
            return;
        };
        if let Some(counters) = tasks.read(self.capture.members()) {
            self.builder.fold(Event::Tasks(counters));
        }
        if tasks.is_empty() && !self.has_said_empty {
            self.has_said_empty = true;
            eprintln!("livelock: the scope has no task any more; if some come, they count");
        }
    }

    fn fold(&mut self, at: MonotonicNs) {
        for raw in self.raw.drain(..) {
            if let Err(error) = decode(&raw, at, &mut self.events) {
                log::warn!("failed to {error}");
                self.nr_undecodable += 1;
            }
        }
        let mut waiting = Vec::new();
        for event in self.events.drain(..) {
            match event {
                Event::Starved(task) => {
                    let tasks = self.tasks.as_ref();
                    if tasks.is_none_or(|tasks| tasks.has(task.pid)) {
                        waiting.push(task);
                    }
                }
                event => self.builder.fold(event),
            }
        }
        if !waiting.is_empty() {
            for task in self.starvation.confirm(waiting) {
                self.builder.fold(Event::Starved(task));
            }
        }
        if self.nr_undecodable > 0 {
            self.builder.fold(Event::Undecodable(self.nr_undecodable));
        }
    }
}

/// What the kernel programs cost in `window`, in percent of the host's CPUs, and the waits they saw begin.
fn programs(window: &Window) -> (f64, u64) {
    let counters = window.cpu_counters.values();
    let (self_ns, nr_begun) = counters.fold((0u64, 0u64), |(self_ns, nr_begun), counters| {
        (
            self_ns.saturating_add(counters.self_ns),
            nr_begun.saturating_add(counters.nr_begun),
        )
    });
    let capacity_ns = window.capacity_ns().max(1);
    (self_ns as f64 / capacity_ns as f64 * 100.0, nr_begun)
}

/// `CLOCK_MONOTONIC`, the clock of the kernel programs.
pub(super) fn now() -> MonotonicNs {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` outlives the call, which writes one `timespec`; this clock always exists.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or(0);
    MonotonicNs(
        seconds
            .saturating_mul(1_000_000_000)
            .saturating_add(nanoseconds),
    )
}
