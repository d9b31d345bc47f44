//! What a recording holds.
//!
//! In: filled by a live session. Out: read by [`super::Player`]. Refuses: anything that a verdict does not depend on.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::names::NewNames;
use crate::attempts::SiteAttempts;
use crate::code::{CodeFacts, CodeSpace};
use crate::declared::{DeclaredReading, Source, default_stall_ns};
use crate::event::Event;
use crate::filter::Filter;
use crate::host::HostFacts;
use crate::ids::{CodeAddr, MonotonicNs};
use crate::judge::Judge;
use crate::scope::Scope;
use crate::topology::Topology;
use crate::verdict::BlindSpot;
use crate::window::WindowBuilder;

/// Most events of one frame: with the longest stacks less than 8 MiB.
pub const NR_EVENTS_A_FRAME: usize = 8192;

/// What was observed, where and how: all that a judge is told before the first window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Opening {
    /// Version of the program that recorded.
    pub tool_version: String,
    /// Begin, in milliseconds since 1970.
    pub began_unix_ms: u64,
    /// Host.
    pub host: HostFacts,
    /// What it cannot show.
    pub blind_spots: Vec<BlindSpot>,
    /// What part of it is judged; events are those of the whole host.
    pub scope: Scope,
    /// CPUs online when the probes were attached.
    pub nr_cpus_online: u32,
    /// Length of a window.
    pub window_ns: u64,
    /// Length of the session; `None`: until stopped.
    pub duration_ns: Option<u64>,
    /// Highest probe level.
    pub max_level: u8,
    /// Declared progress.
    pub sources: Vec<Source>,
    /// Its values at the begin.
    pub first_readings: Vec<DeclaredReading>,
    /// What of the locks is listed.
    #[serde(default)]
    pub filter: Filter,
    /// Where its CPUs are, and what moving a cache line between them costs.
    #[serde(default)]
    pub topology: Topology,
    /// 0 if it begins with the session; else which later piece of it this is, counted from 1.
    pub nr_pieces_before: u32,
}

/// Probe level at which attempts are counted. Exceptions in kernel code that may hold locks are not for a host that nobody
/// asked about.
const COUNTING_LEVEL: u8 = 2;

/// The [`BlindSpot::id`] of a recording without an end.
pub const CUT_OFF: &str = "truncated-recording";

impl Opening {
    /// Whether the end of the recording is missing, as far as whoever replays it has said so.
    #[must_use]
    pub fn is_cut_off(&self) -> bool {
        self.blind_spots.iter().any(|spot| spot.id == CUT_OFF)
    }

    /// Whether attempts of the kernel are counted: not below probe level 2, and not where the tasks of the
    /// scope cannot be told from others.
    #[must_use]
    pub const fn counts_attempts(&self) -> bool {
        self.max_level >= COUNTING_LEVEL && !self.scope.is_of_tasks()
    }

    /// The judge of this session.
    #[must_use]
    pub fn judge(&self) -> Judge {
        let mut judge = Judge::within(
            self.scope.clone(),
            self.host.clone(),
            self.blind_spots.clone(),
        );
        let stall_ns = default_stall_ns(self.window_ns, self.duration_ns);
        judge.list_only(self.filter.clone());
        judge.know_topology(self.topology.clone());
        judge.expect_progress(self.sources.clone(), &self.first_readings, stall_ns);
        if self.nr_pieces_before > 0 {
            judge.resume();
        }
        if self.counts_attempts() {
            judge.count_attempts();
        }
        judge
    }

    /// The builder of its windows.
    #[must_use]
    pub fn builder(&self) -> WindowBuilder {
        let builder = WindowBuilder::new(self.nr_cpus_online).within(self.scope.clone());
        if self.nr_pieces_before > 0 {
            builder.from_baseline()
        } else {
            builder
        }
    }
}

/// Where the first window starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// When.
    pub at: MonotonicNs,
    /// Cumulative counters and open waits at that moment.
    pub events: Vec<Event>,
}

/// A window closes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Close {
    /// Its begin.
    pub begin: MonotonicNs,
    /// Its end.
    pub end: MonotonicNs,
    /// Its end, in milliseconds since 1970.
    pub ended_unix_ms: u64,
    /// Its events, or the last of them if they take several frames.
    pub events: Vec<Event>,
    /// Declared progress at its end.
    pub readings: Vec<DeclaredReading>,
    /// What the code is like at instructions that were sampled often.
    pub code: Vec<(CodeSpace, CodeAddr, CodeFacts)>,
    /// What was counted where kernel code attempts something.
    #[serde(default)]
    pub attempts: Vec<SiteAttempts>,
    /// Names that were not known before.
    pub names: NewNames,
}

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndedBy {
    /// The time asked for was over.
    Duration,
    /// SIGINT.
    Interrupt,
    /// SIGTERM.
    Terminate,
    /// The reader went away.
    ClosedPipe,
    /// Capture failed.
    Error,
    /// This recording is full; another one goes on.
    Continued,
    /// Its recording was cut off.
    Truncated,
}

/// The session is over; a recording without it was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closing {
    /// Why.
    pub ended_by: EndedBy,
    /// Windows recorded.
    pub nr_windows: u64,
    /// When, in milliseconds since 1970.
    pub ended_unix_ms: u64,
}

/// One frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// First.
    Opening(Box<Opening>),
    /// Second.
    Baseline(Baseline),
    /// Names that windows before this piece brought.
    Names(NewNames),
    /// Events of the window that closes next.
    Events(Vec<Event>),
    /// A window.
    Window(Close),
    /// What was booked after the last window, when nothing was attached any more.
    Rest(Close),
    /// Last.
    Closing(Closing),
}

/// Whether `event` is part of where the next window starts, if it belongs to the close of one.
#[must_use]
pub const fn carries_over(event: &Event) -> bool {
    match event {
        Event::InFlight(_)
        | Event::Unfolded(_)
        | Event::Cpu { .. }
        | Event::CpuTimes { .. }
        | Event::Progress(_)
        | Event::CpuProgress { .. }
        | Event::Host(_)
        | Event::Activity { .. }
        | Event::RecursionMisses(_)
        | Event::OwnProcess(_)
        | Event::Tasks(_)
        | Event::Undecodable(_) => true,
        Event::LockTotals(_)
        | Event::Wait(_)
        | Event::Stack(_)
        | Event::Sample(_)
        | Event::Release(_)
        | Event::LockCall(_)
        | Event::Starved(_) => false,
    }
}

/// The records of a window: one, unless its events are too many for a frame.
#[must_use]
pub fn chunks(mut close: Close) -> Vec<Record> {
    let mut records = Vec::new();
    while close.events.len() > NR_EVENTS_A_FRAME {
        let rest = close.events.split_off(NR_EVENTS_A_FRAME);
        records.push(Record::Events(std::mem::replace(&mut close.events, rest)));
    }
    records.push(Record::Window(close));
    records
}
