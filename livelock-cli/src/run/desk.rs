//! Where a live session is judged, and recorded if asked for.
//!
//! In: closed windows with what was folded into them, names, code. Out: what a listener is told, and frames of a
//! recording. Refuses: to judge a recorded session by a name that the recording does not hold.

use std::collections::VecDeque;

use livelock_core::attempts::Suspect;
use livelock_core::code::{Code, CodeSpace};
use livelock_core::declared::DeclaredReading;
use livelock_core::detect::Observation;
use livelock_core::escalation::{Escalation, SiteChoice, functions_to_search, is_busy_with_kernel};
use livelock_core::event::Event;
use livelock_core::ids::{CpuId, LockAddr, Pid};
use livelock_core::judge::Judge;
use livelock_core::names::Names;
use livelock_core::probes::GroupSet;
use livelock_core::recording::{Baseline, Close, EndedBy, NameTable, NewNames, Opening};
use livelock_core::spin_functions::{is_idle, is_spin};
use livelock_core::window::Window;

use super::output::Written;
use super::prepare::Prepared;
use super::session::{Bench, Ended, Listener};
use crate::code::LiveCode;
use crate::names::LiveNames;
use crate::record::{Recorded, Recorder, Stopped, Writer};

/// Windows after which code is read anew.
const FORGET_CODE_EVERY: u64 = 10;

/// A window that waits to be judged.
pub(super) struct Closed {
    pub(super) window: Window,
    /// What was folded into it; empty if the session is not recorded.
    pub(super) events: Vec<Event>,
    pub(super) readings: Vec<DeclaredReading>,
    /// Where the run queues of CPUs are, for names.
    pub(super) runqueues: Vec<(CpuId, LockAddr)>,
    pub(super) ended_unix_ms: u64,
}

impl Closed {
    fn into_close(self, names: NewNames) -> Close {
        Close {
            begin: self.window.begin,
            end: self.window.end,
            ended_unix_ms: self.ended_unix_ms,
            events: self.events,
            readings: self.readings,
            code: self.window.code,
            attempts: self.window.attempts,
            names,
        }
    }
}

/// What is recorded, and by whom, with the names that it holds.
pub(super) struct Tape {
    /// `None` once nothing more can be written.
    writer: Option<Writer>,
    /// Whether the session is over then.
    is_vital: bool,
    baseline: Option<Baseline>,
    names: NameTable,
    recorded: Recorded,
}

impl Tape {
    /// Starts the thread that writes.
    pub(super) fn start(
        recorder: Recorder,
        is_vital: bool,
        baseline: Baseline,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            writer: Some(Writer::start(recorder)?),
            is_vital,
            baseline: Some(baseline),
            names: NameTable::default(),
            recorded: Recorded::default(),
        })
    }

    fn begin(&mut self, opening: &Opening) -> anyhow::Result<Written> {
        match self.baseline.take() {
            Some(baseline) => self.write(|writer| writer.begin(opening, baseline)),
            None => Ok(Written::Yes),
        }
    }

    fn window(&mut self, close: Close, judge: &Judge) -> anyhow::Result<Written> {
        self.write(|writer| {
            let status = writer.wants_status().then(|| judge.recent_status());
            writer.window(close, status)
        })
    }

    fn end(&mut self, rest: Close, by: EndedBy) -> anyhow::Result<Written> {
        self.write(|writer| writer.end(rest, by))?;
        self.stop()
    }

    fn write(
        &mut self,
        order: impl FnOnce(&Writer) -> Result<(), Stopped>,
    ) -> anyhow::Result<Written> {
        match self.writer.as_ref().map(order) {
            Some(Err(Stopped)) => self.stop(),
            Some(Ok(())) | None => Ok(Written::Yes),
        }
    }

    /// Waits for what is still to be written. A diagnosis outlives its recording.
    fn stop(&mut self) -> anyhow::Result<Written> {
        let Some(writer) = self.writer.take() else {
            return Ok(Written::Yes);
        };
        let (recorded, done) = writer.finish();
        self.recorded = recorded;
        match done {
            Ok(()) => Ok(Written::Yes),
            Err(error) if self.is_vital && error.is_closed_pipe() => Ok(Written::PipeClosed),
            Err(error) if self.is_vital => Err(error.into()),
            Err(error) => {
                eprintln!(
                    "livelock: the recording ends here, the diagnosis goes on: failed to {:#}",
                    anyhow::Error::from(error)
                );
                Ok(Written::Yes)
            }
        }
    }
}

/// The part of a session that needs names, which arrive later than the first events.
pub(super) struct Desk {
    bench: Bench,
    names: LiveNames,
    code: LiveCode,
    escalation: Escalation,
    groups: GroupSet,
    /// `None`: attempts are not counted.
    site_choice: Option<SiteChoice>,
    suspects: Vec<Suspect>,
    rt_hog: Option<Pid>,
    tape: Option<Tape>,
}

