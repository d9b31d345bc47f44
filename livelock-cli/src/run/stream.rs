//! `livelock watch` and `livelock export`: a record a window, a verdict when the status changes.
//!
//! In: a session with or without an end. Out: lines, as text or JSON. Refuses: to end without a summary,
//! unless nobody reads it.

use std::ops::ControlFlow;
use std::time::Duration;

use livelock_core::recording::Opening;
use livelock_core::verdict::{Status, Verdict};

use super::diagnose::exit_reason;
use super::output::{Sink, Written};
use super::session::{Listener, Outcome, Seen, observe};
use crate::args::{Output, Source};
use crate::exit::Exit;
use crate::render::{
    EndedBy, StreamHeader, StreamSummary, WindowSummary, header_line, plain_header, plain_line,
    plain_status, plain_summary, summary_line, verdict_line, window_line,
};

/// How records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Plain,
    Json,
}

struct Stream {
    form: Form,
    sink: Sink,
    status: Option<Status>,
}

impl Stream {
    fn verdict(&mut self, verdict: &Verdict) -> anyhow::Result<Written> {
        let text = match self.form {
            Form::Json => verdict_line(verdict)?,
            Form::Plain => plain_status(verdict),
        };
        self.sink.write(&text)
    }
}

impl Listener for Stream {
    fn begin(&mut self, opening: &Opening) -> anyhow::Result<Written> {
        let text = match self.form {
            Form::Json => header_line(&StreamHeader::new(
                opening.began_unix_ms,
                opening.window_ns,
                opening.host.clone(),
                opening.scope.clone(),
                opening.blind_spots.clone(),
            ))?,
            Form::Plain => plain_header(&opening.host, &opening.scope),
        };
        self.sink.write(&text)
    }

    fn tick(&mut self, _: Duration) -> anyhow::Result<ControlFlow<EndedBy>> {
        Ok(ControlFlow::Continue(()))
    }

    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written> {
        let verdict = seen.judge.recent_verdict(seen.names);
        let summary = summarize(seen, &verdict);
        let text = match self.form {
            Form::Json => window_line(&summary)?,
            Form::Plain => plain_line(&summary),
        };
        if self.sink.write(&text)? == Written::PipeClosed {
            return Ok(Written::PipeClosed);
        }
        // The first windows cannot be judged yet; that is not news.
        let is_news = self.status != Some(verdict.status)
            && !(self.status.is_none() && verdict.status == Status::CannotTell);
        if is_news {
            self.status = Some(verdict.status);
            return self.verdict(&verdict);
        }
        Ok(Written::Yes)
    }
}

/// Observes and streams.
pub(super) async fn run(source: &Source, form: Form, output: &Output) -> anyhow::Result<Exit> {
    let sink = Sink::open(output)?;
    let mut stream = Stream {
        form,
        sink,
        status: None,
    };
    let ended = match observe(source, &mut stream).await? {
        Outcome::Ended(ended) => ended,
        Outcome::Refused(exit) => return Ok(exit),
    };
    let verdict = ended.judge.recent_verdict(&*ended.names);
    let mut ended_by = ended.by;
    if ended_by != EndedBy::ClosedPipe {
        let summary = StreamSummary::new(
            ended.by,
            ended.nr_windows,
            Some(verdict.status),
            verdict.accounting.clone(),
            Some(verdict.self_cost.clone()),
        );
        let text = match form {
            Form::Json => verdict_line(&verdict)? + &summary_line(&summary)?,
            Form::Plain => plain_summary(&summary),
        };
        if stream.sink.write(&text)? == Written::PipeClosed {
            ended_by = EndedBy::ClosedPipe;
        }
    }
    Ok(Exit::of_session(
        exit_reason(source, ended_by),
        Some(verdict.status),
    ))
}

/// A window in few numbers.
pub(super) fn summarize(seen: &Seen<'_>, verdict: &Verdict) -> WindowSummary {
    let window = seen.window;
    let seconds = window.duration_ns() as f64 / 1e9;
    let nr_waits: u64 = window.locks.iter().map(|lock| lock.nr_waits).sum();
    let pct = |share: Option<f64>| share.map(|share| share * 100.0);
    let busy = seen.observation.busy;
    let burn = seen
        .observation
        .omega
        .zip(busy)
        .map(|(omega, busy)| omega * busy);
    WindowSummary {
        number: seen.number,
        ended_unix_ms: seen.ended_unix_ms,
        duration_ns: window.duration_ns(),
        status: verdict.status,
        busy_pct: pct(busy),
        burn_pct: pct(burn),
        omega: seen.observation.omega,
        no_progress: seen.observation.no_progress,
        user_pct: pct(seen.observation.user_share),
        top_lock: seen
            .observation
            .top_lock
            .as_ref()
            .map(|top| top.name.clone()),
        waits_per_sec: if seconds > 0.0 {
            nr_waits as f64 / seconds
        } else {
            0.0
        },
        nr_in_flight: window.in_flight.len() as u64,
        oldest_in_flight_ns: window
            .in_flight
            .iter()
            .map(|wait| window.end.since(wait.begin))
            .max(),
        nr_lost: window
            .cpu_counters
            .values()
            .flat_map(|counters| counters.lost.values())
            .sum::<u64>()
            + window.nr_recursion_misses.unwrap_or(0),
    }
}
