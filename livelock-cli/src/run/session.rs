//! One observation, live or recorded.
//!
//! In: a [`Source`]. Out: windows judged in order, told to a [`Listener`]. Refuses: a second way to judge; where
//! windows come from is the only difference.

use livelock_core::declared::DeclaredReading;
use livelock_core::detect::Observation;
use livelock_core::judge::Judge;
use livelock_core::names::Names;
use livelock_core::recording::{EndedBy, Opening};
use livelock_core::window::Window;
use std::ops::ControlFlow;
use std::time::Duration;

use super::output::Written;
use super::pipeline::Pipeline;
use super::{live, replay};
use crate::args::Source;
use crate::declared::Sources;
use crate::exit::Exit;
use crate::record::Recorded;

/// What a listener is told of a window.
pub(super) struct Seen<'a> {
    pub(super) number: u64,
    pub(super) ended_unix_ms: u64,
    pub(super) window: &'a Window,
    pub(super) observation: &'a Observation,
    pub(super) judge: &'a Judge,
    pub(super) names: &'a dyn Names,
}

/// Who wants to know.
pub(super) trait Listener {
    /// Before the first window.
    fn begin(&mut self, opening: &Opening) -> anyhow::Result<Written>;
    /// Every drain of a live session. May end it, and says why.
    fn tick(&mut self, elapsed: Duration) -> anyhow::Result<ControlFlow<EndedBy>>;
    /// Every window.
    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written>;
    /// Whether it is worth to look on now that the asked time is over; `None`: nothing has been judged yet.
    fn looks_on(&mut self, _: Option<&Judge>, _lacks_counts: bool) -> bool {
        false
    }
}

/// A session that is over.
pub(super) struct Ended {
    pub(super) by: EndedBy,
    pub(super) nr_windows: u64,
    pub(super) judge: Judge,
    pub(super) names: Box<dyn Names>,
    /// What was recorded of it.
    pub(super) recorded: Option<Recorded>,
    /// What is still attached of a live one. Dropping it may take seconds where CPUs answer late: first tell the answer.
    pub(super) _attached: Option<(Pipeline, Sources)>,
}

/// A session that took place, or why none did, which was said.
pub(super) enum Outcome {
    Ended(Box<Ended>),
    Refused(Exit),
}

/// Where windows are judged.
pub(super) struct Bench {
    judge: Judge,
    nr_windows: u64,
}

impl Bench {
    pub(super) fn of(opening: &Opening) -> Self {
        Self {
            judge: opening.judge(),
            nr_windows: 0,
        }
    }

    /// Windows judged.
    pub(super) const fn nr_windows(&self) -> u64 {
        self.nr_windows
    }

    pub(super) const fn judge(&self) -> &Judge {
        &self.judge
    }

    /// Judges the next window.
    pub(super) fn observe(
        &mut self,
        window: &Window,
        readings: Vec<DeclaredReading>,
        names: &dyn Names,
    ) -> Observation {
        self.nr_windows += 1;
        self.judge.declare(readings);
        self.judge.observe(window, names)
    }

    /// Tells of the window that was judged last.
    pub(super) fn tell(
        &self,
        window: &Window,
        observation: &Observation,
        ended_unix_ms: u64,
        names: &dyn Names,
        listener: &mut impl Listener,
    ) -> anyhow::Result<Written> {
        listener.window(&Seen {
            number: self.nr_windows,
            ended_unix_ms,
            window,
            observation,
            judge: &self.judge,
            names,
        })
    }

    /// Takes the books after the last window.
    pub(super) fn settle(&mut self, rest: &Window) {
        self.judge.settle(rest);
    }

    /// The end.
    pub(super) fn end(
        self,
        by: EndedBy,
        names: Box<dyn Names>,
        recorded: Option<Recorded>,
    ) -> Ended {
        Ended {
            by,
            nr_windows: self.nr_windows,
            judge: self.judge,
            names,
            recorded,
            _attached: None,
        }
    }
}

/// Observes to the end of the source, or until the listener's reader is gone.
pub(super) async fn observe(
    source: &Source,
    listener: &mut impl Listener,
) -> anyhow::Result<Outcome> {
    match source {
        Source::Host { session, recording } => {
            live::observe(session, recording.as_deref(), listener).await
        }
        Source::Recording { input, filter } => replay::observe(input, filter, listener),
    }
}
