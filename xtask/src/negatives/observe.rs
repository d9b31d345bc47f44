//! One load, watched by `livelock export`.
//!
//! In: a load, a directory. Out: [`Seen`]. Refuses: to leave a process of the load behind, and a stream
//! without a summary.

use std::fs;
use std::io;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Serialize;
use serde_json::Value;

use super::loads::Load;
use crate::{paths, tools};

/// Time between the start of the load and the first window.
const WARM_UP: Duration = Duration::from_secs(5);
/// What a load gets to end by itself.
const GRACE: Duration = Duration::from_secs(2);

/// How to observe.
pub(super) struct Settings<'a> {
    pub(super) livelock: &'a Path,
    pub(super) secs: u64,
    pub(super) window_ms: u64,
    pub(super) more: &'a [String],
}

/// What was said of a load.
#[derive(Debug, Default, Serialize)]
pub(super) struct Seen {
    pub(super) name: String,
    pub(super) what: String,
    /// Windows, and their time.
    pub(super) nr_windows: u64,
    pub(super) observed_ns: u64,
    /// Windows in which the rule of one window found no progress.
    pub(super) nr_no_progress: u64,
    /// Windows at whose close the status was this.
    pub(super) nr_livelock_windows: u64,
    pub(super) nr_starved_windows: u64,
    pub(super) nr_contended_windows: u64,
    /// Largest share of busy time that was wasted in a window.
    pub(super) max_omega: Option<f64>,
    /// Median share of the CPUs' time.
    pub(super) busy_pct: Option<f64>,
    /// What the tool itself cost in these windows, start-up included, in percent of the CPUs.
    pub(super) self_cpu_pct: Option<f64>,
    /// The same after its start-up …
    pub(super) self_steady_pct: Option<f64>,
    /// … and that of the programs in the whole run.
    pub(super) self_bpf_pct: Option<f64>,
    /// CPU time of the process until its start-up was over.
    pub(super) start_up_cpu_ns: Option<u64>,
    /// Windows in which a group of probe level 1 was attached.
    pub(super) nr_level1_windows: u64,
    /// Events lost or not accounted for.
    pub(super) nr_lost: u64,
    /// Summaries of verdicts that were worse than busy.
    pub(super) said: Vec<String>,
}

/// A load that runs; ends with this value.
struct Running(Child);

impl Running {
    fn start(load: &Load, dir: &Path) -> anyhow::Result<Self> {
        let log = fs::File::create(dir.join("log")).context("failed to make a log")?;
        let child = bash(load.run, dir)
            .stdout(log.try_clone().context("failed to share the log")?)
            .stderr(log)
            .process_group(0)
            .spawn()
            .map_err(|err| tools::start_error("bash", err))?;
        Ok(Self(child))
    }

    fn signal(&self, signal: i32) {
        let Ok(group) = i32::try_from(self.0.id()) else {
            return;
        };
        // SAFETY: takes numbers; the group is our child's own.
        unsafe { libc::kill(-group, signal) };
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.signal(libc::SIGTERM);
        thread::sleep(GRACE);
        self.signal(libc::SIGKILL);
        let _ = self.0.wait();
    }
}

fn bash(script: &str, dir: &Path) -> Command {
    let mut command = Command::new("bash");
    command
        .args(["-c", script])
        .env("PATH", tools::path_with_sbin())
        .current_dir(dir)
        .stdin(Stdio::null());
    command
}

/// Prepares, runs and watches `load`.
pub(super) fn observe(load: &Load, dir: &Path, settings: &Settings<'_>) -> anyhow::Result<Seen> {
    paths::make_dir(dir)?;
    tools::run(&mut bash(&format!("set -e\n{}", load.prepare), dir))?;
    let mut running = Running::start(load, dir)?;
    thread::sleep(WARM_UP);
    let output = Command::new(settings.livelock)
        .args(["export", "--duration"])
        .arg(format!("{}s", settings.secs))
        .arg("--window")
        .arg(format!("{}ms", settings.window_ms))
        .args(settings.more)
        .stderr(io::stderr())
        .output()
        .map_err(|err| tools::start_error("livelock", err))?;
    if let Some(status) = running.0.try_wait().context("failed to ask for the load")? {
        bail!(
            "the load ended too early, with {status}; see {}",
            dir.join("log").display()
        );
    }
    drop(running);
    let text = String::from_utf8(output.stdout).context("livelock wrote bytes, no text")?;
    let mut seen = read(&text)?;
    load.name.clone_into(&mut seen.name);
    load.what.clone_into(&mut seen.what);
    Ok(seen)
}

