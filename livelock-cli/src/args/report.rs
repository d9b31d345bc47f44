//! `report`.
//!
//! In: its raw arguments, or those of `replay FILE report`. Out: what is observed, and where the page goes. Refuses:
//! options of a live session for a recording, which is shown as it was made.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::config::{Job, Source, host, output, report_span, session};
use super::declare::Declared;
use super::filter::FilterArgs;
use super::scope::ScopeArgs;
use super::{ConfigError, Session, parse_span};
use crate::record::Input;

/// How long a live session lasts if nothing is said.
const DURATION: Duration = Duration::from_secs(5);
/// How long its windows are.
const WINDOW: Duration = Duration::from_millis(300);

/// Options of sessions that may be live or recorded.
#[derive(Debug, Args)]
pub(super) struct LiveArgs {
    /// How long to observe; only with live [default: 5s]
    #[arg(short, long, value_name = "TIME", value_parser = parse_span)]
    duration: Option<Duration>,

    /// Length of a window; only with live [default: 300ms]
    #[arg(short, long, value_name = "TIME", value_parser = parse_span)]
    window: Option<Duration>,

    #[command(flatten)]
    scope: ScopeArgs,

    #[command(flatten)]
    declared: Declared,
}

impl LiveArgs {
    /// The host where `live` was typed, else a recording.
    pub(super) fn sources<const NR: usize>(
        self,
        typed: [PathBuf; NR],
        filter: FilterArgs,
    ) -> Result<[Source; NR], ConfigError> {
        let is_timed = self.duration.is_some() || self.window.is_some();
        let session = session(
            self.window.unwrap_or(WINDOW),
            Some(report_span(self.duration.unwrap_or(DURATION))?),
            (self.scope, filter),
            self.declared.0,
        )?;
        let is_live = |what: &PathBuf| what.as_os_str() == "live";
        let is_plain = Session {
            filter: session.filter.clone(),
            ..plain_session()
        } == session;
        if !typed.iter().any(is_live) && (is_timed || !is_plain) {
            return Err(ConfigError::NotLive);
        }
        Ok(typed.map(|what| {
            if is_live(&what) {
                return host(session.clone());
            }
            let input = match what.as_os_str() == "-" {
                true => Input::Stdin,
                false => Input::File(what),
            };
            Source::Recording {
                input,
                filter: session.filter.clone(),
            }
        }))
    }
}

/// What nobody typed an option for.
fn plain_session() -> Session {
    Session {
        window: WINDOW,
        duration: Some(DURATION),
        scope: livelock_core::scope::Scope::default(),
        filter: livelock_core::filter::Filter::default(),
        max_level: super::scope::MAX_LEVEL,
        sample_hz: super::scope::SAMPLE_HZ,
        user_code: super::scope::UserCodeWanted::No,
        declared: Vec::new(),
    }
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// `live` for this host, or a recording; - is standard input, ./live a file of that name
    #[arg(value_name = "FILE|live")]
    what: PathBuf,

    /// Write the page to FILE; - is standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    #[command(flatten)]
    live: LiveArgs,

    #[command(flatten)]
    filter: FilterArgs,
}

impl ReportArgs {
    pub(super) fn job(self) -> Result<Job, ConfigError> {
        let [source] = self.live.sources([self.what], self.filter)?;
        Ok(Job::Report {
            source,
            output: output(Some(self.output)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Output;
    use super::super::tests::parsed as parsed_whole;
    use super::*;

    fn parsed(line: &str) -> Result<Job, String> {
        let config = parsed_whole(line);
        config
            .map(|config| config.job)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_report_is_of_a_recording_or_of_this_host() {
        let job = |line| parsed(line).expect("valid");
        let recorded = job("livelock report x.llrec -o x.html --kind mutex");
        assert_eq!(
            recorded,
            job("livelock replay x.llrec report -o x.html --kind mutex")
        );
        let Job::Report {
            source: Source::Recording { input, filter },
            output,
        } = recorded
        else {
            panic!("not a report of a recording");
        };
        assert_eq!(input, Input::File("x.llrec".into()));
        assert!(!filter.is_empty());
        assert_eq!(output, Output::File("x.html".into()));
        let Job::Report {
            source: Source::Host { session, .. },
            output,
        } = job("livelock report -o - live -d 9s --pid 7")
        else {
            panic!("not a report of this host");
        };
        assert_eq!(session.duration, Some(Duration::from_secs(9)));
        assert!(session.scope.is_of_tasks());
        assert_eq!(output, Output::Stdout);
        let Job::Report {
            source: Source::Recording { .. },
            ..
        } = job("livelock report ./live -o x")
        else {
            panic!("not a file of that name");
        };
    }

    #[test]
    fn what_a_recording_cannot_do_is_refused() {
        for options in [
            "-d 5s",
            "-w 1s",
            "--pid 7",
            "--max-level 0",
            "--progress tp:a:b",
        ] {
            let refusal = parsed(&format!("livelock report x.llrec -o x.html {options}"));
            let text = refusal.expect_err("refused");
            assert!(text.contains("leave out"), "{options}: {text}");
        }
        for line in [
            "livelock report x.llrec",
            "livelock report -o x.html",
            "livelock report live -o x -d 48h",
        ] {
            assert!(parsed(line).is_err(), "{line}");
        }
    }
}
