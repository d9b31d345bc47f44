//! `livelock watch` and `livelock export`: a record a window, a verdict when the status changes.
//!
//! In: a session with or without an end. Out: lines, as text or JSON. Refuses: to end without a summary,
//! unless nobody reads it.

use std::ops::ControlFlow;
use std::time::Duration;

use livelock_core::activity::Activity;
use livelock_core::ledger::time::share;
use livelock_core::probes::ProbeGroup;
use livelock_core::recording::Opening;
use livelock_core::verdict::{Status, Verdict};

use super::diagnose::exit_reason;
use super::filter::say_unmatched;
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
                (opening.scope.clone(), opening.filter.clone()),
                opening.blind_spots.clone(),
            ))?,
            Form::Plain => plain_header(&opening.host, &opening.scope, &opening.filter),
        };
        self.sink.write(&text)
    }

    fn tick(&mut self, _: Duration) -> anyhow::Result<ControlFlow<EndedBy>> {
        Ok(ControlFlow::Continue(()))
    }

    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written> {
        let status = seen.judge.recent_status();
        let summary = summarize(seen, status);
        let text = match self.form {
            Form::Json => window_line(&summary, &seen.observation.cpus)?,
            Form::Plain => plain_line(&summary),
        };
        if self.sink.write(&text)? == Written::PipeClosed {
            return Ok(Written::PipeClosed);
        }
        // The first windows cannot be judged yet; that is not news.
        let is_news =
            self.status != Some(status) && !(self.status.is_none() && status == Status::CannotTell);
        if is_news {
            self.status = Some(status);
            return self.verdict(&seen.judge.recent_verdict(seen.names));
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
    say_unmatched(&ended, &verdict);
    let mut ended_by = ended.by;
    if ended_by != EndedBy::ClosedPipe {
        let summary = StreamSummary::new(
            ended.by,
            ended.nr_windows,
            Some(verdict.status),
            verdict.accounting.clone(),
            Some(ended.judge.self_cost()),
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
pub(super) fn summarize(seen: &Seen<'_>, status: Status) -> WindowSummary {
    let window = seen.window;
    let seconds = window.duration_ns() as f64 / 1e9;
    let nr_waits: u64 = window.locks.iter().map(|lock| lock.nr_waits).sum();
    let pct = |share: Option<f64>| share.map(|share| share * 100.0);
    let busy = seen.observation.busy;
    let burn = seen.observation.burn();
    let programs_ns = window.programs_cpu_ns();
    let of_cpus = |ns: u64| pct(share(ns, window.capacity_ns()));
    let groups = window.activity.as_ref().map(Activity::groups);
    let groups = groups.unwrap_or_default();
    WindowSummary {
        number: seen.number,
        ended_unix_ms: seen.ended_unix_ms,
        duration_ns: window.duration_ns(),
        status,
        busy_pct: pct(busy),
        burn_pct: pct(burn),
        omega: seen.observation.omega,
        no_progress: seen.observation.no_progress,
        user_pct: pct(seen.observation.user_share),
        top_lock: if seen.judge.is_filtered() {
            // Of the recent windows: one window alone has few stacks to choose by.
            let listed = seen.judge.recent_verdict(seen.names).locks;
            listed.first().map(|lock| lock.name.clone())
        } else {
            let top = seen.observation.top_lock.as_ref();
            top.map(|top| top.name.clone())
        },
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
        self_cpu_pct: window
            .own_cpu_ns()
            .and_then(|own_ns| of_cpus(programs_ns.saturating_add(own_ns))),
        self_bpf_cpu_pct: of_cpus(programs_ns),
        probe_groups: groups.iter().map(ProbeGroup::name).collect(),
    }
}