/// Reads a stream of records.
pub(super) fn read(text: &str) -> anyhow::Result<Seen> {
    let mut seen = Seen::default();
    let mut busy = Vec::new();
    let mut has_summary = false;
    for line in text.lines() {
        let record: Value = serde_json::from_str(line).context("failed to read a record")?;
        match record["record"].as_str() {
            Some("window") => window(&record, &mut seen, &mut busy),
            Some("verdict") => verdict(&record, &mut seen),
            Some("summary") => {
                has_summary = true;
                let unaccounted = record["accounting"]["unaccounted"].as_i64().unwrap_or(0);
                seen.nr_lost = record["nr_lost"].as_u64().unwrap_or(0) + unaccounted.unsigned_abs();
                let cost = &record["self_cost"];
                seen.self_cpu_pct = cost["cpu_pct"].as_f64();
                seen.self_steady_pct = cost["steady_cpu_pct"].as_f64();
                seen.self_bpf_pct = cost["bpf_cpu_pct"].as_f64();
                seen.start_up_cpu_ns = cost["start_up_cpu_ns"].as_u64();
            }
            _ => {}
        }
    }
    if !has_summary {
        bail!("the stream has no summary, so livelock did not end as it should");
    }
    busy.sort_by(f64::total_cmp);
    seen.busy_pct = busy.get(busy.len() / 2).copied();
    Ok(seen)
}

fn window(record: &Value, seen: &mut Seen, busy: &mut Vec<f64>) {
    seen.nr_windows += 1;
    seen.observed_ns += record["duration_ns"].as_u64().unwrap_or(0);
    seen.nr_no_progress += u64::from(record["no_progress"] == Value::Bool(true));
    match record["status"].as_str() {
        Some("livelock") => seen.nr_livelock_windows += 1,
        Some("starved") => seen.nr_starved_windows += 1,
        Some("contended") => seen.nr_contended_windows += 1,
        _ => {}
    }
    if let Some(omega) = record["omega"].as_f64() {
        seen.max_omega = Some(seen.max_omega.unwrap_or(0.0).max(omega));
    }
    let groups = record["probe_groups"].as_array();
    seen.nr_level1_windows += u64::from(groups.is_some_and(|groups| !groups.is_empty()));
    busy.extend(record["busy_pct"].as_f64());
}

fn verdict(record: &Value, seen: &mut Seen) {
    let status = record["status"].as_str().unwrap_or_default();
    if matches!(status, "livelock" | "starved" | "contended") {
        let summary = record["cause"]["summary"].as_str().unwrap_or_default();
        seen.said.push(format!("{status}: {summary}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_is_summed_up() {
        let seen = read(
            r#"{"record":"header"}
{"record":"window","duration_ns":300,"status":"busy","omega":0.1,"busy_pct":90.0,"no_progress":false}
{"record":"window","duration_ns":300,"status":"contended","omega":0.4,"busy_pct":99.0,"no_progress":true,"probe_groups":["faults"]}
{"record":"verdict","status":"contended","cause":{"summary":"a lock"}}
{"record":"summary","nr_lost":2,"accounting":{"unaccounted":0},"self_cost":{"cpu_pct":0.5,"bpf_cpu_pct":0.2,"steady_cpu_pct":0.4,"start_up_cpu_ns":7}}"#,
        )
        .expect("a stream");
        assert_eq!((seen.nr_windows, seen.observed_ns), (2, 600));
        assert_eq!((seen.nr_no_progress, seen.nr_contended_windows), (1, 1));
        assert_eq!((seen.max_omega, seen.nr_lost), (Some(0.4), 2));
        assert_eq!(
            (seen.self_cpu_pct, seen.self_steady_pct, seen.self_bpf_pct),
            (Some(0.5), Some(0.4), Some(0.2))
        );
        assert_eq!((seen.start_up_cpu_ns, seen.nr_level1_windows), (Some(7), 1));
        assert_eq!(seen.said, ["contended: a lock"]);
        assert!(read("{\"record\":\"header\"}").is_err());
    }
}
