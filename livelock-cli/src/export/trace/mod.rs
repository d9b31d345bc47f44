//! A trace for the Perfetto UI.
//!
//! In: windows. Out: packets: a track for each CPU with the spin waits that it saw, a group for each hot lock with its
//! holds and its waits that sleep, counters and markers of verdicts. Refuses: memory that grows with the session; what
//! is known of tracks is bounded, and waits without a track are counted on the track of verdicts.

mod draw;
mod packet;
#[cfg(test)]
mod tests;
mod tracks;

use std::collections::BTreeMap;

use livelock_core::event::{InFlightWait, LockKind, WaitEvent};
use livelock_core::ids::{LockAddr, MonotonicNs};
use livelock_core::locks::{HoldSpan, hold_spans};
use livelock_core::recording::Opening;
use livelock_core::verdict::{Status, Verdict};
use prost::Message;

use self::draw::{CLOCK_MONOTONIC, CLOCK_REALTIME, Paper, number, text};
use self::packet::{Clock, ClockSnapshot, TracePacket};
use self::tracks::{Gauge, Tracks};
use super::{Ending, ExportError, Exporter, Moment};
use crate::render::status_word;

/// `SEQ_INCREMENTAL_STATE_CLEARED`.
const STATE_CLEARED: u32 = 1;

/// The trace so far.
#[derive(Default)]
pub(crate) struct Trace {
    tracks: Tracks,
    has_begun: bool,
    status: Option<Status>,
    /// Waits that no track had room for.
    nr_undrawn: u64,
    /// Waits open at the last close.
    open: Vec<InFlightWait>,
    end: Option<MonotonicNs>,
}

/// Spin waits stay on their CPU and are inside one another there; the others move.
const fn spins(kind: LockKind) -> bool {
    matches!(kind, LockKind::Spinlock | LockKind::Rwlock)
}

impl Trace {
    fn begin(&mut self, paper: &mut Paper, moment: &Moment<'_>) {
        self.has_begun = true;
        let ended_unix_ns = moment.summary.ended_unix_ms.saturating_mul(1_000_000);
        let clock = |clock_id, at_ns| Clock {
            clock_id: Some(clock_id),
            timestamp: Some(at_ns),
        };
        paper.add(TracePacket {
            sequence_flags: Some(STATE_CLEARED),
            clock_snapshot: Some(ClockSnapshot {
                clocks: vec![
                    clock(CLOCK_MONOTONIC, moment.window.end.0),
                    clock(CLOCK_REALTIME, ended_unix_ns),
                ],
                primary_trace_clock: Some(CLOCK_MONOTONIC),
            }),
            ..TracePacket::default()
        });
        self.tracks.describe_roots(paper);
    }

    fn waits(&mut self, paper: &mut Paper, moment: &Moment<'_>) {
        let mut names: BTreeMap<LockAddr, String> = BTreeMap::new();
        for wait in &moment.window.waits {
            let name = names.entry(wait.lock).or_insert_with(|| {
                let named = moment.judge.lock_name(Some(wait.lock), moment.names);
                named.map_or_else(|| wait.lock.to_string(), |named| named.name)
            });
            let track = if spins(wait.kind) {
                Some(self.tracks.cpu(wait.cpu, paper))
            } else {
                self.tracks.waiting(wait, paper)
            };
            match track {
                Some(track) => {
                    paper.slice(track, "wait", name, wait.begin, wait.end, of_wait(wait))
                }
                None => self.nr_undrawn += 1,
            }
        }
    }

    fn holds(&mut self, paper: &mut Paper, moment: &Moment<'_>) {
        for (lock, spans) in hold_spans(moment.window) {
            let Some(track) = self.tracks.holding(lock, paper) else {
                continue;
            };
            for HoldSpan { holder, until } in spans {
                let name = format!("thread {} on CPU {}", holder.pid.0, holder.cpu.0);
                paper.slice(track, "hold", &name, holder.end, until, Vec::new());
            }
        }
    }

    fn gauges(&self, paper: &mut Paper, moment: &Moment<'_>) {
        let summary = moment.summary;
        for (gauge, value) in [
            (Gauge::Busy, summary.busy_pct),
            (Gauge::Burn, summary.burn_pct),
            (Gauge::User, summary.user_pct),
            (Gauge::InFlight, Some(summary.nr_in_flight as f64)),
        ] {
            if let Some(value) = value {
                // The value of a window holds from its begin.
                paper.counter(gauge.track(), value, moment.window.begin);
            }
        }
    }

    fn verdict(&mut self, paper: &mut Paper, verdict: &Verdict, at: MonotonicNs) {
        let is_first = self.status.is_none() && verdict.status == Status::CannotTell;
        if self.status == Some(verdict.status) || is_first {
            return;
        }
        self.status = Some(verdict.status);
        let confidence = format!("{:?}", verdict.confidence).to_lowercase();
        let notes = vec![
            text("cause", &verdict.cause.summary),
            text("confidence", &confidence),
        ];
        paper.instant(tracks::VERDICTS, status_word(verdict.status), at, notes);
    }
}

fn of_wait(wait: &WaitEvent) -> Vec<packet::DebugAnnotation> {
    vec![
        text("lock", &wait.lock.to_string()),
        number("thread", wait.pid.0.into()),
        number("process", wait.tgid.0.into()),
        number("spin_ns", wait.spin_ns),
        text("acquired", if wait.acquired { "yes" } else { "no" }),
    ]
}

impl Exporter for Trace {
    fn begin(&mut self, _: &Opening) -> Result<Vec<u8>, ExportError> {
        Ok(Vec::new())
    }

    fn window(&mut self, moment: &Moment<'_>) -> Result<Vec<u8>, ExportError> {
        let mut paper = Paper::default();
        if !self.has_begun {
            Self::begin(self, &mut paper, moment);
        }
        self.tracks.choose(moment, &mut paper);
        self.waits(&mut paper, moment);
        self.holds(&mut paper, moment);
        self.gauges(&mut paper, moment);
        self.verdict(&mut paper, moment.verdict, moment.window.end);
        self.open.clone_from(&moment.window.in_flight);
        self.end = Some(moment.window.end);
        Ok(paper.into_trace().encode_to_vec())
    }

    fn end(&mut self, ending: &Ending<'_>) -> Result<Vec<u8>, ExportError> {
        let mut paper = Paper::default();
        for wait in self.open.iter().filter(|wait| spins(wait.kind)) {
            let named = ending.judge.lock_name(Some(wait.lock), ending.names);
            let name = named.map_or_else(|| wait.lock.to_string(), |named| named.name);
            let track = self.tracks.cpu(wait.cpu, &mut paper);
            // No end: the UI draws it to the end of the trace and says so.
            let notes = vec![number("thread", wait.pid.0.into())];
            paper.open_slice(track, "wait", &name, wait.begin, notes);
        }
        if let Some(end) = self.end {
            let summary = ending.summary;
            let notes = vec![
                number("windows", summary.nr_windows),
                number("waits_lost", summary.nr_lost),
                number("details_lost", summary.nr_detail_lost),
                number("waits_without_a_track", self.nr_undrawn),
            ];
            paper.instant(tracks::VERDICTS, "end of the session", end, notes);
        }
        Ok(paper.into_trace().encode_to_vec())
    }
}
