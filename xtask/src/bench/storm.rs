//! The storm: a scenario of `livelock-lab`, pinned, on as many threads as asked for.
//!
//! In: the lab's binary and a number of threads. Out: a running load and, at its end, what it achieved.
//! Refuses: to outlive the bench (it is killed, and ends by itself after [`LONGEST`]).

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

use super::process::Process;

/// Upper bound on a storm whose bench was killed.
const LONGEST: &str = "120s";

/// The scenario of spinlocks: one shared file table.
pub(crate) const SPINLOCKS: &str = "fd-table";

/// Time until all threads run.
const WARM_UP: Duration = Duration::from_millis(300);

/// Longest time that the lab takes to stop its threads.
const STOP: Duration = Duration::from_secs(10);

/// A running storm.
pub(crate) struct Storm(Process);

impl Storm {
    /// Starts it and waits until it blows.
    pub(crate) fn start(lab: &Path, scenario: &str, nr_threads: u32) -> anyhow::Result<Self> {
        let process = Process::start(
            Command::new(lab)
                .args([scenario, "--pin", "--duration", LONGEST, "--threads"])
                .arg(nr_threads.to_string())
                .stdin(Stdio::null())
                .stdout(Stdio::piped()),
        )?;
        std::thread::sleep(WARM_UP);
        Ok(Self(process))
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.pid()
    }

    /// Ends it. Gives operations per second.
    pub(crate) fn stop(mut self) -> anyhow::Result<f64> {
        self.0.terminate()?;
        let status = self.0.wait(STOP, || {})?;
        let mut report = String::new();
        if let Some(stdout) = self.0.child().stdout.as_mut() {
            stdout
                .read_to_string(&mut report)
                .context("failed to read the lab's report")?;
        }
        serde_json::from_str::<Value>(&report)
            .ok()
            .and_then(|report| report.get("ops_per_sec")?.as_f64())
            .with_context(|| format!("the lab ended with {status} and without a report"))
    }
}
