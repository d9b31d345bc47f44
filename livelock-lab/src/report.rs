//! The one JSON line that a load leaves behind.
//!
//! In: operations per thread and the wall time. Out: `livelock.lab/v1` on standard output.
//! Refuses: to fail when the reader has gone away; a closed pipe is success.

use std::io::{self, Write as _};

use anyhow::Context as _;
use serde::Serialize;

/// Name and version of the document.
pub(crate) const SCHEMA: &str = "livelock.lab/v1";

/// What a load achieved. Fields are added, never renamed, within v1.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// [`SCHEMA`].
    pub(crate) schema: &'static str,
    /// Name of the scenario.
    pub(crate) scenario: &'static str,
    /// Threads that ran the operation.
    pub(crate) threads: usize,
    /// Wall time between the start of all threads and the reading of the counters.
    pub(crate) duration_ns: u64,
    /// Operations completed in that time, by all threads.
    pub(crate) nr_ops: u64,
    /// `nr_ops` per second of wall time.
    pub(crate) ops_per_sec: f64,
    /// Operations of the thread that completed fewest.
    pub(crate) min_thread_ops: u64,
    /// Operations of the thread that completed most.
    pub(crate) max_thread_ops: u64,
    /// Threads that completed nothing at all.
    pub(crate) nr_threads_without_ops: usize,
    /// One-minute load average at the end; null where it cannot be read.
    pub(crate) load_1m: Option<f64>,
}

impl Report {
    /// Sums up the threads.
    pub(crate) fn new(
        scenario: &'static str,
        ops_by_thread: &[u64],
        duration_ns: u64,
        load_1m: Option<f64>,
    ) -> Self {
        let nr_ops: u64 = ops_by_thread.iter().sum();
        Self {
            schema: SCHEMA,
            scenario,
            threads: ops_by_thread.len(),
            duration_ns,
            nr_ops,
            ops_per_sec: (nr_ops as f64 * 1e10 / duration_ns.max(1) as f64).round() / 10.0,
            min_thread_ops: ops_by_thread.iter().copied().min().unwrap_or(0),
            max_thread_ops: ops_by_thread.iter().copied().max().unwrap_or(0),
            nr_threads_without_ops: ops_by_thread.iter().filter(|&&ops| ops == 0).count(),
            load_1m,
        }
    }

    /// Prints the line.
    pub(crate) fn print(&self) -> anyhow::Result<()> {
        let mut line = serde_json::to_string(self).context("failed to write the report")?;
        line.push('\n');
        write_stdout(&line)
    }
}

/// First field of `/proc/loadavg`.
pub(crate) fn load_1m() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg")
        .ok()?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}

/// Writes all of `text` to standard output.
pub(crate) fn write_stdout(text: &str) -> anyhow::Result<()> {
    let mut stdout = io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(err) if err.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("failed to write to standard output"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_the_threads() {
        let report = Report::new("compute", &[10, 0, 30], 2_000_000_000, Some(0.5));
        assert_eq!((report.threads, report.nr_ops), (3, 40));
        assert_eq!((report.min_thread_ops, report.max_thread_ops), (0, 30));
        assert_eq!(report.nr_threads_without_ops, 1);
        assert_eq!(report.ops_per_sec, 20.0);
    }

    #[test]
    fn is_one_line_with_the_schema_first() {
        let line = serde_json::to_string(&Report::new("compute", &[1], 0, None)).unwrap();
        assert!(
            line.starts_with(r#"{"schema":"livelock.lab/v1","scenario":"compute","threads":1,"#)
        );
        assert!(line.ends_with(r#""load_1m":null}"#));
    }
}
