//! The last windows, in memory.
//!
//! In: frames of each window. Out: those of the last minutes, and where the first of them starts. Refuses: more time
//! or bytes than it may keep; the oldest go.

use std::collections::VecDeque;
use std::time::Duration;

use livelock_core::declared::DeclaredReading;

use super::piece::Frames;

/// Where the oldest kept window starts.
#[derive(Clone, Debug)]
pub(super) struct Start {
    pub(super) baseline: Vec<u8>,
    pub(super) readings: Vec<DeclaredReading>,
    pub(super) unix_ms: u64,
}

/// The last windows.
pub(super) struct Ring {
    span_ns: u64,
    max_bytes: u64,
    start: Start,
    kept: VecDeque<Frames>,
    nr_bytes: u64,
}

impl Ring {
    pub(super) fn new(span: Duration, max_bytes: u64, start: Start) -> Self {
        Self {
            span_ns: u64::try_from(span.as_nanos()).unwrap_or(u64::MAX),
            max_bytes,
            start,
            kept: VecDeque::new(),
            nr_bytes: 0,
        }
    }

    /// Keeps a window; the newest stays, whatever the bounds.
    pub(super) fn push(&mut self, frames: Frames) {
        let now = frames.end;
        self.nr_bytes += size(&frames);
        self.kept.push_back(frames);
        while let Some(oldest) = self.kept.front()
            && self.kept.len() > 1
            && (now.since(oldest.end) > self.span_ns || self.nr_bytes > self.max_bytes)
            && let Some(oldest) = self.kept.pop_front()
        {
            self.nr_bytes -= size(&oldest);
            self.start = Start {
                baseline: oldest.carry,
                readings: oldest.readings,
                unix_ms: oldest.ended_unix_ms,
            };
        }
    }

    pub(super) const fn start(&self) -> &Start {
        &self.start
    }

    pub(super) fn windows(&self) -> impl Iterator<Item = &Frames> {
        self.kept.iter()
    }
}

fn size(frames: &Frames) -> u64 {
    (frames.bytes.len() + frames.carry.len()) as u64
}
