//! `vm scenario`: the lab makes a pathology in a guest, `livelock diagnose` looks at it.
//!
//! In: a scenario and a machine. Out: one JSON object with what the lab achieved and what the tool
//! said. Refuses: to judge whether the tool is right; that is for the caller.

use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::boot::Machine;
use super::console::Results;
use super::guest::{self, Content};

/// Arguments of `vm scenario`. Durations go to the guest as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    content: Content,
    /// Threads of the lab [default: one per CPU]
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// End the lab after this time, even while it is being diagnosed [default: when that is over]
    #[arg(long, value_name = "SECS")]
    duration: Option<String>,
    /// Time between the start of the lab and the diagnosis
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
    /// Let the guest's scheduler place the threads
    #[arg(long)]
    no_pin: bool,
    /// Scenario, as in `livelock-lab list`
    scenario: String,
}

/// What one run showed.
#[derive(Debug, Serialize)]
struct Report {
    kernel: String,
    kernel_release: Option<String>,
    cpus: u32,
    hypervisor_flag: bool,
    scenario: String,
    /// `livelock.lab/v1`; null if the lab printed nothing.
    lab: Value,
    /// What the lab complained about.
    lab_stderr: Option<String>,
    /// Did the lab run to the end of the diagnosis?
    lab_outlived_diagnosis: bool,
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

/// Runs the scenario and prints the report.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let results = guest::run(&args.machine, &args.content, &script(args))?;
    let report = report(args, &results);
    let line = serde_json::to_string(&report).context("failed to write the report")?;
    println!("{line}");
    Ok(ExitCode::SUCCESS)
}

/// The guest's side. Times are taken from `/proc/uptime`, in hundredths of a second.
fn script(args: &Args) -> String {
    let threads = args.threads.unwrap_or(args.machine.cpus);
    let pin = if args.no_pin { "" } else { "--pin" };
    // The day is an upper bound that nobody waits for: the script ends the lab.
    let lab_duration = guest::quote(args.duration.as_deref().unwrap_or("1440m"));
    let scenario = guest::quote(&args.scenario);
    let diagnose_args: Vec<_> = args
        .diagnose_args
        .iter()
        .map(|arg| guest::quote(arg))
        .collect();
    let diagnose = format!(
        "livelock diagnose --duration {} {}",
        guest::quote(&args.diagnose_duration),
        diagnose_args.join(" ")
    );
    let text = if args.with_text {
        format!("{diagnose} --format text >/result/text 2>/result/text_stderr")
    } else {
        String::new()
    };
    format!(
        "livelock-lab {scenario} --threads {threads} --duration {lab_duration} {pin} \
           >/result/lab 2>/result/lab_stderr &
lab=$!
sleep {delay}
cut -d' ' -f1 /proc/uptime >/result/diagnose_begin
{diagnose} --format json --output /result/verdict >/result/diagnose_stdout 2>/result/diagnose_stderr
echo $? >/result/diagnose_exit_code
cut -d' ' -f1 /proc/uptime >/result/diagnose_end
{text}
cat /proc/loadavg >/result/loadavg
kill -TERM $lab 2>/dev/null && echo 1 >/result/lab_outlived
wait $lab
",
        delay = guest::quote(&args.delay),
    )
}

fn report(args: &Args, results: &Results) -> Report {
    let wall_secs = results
        .number::<f64>("diagnose_end")
        .zip(results.number::<f64>("diagnose_begin"))
        .map(|(end, begin)| end - begin);
    Report {
        kernel: args.machine.kernel.clone(),
        kernel_release: results.text("kernel_release"),
        cpus: args.machine.cpus,
        hypervisor_flag: args.machine.hypervisor_flag,
        scenario: args.scenario.clone(),
        lab: json(results, "lab"),
        lab_stderr: results.text("lab_stderr"),
        lab_outlived_diagnosis: results.text("lab_outlived").is_some(),
        verdict: json(results, "verdict"),
        text: results.text("text"),
        exit_code: results.number("diagnose_exit_code"),
        diagnose_stderr: results.text("diagnose_stderr"),
        diagnose_wall_ms: wall_secs.map(|secs| (secs * 1e3).round() as u64),
        loadavg: results.text("loadavg"),
        dmesg_watchdog_lines: guest::alarm_lines(results.bytes("dmesg")),
    }
}

/// A JSON file of the guest; null, with the reason on standard error, if it is not one.
fn json(results: &Results, name: &str) -> Value {
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
