//! `livelock export` in other formats than JSON Lines.
//!
//! In: a session with or without an end. Out: one file, whole when the session is over. Refuses: to end without what
//! belongs at its end, unless nobody reads it.

use std::io::IsTerminal as _;
use std::ops::ControlFlow;
use std::time::Duration;

use livelock_core::recording::Opening;

use super::diagnose::exit_reason;
use super::output::{Sink, Written};
use super::session::{Listener, Outcome, Seen, observe};
use super::stream::summarize;
use crate::args::{ExportAs, Output, Source};
use crate::exit::Exit;
use crate::export::{Ending, Exporter, Flames, Metrics, Moment, Picture, Rows, Trace};
use crate::render::{EndedBy, StreamSummary};

struct Export {
    to: Box<dyn Exporter>,
    sink: Sink,
}

const fn is_binary(format: ExportAs) -> bool {
    match format {
        ExportAs::Perfetto => true,
        #[cfg(feature = "parquet")]
        ExportAs::Parquet(_) => true,
        ExportAs::Csv(_) | ExportAs::Folded(_) | ExportAs::Svg(_) | ExportAs::OpenMetrics => false,
    }
}

fn exporter(format: ExportAs) -> Box<dyn Exporter> {
    match format {
        ExportAs::Csv(table) => Box::new(Rows::new(table)),
        ExportAs::Folded(side) => Box::new(Flames::new(Picture::Folded, side)),
        ExportAs::Svg(side) => Box::new(Flames::new(Picture::Svg, side)),
        ExportAs::OpenMetrics => Box::new(Metrics::default()),
        ExportAs::Perfetto => Box::new(Trace::default()),
        #[cfg(feature = "parquet")]
        ExportAs::Parquet(table) => Box::new(crate::export::Columns::new(table)),
    }
}

impl Listener for Export {
    fn begin(&mut self, opening: &Opening) -> anyhow::Result<Written> {
        let bytes = self.to.begin(opening)?;
        self.sink.write_bytes(&bytes)
    }

    fn tick(&mut self, _: Duration) -> anyhow::Result<ControlFlow<EndedBy>> {
        Ok(ControlFlow::Continue(()))
    }

    fn window(&mut self, seen: &Seen<'_>) -> anyhow::Result<Written> {
        let verdict = seen.judge.recent_verdict(seen.names);
        let bytes = self.to.window(&Moment {
            summary: &summarize(seen, verdict.status),
            verdict: &verdict,
            window: seen.window,
            burned_part: seen.observation.burned_part,
            judge: seen.judge,
            names: seen.names,
        })?;
        self.sink.write_bytes(&bytes)
    }
}

/// Observes and exports.
pub(super) async fn run(
    source: &Source,
    format: ExportAs,
    output: &Output,
) -> anyhow::Result<Exit> {
    if is_binary(format) && matches!(output, Output::Stdout) && std::io::stdout().is_terminal() {
        anyhow::bail!(
            "write to a terminal: this format is not text; type --output FILE, or send standard output somewhere"
        );
    }
    let mut export = Export {
        to: exporter(format),
        sink: Sink::open(output)?,
    };
    let ended = match observe(source, &mut export).await? {
        Outcome::Ended(ended) => ended,
        Outcome::Refused(exit) => return Ok(exit),
    };
    let verdict = ended.judge.recent_verdict(&*ended.names);
    let mut ended_by = ended.by;
    if ended_by != EndedBy::ClosedPipe {
        let bytes = export.to.end(&Ending {
            summary: &StreamSummary::new(
                ended.by,
                ended.nr_windows,
                Some(verdict.status),
                verdict.accounting.clone(),
                Some(verdict.self_cost.clone()),
            ),
            judge: &ended.judge,
            names: &*ended.names,
        })?;
        if export.sink.write_bytes(&bytes)? == Written::PipeClosed {
            ended_by = EndedBy::ClosedPipe;
        }
    }
    Ok(Exit::of_session(
        exit_reason(source, ended_by),
        Some(verdict.status),
    ))
}
