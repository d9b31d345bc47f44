//! `livelock` as users run it, while somebody looks at its watch.
//!
//! In: its binary. Out: when it was attached, what it used and what it said at its end. Refuses: a
//! session without a summary.

use std::io::{BufRead, BufReader, Read as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::Value;

use super::process::{self, Process, Raised};
use super::programs;

/// Longest time that is waited for its programs; far above the target, so that a miss is measured.
const ATTACH_LIMIT: Duration = Duration::from_secs(20);

/// Longest time that is waited for its end, after the end of its duration.
const END_LIMIT: Duration = Duration::from_secs(20);

/// Time between two looks for its programs: the resolution of the time to attach.
const POLL: Duration = Duration::from_millis(2);

/// What `livelock watch --json` wrote.
struct Lines {
    header: Option<(Duration, Value)>,
    summary: Option<Value>,
}

/// A running `livelock watch`, attached.
pub(crate) struct Watch {
    process: Process,
    lines: JoinHandle<Lines>,
    started: Instant,
    duration: Duration,
    attached_after: Duration,
}

/// How a session went.
pub(crate) struct Session {
    /// From the start of the process to the first run of both programs, or the header.
    pub(crate) attached_after: Duration,
    /// From the start of the process to the header record.
    pub(crate) header_after: Duration,
    /// Peak of its resident memory.
    pub(crate) resident_bytes: u64,
    /// CPU time from start to (nearly) the end.
    pub(crate) cpu_time: Duration,
    /// Wall time of the same.
    pub(crate) wall: Duration,
    /// `host` of the header.
    pub(crate) host: Value,
    /// The summary record.
    pub(crate) summary: Value,
}

impl Watch {
    /// Starts it and waits until its programs run.
    pub(crate) fn start(livelock: &Path, duration: Duration) -> anyhow::Result<Self> {
        let started = Instant::now();
        let mut process = Process::start(
            Command::new(livelock)
                .args(["watch", "--json", "--duration"])
                .arg(format!("{}ms", duration.as_millis()))
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        )?;
        // From here on, also for the thread that waits for the header.
        let _raised = Raised::new();
        let stdout = process
            .child()
            .stdout
            .take()
            .context("livelock has no standard output")?;
        let lines = std::thread::spawn(move || read_lines(BufReader::new(stdout), started));
        while !programs::has_run(process.pid()) {
            if let Some(status) = process.ended()? {
                bail!("livelock watch ended with {status} before it was attached");
            }
            if started.elapsed() > ATTACH_LIMIT {
                bail!(
                    "no contention program of livelock ran within {ATTACH_LIMIT:?}; does this host's \
                     spinlock reach the tracepoints? See `livelock doctor`"
                );
            }
            std::thread::sleep(POLL);
        }
        Ok(Self {
            process,
            lines,
            started,
            duration,
            attached_after: started.elapsed(),
        })
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> anyhow::Result<Session> {
        let _raised = Raised::new();
        let pid = self.process.pid();
        let started = self.started;
        let mut resident_bytes = None;
        let mut used = None;
        let status = self.process.wait(self.duration + END_LIMIT, || {
            // Both only grow; a process that has ended keeps its clock, but not its memory.
            resident_bytes = process::peak_resident_bytes(pid).or(resident_bytes);
            used = process::cpu_time(pid)
                .map(|cpu_time| (cpu_time, started.elapsed()))
                .or(used);
        })?;
        let lines = self
            .lines
            .join()
            .map_err(|_| anyhow::anyhow!("the reader of livelock's output failed"))?;
        let (header_after, header) = lines
            .header
            .with_context(|| format!("livelock watch ended with {status} and without a header"))?;
        let summary = lines
            .summary
            .with_context(|| format!("livelock watch ended with {status} and without a summary"))?;
        let (cpu_time, wall) = used.context("failed to read the CPU time of livelock")?;
        Ok(Session {
            // The header is written after the attachment; on a busy host it may be seen before it.
            attached_after: self.attached_after.min(header_after),
            header_after,
            resident_bytes: resident_bytes.context("failed to read the memory of livelock")?,
            cpu_time,
            wall,
            host: header.get("host").cloned().unwrap_or(Value::Null),
            summary,
        })
    }
}

fn read_lines(stdout: impl BufRead, started: Instant) -> Lines {
    let mut found = Lines {
        header: None,
        summary: None,
    };
    for line in stdout.lines().map_while(Result::ok) {
        let arrived_after = started.elapsed();
        let Ok(record) = serde_json::from_str::<Value>(&line) else {
            continue;
        };
        match record.get("record").and_then(Value::as_str) {
            Some("header") => found.header = Some((arrived_after, record)),
            Some("summary") => found.summary = Some(record),
            _ => {}
        }
    }
    found
}

/// Wall time of `livelock diagnose` beyond the duration that it was asked for.
pub(crate) fn diagnose_over(livelock: &Path, duration: Duration) -> anyhow::Result<Duration> {
    let started = Instant::now();
    let mut process = Process::start(
        Command::new(livelock)
            .args(["diagnose", "--format", "json", "--duration"])
            .arg(format!("{}ms", duration.as_millis()))
            .stdin(Stdio::null())
            .stdout(Stdio::piped()),
    )?;
    let _raised = Raised::new();
    let mut verdict = String::new();
    process
        .child()
        .stdout
        .take()
        .context("livelock has no standard output")?
        .read_to_string(&mut verdict)
        .context("failed to read the verdict")?;
    let status = process.wait(END_LIMIT, || {})?;
    let wall = started.elapsed();
    let is_verdict = serde_json::from_str::<Value>(&verdict)
        .is_ok_and(|verdict| verdict.get("status").is_some());
    if !is_verdict {
        bail!("livelock diagnose ended with {status} and without a verdict");
    }
    Ok(wall.saturating_sub(duration))
}