impl Desk {
    /// Begins, and says so.
    pub(super) fn begin(
        opening: &Opening,
        prepared: Prepared,
        mut tape: Option<Tape>,
        listener: &mut impl Listener,
    ) -> anyhow::Result<(Self, Written)> {
        let mut written = listener.begin(opening)?;
        if let Some(tape) = &mut tape
            && tape.begin(opening)? == Written::PipeClosed
        {
            written = Written::PipeClosed;
        }
        let desk = Self {
            bench: Bench::of(opening),
            names: prepared.names,
            code: prepared.code,
            escalation: Escalation::default(),
            groups: GroupSet::EMPTY,
            site_choice: opening.counts_attempts().then(SiteChoice::default),
            suspects: Vec::new(),
            rt_hog: None,
            tape,
        };
        Ok((desk, written))
    }

    /// Who judges.
    pub(super) const fn judge_so_far(&self) -> &Judge {
        self.bench.judge()
    }

    /// A real-time task that had a CPU nearly to itself in the last window.
    pub(super) const fn rt_hog(&self) -> Option<Pid> {
        self.rt_hog
    }

    /// Probe groups that the next window deserves.
    pub(super) const fn groups(&self) -> GroupSet {
        self.groups
    }

    /// Where attempts are worth counting in the next window.
    pub(super) fn suspects(&self) -> &[Suspect] {
        &self.suspects
    }

    /// Judges what waits, in order.
    pub(super) fn judge_all(
        &mut self,
        waiting: &mut VecDeque<Closed>,
        listener: &mut impl Listener,
    ) -> anyhow::Result<Written> {
        while let Some(closed) = waiting.pop_front() {
            if self.judge(closed, listener)? == Written::PipeClosed {
                return Ok(Written::PipeClosed);
            }
        }
        Ok(Written::Yes)
    }

    fn judge(
        &mut self,
        mut closed: Closed,
        listener: &mut impl Listener,
    ) -> anyhow::Result<Written> {
        for &(cpu, addr) in &closed.runqueues {
            self.names.learn_runqueue(cpu, addr);
        }
        self.names.learn(&closed.window, self.tape.is_some());
        log::debug!("learned the names of a window");
        explain_hot(
            &mut closed.window,
            &self.code.with_names(&self.names),
            &self.names,
        );
        log::debug!("read the code that was hot");
        let new_names = match &mut self.tape {
            Some(tape) => tape.names.resolve(&closed.events, &self.names),
            None => NewNames::default(),
        };
        let names: &dyn Names = match &self.tape {
            Some(tape) => &tape.names,
            None => &self.names,
        };
        log::debug!("resolved names for the recording");
        let seen = self
            .bench
            .observe(&closed.window, closed.readings.clone(), names);
        log::debug!("observed it");
        self.groups = self.escalation.next(&closed.window, &seen);
        self.rt_hog = seen.rt_hog;
        let written =
            self.bench
                .tell(&closed.window, &seen, closed.ended_unix_ms, names, listener)?;
        log::debug!("judged it");
        self.choose_suspects(&closed.window, &seen);
        log::debug!("looked for attempts");
        // Code changes rarely (processes end, static keys flip), and reading it is not free.
        if self.bench.nr_windows().is_multiple_of(FORGET_CODE_EVERY) {
            self.code.forget();
        }
        if let Some(tape) = &mut self.tape
            && tape.window(closed.into_close(new_names), self.bench.judge())? == Written::PipeClosed
        {
            return Ok(Written::PipeClosed);
        }
        Ok(written)
    }

    /// Looks for attempts where the kernel spends its time.
    fn choose_suspects(&mut self, window: &Window, seen: &Observation) {
        let Some(choice) = &mut self.site_choice else {
            return;
        };
        let mut found = Vec::new();
        if is_busy_with_kernel(seen) {
            let code = self.code.with_names(&self.names);
            found = code.attempts(&functions_to_search(window, &self.names));
        }
        self.suspects = choice.next(window, seen, &found);
        for suspect in &self.suspects {
            let function = self.names.function(suspect.found.site.begin);
            let function = function.map_or_else(String::new, |function| function.name);
            log::info!(
                "counts attempts in {function} at {:x} on CPUs {:?}",
                suspect.found.site.tried_at.0,
                suspect.cpus
            );
        }
    }

    /// Takes the books after the last window, and ends.
    pub(super) fn end(mut self, rest: Closed, by: EndedBy) -> anyhow::Result<Ended> {
        self.names.settle();
        self.bench.settle(&rest.window);
        let Some(mut tape) = self.tape else {
            return Ok(self.bench.end(by, Box::new(self.names), None));
        };
        let close = rest.into_close(tape.names.resolve_late(&self.names));
        tape.end(close, by)?;
        let Tape {
            names, recorded, ..
        } = tape;
        Ok(self.bench.end(by, Box::new(names), Some(recorded)))
    }
}

/// Looks at the code of the instructions that were sampled most.
fn explain_hot(window: &mut Window, code: &impl Code, names: &impl Names) {
    let hot = window.hot_instructions();
    // The loops of known locks need no decoder.
    let is_known = |addr| {
        let function = names.function(addr);
        function.is_some_and(|function| is_spin(&function.name) || is_idle(&function.name))
    };
    let facts = hot
        .into_iter()
        .filter(|&(space, addr)| space != CodeSpace::Kernel || !is_known(addr))
        .filter_map(|(space, addr)| Some((space, addr, code.facts(space, addr)?)));
    window.code = facts.collect();
}
