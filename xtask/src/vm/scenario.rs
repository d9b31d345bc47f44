//! `vm scenario`: the lab makes a pathology in a guest, `livelock diagnose` looks at it.
//!
//! In: a scenario and a machine. Out: one JSON object with what the lab achieved and what the tool
//! said. Refuses: to judge whether the tool is right; that is for the caller.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::boot::Machine;
use super::console::Results;
use super::diagnosis::{self, Diagnosis};
use super::disk;
use super::guest::{self, Content};
use super::module::{self, Load};

/// Arguments of `vm scenario`. Durations go to the guest as they are.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    load: Load,
    /// Threads of the lab [default: one per CPU]
    #[arg(long, value_name = "N")]
    threads: Option<u32>,
    /// End the lab after this time, even while it is being diagnosed [default: when that is over]
    #[arg(long, value_name = "SECS")]
    duration: Option<String>,
    #[command(flatten)]
    diagnosis: Diagnosis,
    /// Bring the recording of the diagnosis back, as FILE
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
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
    /// `livelock.truth/v1` at the end of the run; null without the module.
    truth: Value,
    #[serde(flatten)]
    diagnosis: diagnosis::Report,
}

/// Runs the scenario and prints the report.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let results = guest::run(
        &args.machine,
        &args.content,
        args.load.mode.is_some(),
        &script(args),
    )?;
    if let Some(path) = &args.record {
        diagnosis::keep_recording(&results, path)?;
    }
    let report = report(args, &results);
    let line = serde_json::to_string(&report).context("failed to write the report")?;
    println!("{line}");
    if report.lab.is_null() {
        let why = report.lab_stderr.as_deref().unwrap_or("it said nothing");
        eprintln!("vm: the load did not run, so the diagnosis is of an idle guest: {why}");
        return Ok(ExitCode::FAILURE);
    }
    Ok(ExitCode::SUCCESS)
}

/// The guest's side.
fn script(args: &Args) -> String {
    let threads = args.threads.unwrap_or(args.machine.cpus);
    let pin = if args.no_pin { "" } else { "--pin" };
    // The day is an upper bound that nobody waits for: the script ends the lab.
    let lab_duration = guest::quote(args.duration.as_deref().unwrap_or("1440m"));
    let scenario = guest::quote(&args.scenario);
    format!(
        "{load}{files}livelock-lab {scenario} --threads {threads} --duration {lab_duration} {pin} \
           >/result/lab 2>/result/lab_stderr &
lab=$!
{delay}{diagnose}{after}kill -TERM $lab 2>/dev/null && echo 1 >/result/lab_outlived
wait $lab
cat {books} >/result/truth 2>/dev/null
",
        load = args.load.script(),
        files = if args.machine.disk {
            format!("TMPDIR={} ", disk::MOUNT_POINT)
        } else {
            String::new()
        },
        delay = args.diagnosis.delay_script(),
        diagnose = args.diagnosis.script(args.record.is_some()),
        after = args.diagnosis.after_script(),
        books = module::BOOKS,
    )
}

fn report(args: &Args, results: &Results) -> Report {
    let truth = match args.load.mode {
        Some(_) => diagnosis::json(results, "truth"),
        None => Value::Null,
    };
    Report {
        kernel: args.machine.kernel.clone(),
        kernel_release: results.text("kernel_release"),
        cpus: args.machine.cpus,
        hypervisor_flag: args.machine.hypervisor_flag,
        scenario: args.scenario.clone(),
        lab: diagnosis::json(results, "lab"),
        lab_stderr: results.text("lab_stderr"),
        lab_outlived_diagnosis: results.text("lab_outlived").is_some(),
        truth,
        diagnosis: diagnosis::report(results),
    }
}
