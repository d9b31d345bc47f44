//! `livelock diagnose` in a guest: how it is called, and what came of it.
//!
//! In: its arguments, later the guest's results. Out: shell lines, and the part of a report that every
//! kind of run has. Refuses: to judge whether the tool is right; that is for the caller.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde::Serialize;
use serde_json::Value;

use super::console::Results;
use super::guest;

/// Shell lines around a diagnosis.
const BEGIN: &str = "cut -d' ' -f1 /proc/uptime >/result/diagnose_begin\n";
const END: &str = "cut -d' ' -f1 /proc/uptime >/result/diagnose_end\n";

/// How to diagnose. Durations go to the guest as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Diagnosis {
    /// Time between the start of the load and the diagnosis
    #[arg(long, value_name = "SECS", default_value = "1s")]
    delay: String,
    /// Window of the diagnosis
    #[arg(long, value_name = "SECS", default_value = "5s")]
    diagnose_duration: String,
    /// One more argument for `livelock diagnose`; repeatable
    #[arg(long = "diagnose-arg", value_name = "ARG", allow_hyphen_values = true)]
    diagnose_args: Vec<String>,
    /// Diagnose a second time, as text
    #[arg(long)]
    with_text: bool,
}

/// What the tool said, and what the guest said of itself.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// `livelock.verdict/v1`; null if the tool printed nothing.
    verdict: Value,
    text: Option<String>,
    /// Exit code of the (first) diagnosis.
    exit_code: Option<i32>,
    diagnose_stderr: Option<String>,
    diagnose_wall_ms: Option<u64>,
    loadavg: Option<String>,
    dmesg_watchdog_lines: Vec<String>,
}

impl Diagnosis {
    /// The wait before the diagnosis.
    pub(crate) fn delay_script(&self) -> String {
        format!("sleep {}\n", guest::quote(&self.delay))
    }

    /// The diagnosis. Times are taken from `/proc/uptime`, in hundredths of a second.
    /// With `is_recorded` its recording is among the results.
    pub(crate) fn script(&self, is_recorded: bool) -> String {
        let more = record_argument(is_recorded);
        format!("{BEGIN}{}{END}", self.observe(more))
    }

    /// The same with a file read twice, when the probes are attached and when the window ends: attaching and
    /// judging take seconds on CPUs that spin, and what the load did then is not what the verdict is about.
    pub(crate) fn script_with_readings(
        &self,
        is_recorded: bool,
        file: &str,
        before: &str,
        after: &str,
    ) -> String {
        let more = record_argument(is_recorded);
        format!(
            "{BEGIN}(
{observe}) &
tool=$!
until grep -q 'attached after' /result/diagnose_stderr || [ -s /result/diagnose_exit_code ]; do sleep 0.1; done
cat {file} >/result/{before}
sleep {window}
cat {file} >/result/{after}
wait $tool
{END}",
            observe = self.observe(&format!("--verbose {more}")),
            window = guest::quote(&self.diagnose_duration),
        )
    }

    fn observe(&self, more: &str) -> String {
        format!(
            "{} {more} --format json --output /result/verdict >/result/diagnose_stdout 2>/result/diagnose_stderr
echo $? >/result/diagnose_exit_code
",
            self.command()
        )
    }

    /// What follows while the load still runs.
    pub(crate) fn after_script(&self) -> String {
        let text = if self.with_text {
            format!(
                "{} --format text >/result/text 2>/result/text_stderr\n",
                self.command()
            )
        } else {
            String::new()
        };
        format!("{text}cat /proc/loadavg >/result/loadavg\n")
    }

    fn command(&self) -> String {
        let args: Vec<_> = self
            .diagnose_args
            .iter()
            .map(|arg| guest::quote(arg))
            .collect();
        format!(
            "livelock diagnose --duration {} {}",
            guest::quote(&self.diagnose_duration),
            args.join(" ")
        )
    }
}

const fn record_argument(is_recorded: bool) -> &'static str {
    if is_recorded {
        "--record /result/recording"
    } else {
        ""
    }
}

/// Reads what the scripts above left behind.
pub(crate) fn report(results: &Results) -> Report {
    let wall_secs = results
        .number::<f64>("diagnose_end")
        .zip(results.number::<f64>("diagnose_begin"))
        .map(|(end, begin)| end - begin);
    Report {
        verdict: json(results, "verdict"),
        text: results.text("text"),
        exit_code: results.number("diagnose_exit_code"),
        diagnose_stderr: results.text("diagnose_stderr"),
        diagnose_wall_ms: wall_secs.map(|secs| (secs * 1e3).round() as u64),
        loadavg: results.text("loadavg"),
        dmesg_watchdog_lines: guest::alarm_lines(results.bytes("dmesg")),
    }
}

/// Keeps the recording that the guest made.
pub(crate) fn keep_recording(results: &Results, path: &Path) -> anyhow::Result<()> {
    let bytes = results.bytes("recording");
    ensure!(
        !bytes.is_empty(),
        "the guest recorded nothing: {}",
        results.text("diagnose_stderr").unwrap_or_default()
    );
    fs::write(path, bytes).with_context(|| format!("failed to write {}", path.display()))
}

/// A JSON file of the guest; null, with the reason on standard error, if it is not one.
pub(crate) fn json(results: &Results, name: &str) -> Value {
    let bytes = results.bytes(name);
    if bytes.is_empty() {
        eprintln!("vm: warning: the guest wrote no {name}");
        return Value::Null;
    }
    serde_json::from_slice(bytes).unwrap_or_else(|err| {
        eprintln!("vm: warning: the guest's {name} is not JSON: {err}");
        Value::Null
    })
}
