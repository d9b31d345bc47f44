//! `livelock record`.
//!
//! In: a session with or without an end. Out: a recording; one line on standard error that says what is in it.
//! Refuses: to print anything on standard output, which may be the recording.

use std::ops::ControlFlow;
use std::time::Duration;

use livelock_core::recording::{EndedBy, Opening};

use super::output::Written;
use super::progress::Progress;
use super::session::{Listener, Outcome, Seen, observe};
use crate::args::Source;
use crate::exit::Exit;
use crate::record::Recorded;
use crate::render::{bytes, status_word};

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
        if self.progress.is_shown() {
            let status = seen.judge.recent_status();
            self.progress.say(format!(
                "{} windows, now: {}",
                seen.number,
                status_word(status)
            ));
        }
        Ok(Written::Yes)
    }
}

/// Observes and records.
pub(super) async fn run(source: &Source, is_quiet: bool) -> anyhow::Result<Exit> {
    let mut watcher = Watcher {
        progress: match source {
            Source::Host { session, .. } if !is_quiet => Progress::new(session.duration),
            _ => Progress::none(),
        },
    };
    let outcome = observe(source, &mut watcher).await;
    watcher.progress.clear();
    let ended = match outcome? {
        Outcome::Ended(ended) => ended,
        Outcome::Refused(exit) => return Ok(exit),
    };
    if !is_quiet {
        let recorded = ended.recorded.unwrap_or_default();
        eprintln!("{}", summary(&recorded, ended.nr_windows));
    }
    Ok(match ended.by {
        EndedBy::Interrupt => Exit::Interrupted,
        EndedBy::Terminate => Exit::Terminated,
        _ => Exit::Fine,
    })
}

fn summary(recorded: &Recorded, nr_observed: u64) -> String {
    let files: Vec<_> = recorded
        .files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    if recorded.nr_bytes == 0 {
        return format!("livelock: nothing happened in {nr_observed} windows; nothing was written");
    }
    let what = format!(
        "livelock: recorded {} {}, {}",
        recorded.nr_windows,
        if recorded.nr_windows == 1 {
            "window"
        } else {
            "windows"
        },
        bytes(recorded.nr_bytes)
    );
    match files.as_slice() {
        [] => what,
        [.., last] => format!(
            "{what}, in {}; next: livelock replay {last} diagnose",
            files.join(" and ")
        ),
    }
}
