//! `livelock report`.
//!
//! In: a session with an end. Out: one page, and a line on standard error that says what was written. Refuses: another
//! verdict than that of `diagnose`.

use std::ops::ControlFlow;
use std::time::Duration;

use livelock_core::ids::LockAddr;
use livelock_core::judge::Judge;
use livelock_core::locks::FlameSide;
use livelock_core::recording::{EndedBy, Opening};
use livelock_core::verdict::{Status, Verdict};

use super::diagnose::{exit_reason, open_question};
use super::filter::say_unmatched;
use super::output::{Sink, Written};
use super::progress::Progress;
use super::session::{Ended, Listener, Outcome, Seen, observe};
use crate::args::{Output, Source};
use crate::exit::Exit;
use crate::render::{bytes, status_word};
use crate::report::{Document, Flames, Histograms, Moment, Origin, Timeline, html, quoted};

struct Gatherer {
    progress: Progress,
    recording: Option<String>,
    origin: Option<Origin>,
    timeline: Timeline,
}

impl Listener for Gatherer {
    fn begin(&mut self, opening: &Opening) -> anyhow::Result<Written> {
        self.origin = Some(Origin::new(opening, command(), self.recording.take()));
        Ok(Written::Yes)
    }

    fn tick(&mut self, elapsed: Duration) -> anyhow::Result<ControlFlow<EndedBy>> {
        self.progress.set(elapsed);
        Ok(ControlFlow::Continue(()))
    }

    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written> {
        let status = seen.judge.recent_status();
        if status != Status::CannotTell {
            self.progress
                .say(format!("so far: {}", status_word(status)));
        }
        let observation = seen.observation;
        let cpus = observation.cpus.iter();
        self.timeline.push(&Moment {
            status,
            duration_ns: seen.window.duration_ns(),
            no_progress: observation.no_progress,
            time: observation.time.as_ref(),
            cpus: cpus.map(|(&cpu, time)| (cpu, time)).collect(),
            busy: observation.occupied(),
            tokens_per_busy_sec: observation.pi,
            baseline_per_busy_sec: observation.pi0,
        });
        Ok(Written::Yes)
    }

    /// As `diagnose` does: the page has its verdict.
    fn looks_on(&mut self, judge: Option<&Judge>, lacks_counts: bool) -> bool {
        let why = open_question(judge, lacks_counts);
        if let Some(why) = why {
            self.progress.say(format!("{why}: looks on for a moment"));
        }
        why.is_some()
    }
}

/// What was typed.
pub(super) fn command() -> String {
    let words = std::env::args_os().map(|word| quoted(&word.to_string_lossy()));
    words.collect::<Vec<_>>().join(" ")
}

/// The name of a recording, without its folder.
fn name(source: &Source) -> Option<String> {
    let Source::Recording { input, .. } = source else {
        return None;
    };
    let path = input.path();
    let name = path.file_name().unwrap_or(path.as_os_str());
    Some(name.to_string_lossy().into_owned())
}

fn histograms(ended: &Ended, verdict: &Verdict) -> Histograms {
    let of = |addr: &Option<String>| {
        let lock = match addr {
            Some(text) => Some(LockAddr(
                u64::from_str_radix(text.strip_prefix("0x")?, 16).ok()?,
            )),
            None => None,
        };
        let histogram = ended.judge.wait_histogram(lock)?;
        Some((addr.clone(), histogram.clone()))
    };
    verdict
        .locks
        .iter()
        .filter_map(|lock| of(&lock.addr))
        .collect()
}

/// Observes and writes.
pub(super) async fn run(source: &Source, output: &Output) -> anyhow::Result<Exit> {
    let mut sink = Sink::open(output)?;
    let mut gatherer = Gatherer {
        progress: match source {
            Source::Host { session, .. } => Progress::new(session.duration),
            Source::Recording { .. } => Progress::none(),
        },
        recording: name(source),
        origin: None,
        timeline: Timeline::default(),
    };
    let outcome = observe(source, &mut gatherer).await;
    gatherer.progress.clear();
    let ended = match outcome? {
        Outcome::Ended(ended) => ended,
        Outcome::Refused(exit) => return Ok(exit),
    };
    let Some(origin) = gatherer.origin else {
        anyhow::bail!("observe: the session ended before it began");
    };
    let verdict = ended.judge.verdict(&*ended.names);
    say_unmatched(&ended, &verdict);
    let status = verdict.status;
    let flame = |side| ended.judge.flame(side, &*ended.names);
    let page = html(&Document {
        histograms: histograms(&ended, &verdict),
        flames: Some(Flames {
            waiters: flame(FlameSide::Waiters),
            holders: flame(FlameSide::Holders),
        }),
        verdict,
        origin,
        timeline: gatherer.timeline,
    });
    let ended_by = match sink.write(&page)? {
        Written::Yes => exit_reason(source, ended.by),
        Written::PipeClosed => EndedBy::ClosedPipe,
    };
    if let Output::File(path) = output {
        eprintln!(
            "livelock: wrote {} ({}); open it in a browser",
            path.display(),
            bytes(page.len() as u64)
        );
    }
    Ok(Exit::of_session(ended_by, Some(status)))
}
