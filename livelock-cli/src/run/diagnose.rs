//! `livelock diagnose`.
//!
//! In: a session with an end. Out: one verdict, as text or JSON. Refuses: to print anything but the
//! verdict on standard output.

use std::io::IsTerminal;
use std::ops::ControlFlow;
use std::time::Duration;

use livelock_core::judge::Judge;
use livelock_core::recording::{EndedBy, Opening};
use livelock_core::verdict::Status;

use super::filter::say_unmatched;
use super::output::{Sink, Written};
use super::progress::Progress;
use super::session::{Listener, Outcome, Seen, observe};
use crate::args::{ColorWhen, Output, ReportFormat, Source};
use crate::exit::Exit;
use crate::render::{Style, status_word, verdict_json, verdict_text};

struct Watcher {
    progress: Progress,
}

impl Listener for Watcher {
    fn begin(&mut self, _: &Opening) -> anyhow::Result<Written> {
        Ok(Written::Yes)
    }

    fn tick(&mut self, elapsed: Duration) -> anyhow::Result<ControlFlow<EndedBy>> {
        self.progress.set(elapsed);
        Ok(ControlFlow::Continue(()))
    }

    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written> {
        let so_far = seen.judge.status();
        if so_far != Status::CannotTell {
            self.progress
                .say(format!("so far: {}", status_word(so_far)));
        }
        Ok(Written::Yes)
    }

    fn looks_on(&mut self, judge: Option<&Judge>, lacks_counts: bool) -> bool {
        let why = open_question(judge, lacks_counts);
        if let Some(why) = why {
            log::info!("looks on: {why}");
            self.progress.say(format!("{why}: looks on for a moment"));
        }
        why.is_some()
    }
}

/// Why the asked time is not enough for a verdict, if so: one that a few more windows may turn over is not yet one.
pub(super) fn open_question(judge: Option<&Judge>, lacks_counts: bool) -> Option<&'static str> {
    match judge {
        Some(_) if lacks_counts => Some("what the kernel tries is still being counted"),
        None => Some("names of functions are not ready yet"),
        Some(judge) if judge.is_open() => Some("no progress just now, too early for a verdict"),
        Some(_) => None,
    }
}

/// Observes and reports.
pub(super) async fn run(
    source: &Source,
    format: ReportFormat,
    output: &Output,
    color: ColorWhen,
) -> anyhow::Result<Exit> {
    let mut sink = Sink::open(output)?;
    let mut watcher = Watcher {
        progress: match source {
            Source::Host { session, .. } => Progress::new(session.duration),
            Source::Recording { .. } => Progress::none(),
        },
    };
    let outcome = observe(source, &mut watcher).await;
    watcher.progress.clear();
    let ended = match outcome? {
        Outcome::Ended(ended) => ended,
        Outcome::Refused(exit) => return Ok(exit),
    };
    let verdict = ended.judge.verdict(&*ended.names);
    say_unmatched(&ended, &verdict);
    let text = match format {
        ReportFormat::Json => verdict_json(&verdict)?,
        ReportFormat::Text => verdict_text(&verdict, style(output, color)),
    };
    let ended_by = match sink.write(&text)? {
        Written::Yes => exit_reason(source, ended.by),
        Written::PipeClosed => EndedBy::ClosedPipe,
    };
    Ok(Exit::of_session(ended_by, Some(verdict.status)))
}

/// Why it ended, as far as the exit code is concerned: nobody interrupts a replay by having interrupted what it plays.
pub(super) const fn exit_reason(source: &Source, by: EndedBy) -> EndedBy {
    match (source, by) {
        (Source::Recording { .. }, EndedBy::Interrupt | EndedBy::Terminate | EndedBy::Error) => {
            EndedBy::Duration
        }
        _ => by,
    }
}

/// Colour and width of `output`.
pub(super) fn style(output: &Output, color: ColorWhen) -> Style {
    let is_terminal = *output == Output::Stdout && std::io::stdout().is_terminal();
    let variable = |name| std::env::var(name).ok();
    let has_color = color.has_color(
        is_terminal,
        variable("NO_COLOR").as_deref(),
        variable("TERM").as_deref(),
    );
    let columns = is_terminal
        .then(|| console::Term::stdout().size_checked())
        .flatten();
    Style::new(has_color, columns.map(|(_, columns)| usize::from(columns)))
}
