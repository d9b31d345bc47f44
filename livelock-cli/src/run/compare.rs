//! `livelock compare`.
//!
//! In: two sides. Out: one comparison. Refuses: to compare with a session that was refused; what is wrong with a side
//! was said by then.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context as _, bail};
use livelock_core::compare::{Series, SessionKind, Side, compare};
use livelock_core::recording::{EndedBy, Opening, Player, RecordingError};
use livelock_core::verdict::{SCHEMA, Verdict};
use serde_json::Value;

use super::diagnose::style;
use super::output::{Sink, Written};
use super::progress::Progress;
use super::session::{Listener, Outcome, Seen, observe};
use crate::args::{ColorWhen, Compared, Output, ReportFormat, Source};
use crate::exit::Exit;
use crate::record::Input;
use crate::render::{comparison_json, comparison_text};

struct Watcher {
    progress: Progress,
    series: Series,
}

impl Listener for Watcher {
    fn begin(&mut self, opening: &Opening) -> anyhow::Result<Written> {
        self.series = Series::new(opening.window_ns);
        Ok(Written::Yes)
    }

    fn tick(&mut self, elapsed: Duration) -> anyhow::Result<ControlFlow<EndedBy>> {
        self.progress.set(elapsed);
        Ok(ControlFlow::Continue(()))
    }

    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written> {
        self.series.push(seen.observation, seen.judge.last_gap_ns());
        Ok(Written::Yes)
    }
}

/// A side that was observed and how that ended, or why it was not, which was said.
enum Looked {
    At(Box<Side>, EndedBy),
    Refused(Exit),
}

/// A verdict document; `None` if it is a recording, which is read when it is played.
fn document(input: &Input) -> anyhow::Result<Option<Verdict>> {
    // Standard input can be read once, and a document fits a file.
    if *input == Input::Stdin {
        return Ok(None);
    }
    let bytes = input.read()?;
    match Player::open(&bytes) {
        Err(RecordingError::Foreign) => {}
        _ => return Ok(None),
    }
    let path = input.path();
    let file = path.display();
    // A stream is many documents; the first says what the file is.
    let mut values = serde_json::Deserializer::from_slice(&bytes).into_iter::<Value>();
    let Some(Ok(Value::Object(first))) = values.next() else {
        bail!(
            "compare {file}: it is neither a recording nor a verdict document of `diagnose --format json`"
        );
    };
    if first.contains_key("record") {
        bail!(
            "compare {file}: it is a stream of `export`; give a recording, or a document of `diagnose --format json`"
        );
    }
    match first.get("schema").and_then(Value::as_str) {
        Some(SCHEMA) => {}
        Some(other) => bail!("compare {file}: it is {other}, and this is a livelock of {SCHEMA}"),
        None => bail!("compare {file}: it is no verdict document, which has a `schema`"),
    }
    let verdict = serde_json::from_slice(&bytes)
        .with_context(|| format!("compare {file}: it is not all that a verdict document is"))?;
    Ok(Some(verdict))
}

async fn look_at(compared: &Compared) -> anyhow::Result<Looked> {
    let (kind, progress) = match &compared.source {
        Source::Host { session, .. } => (SessionKind::Live, Progress::new(session.duration)),
        Source::Recording { input, .. } => {
            if let Some(verdict) = document(input)? {
                let side = Side {
                    name: compared.name.clone(),
                    kind: SessionKind::Verdict,
                    verdict,
                    series: None,
                };
                return Ok(Looked::At(Box::new(side), EndedBy::Duration));
            }
            (SessionKind::Recording, Progress::none())
        }
    };
    let mut watcher = Watcher {
        progress,
        series: Series::default(),
    };
    let outcome = observe(&compared.source, &mut watcher).await;
    watcher.progress.clear();
    Ok(match outcome? {
        Outcome::Ended(ended) => Looked::At(
            Box::new(Side {
                name: compared.name.clone(),
                kind,
                verdict: ended.judge.verdict(&*ended.names),
                series: Some(watcher.series),
            }),
            super::diagnose::exit_reason(&compared.source, ended.by),
        ),
        Outcome::Refused(exit) => Looked::Refused(exit),
    })
}

/// Looks at both sides and compares them.
pub(super) async fn run(
    [a, b]: [&Compared; 2],
    format: ReportFormat,
    output: &Output,
    color: ColorWhen,
) -> anyhow::Result<Exit> {
    let mut sink = Sink::open(output)?;
    let (a, a_ended) = match look_at(a).await? {
        Looked::At(side, by) => (side, by),
        Looked::Refused(exit) => return Ok(exit),
    };
    // Who interrupted the first wants no second.
    if matches!(a_ended, EndedBy::Interrupt | EndedBy::Terminate) {
        return Ok(Exit::of_session(a_ended, None));
    }
    let (b, b_ended) = match look_at(b).await? {
        Looked::At(side, by) => (side, by),
        Looked::Refused(exit) => return Ok(exit),
    };
    let comparison = compare(&a, &b);
    let text = match format {
        ReportFormat::Json => comparison_json(&comparison)?,
        ReportFormat::Text => comparison_text(&comparison, style(output, color)),
    };
    Ok(match (sink.write(&text)?, b_ended) {
        (Written::PipeClosed, _) => Exit::Fine,
        (Written::Yes, EndedBy::Interrupt | EndedBy::Terminate) => Exit::of_session(b_ended, None),
        (Written::Yes, _) => Exit::of_comparison(comparison.outcome),
    })
}
