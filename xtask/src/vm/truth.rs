//! `vm truth`: the module makes a pathology in a guest and counts, `livelock diagnose` looks at it.
//!
//! In: a mode, module parameters, a machine. Out: one JSON object with the module's books before and
//! after, and what the tool said. Refuses: to judge whether the tool is right; that is for the caller.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use serde::Serialize;
use serde_json::Value;

use super::boot::Machine;
use super::console::Results;
use super::diagnosis::{self, Diagnosis};
use super::guest::{self, Content};
use super::measured::{self, Measured};
use super::module;

/// Arguments of `vm truth`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    diagnosis: Diagnosis,
    /// Mode of the module, such as spin-hot; an unknown one makes it list what it knows
    #[arg(long, value_name = "MODE")]
    mode: String,
    /// Bring the recording of the diagnosis back, as FILE
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Parameters of the module: nr_threads, hold_ns, work_ns, duration_ms
    #[arg(value_name = "NAME=VALUE", value_parser = module::parameter)]
    parameters: Vec<String>,
}

/// What one run showed.
#[derive(Debug, Serialize)]
struct Report {
    kernel: String,
    kernel_release: Option<String>,
    cpus: u32,
    hypervisor_flag: bool,
    mode: String,
    parameters: Vec<String>,
    /// `livelock.truth/v1` when the probes were attached.
    truth_before: Value,
    /// And when the window was over.
    truth_after: Value,
    /// The difference of the two.
    measured: Measured,
    #[serde(flatten)]
    diagnosis: diagnosis::Report,
}

/// Runs the mode and prints the report.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let results = guest::run(&args.machine, &args.content, true, &script(args))?;
    if let Some(path) = &args.record {
        diagnosis::keep_recording(&results, path)?;
    }
    let report = report(args, &results)?;
    let line = serde_json::to_string(&report).context("failed to write the report")?;
    println!("{line}");
    Ok(ExitCode::SUCCESS)
}

/// The guest's side.
fn script(args: &Args) -> String {
    let readings = args.diagnosis.script_with_readings(
        args.record.is_some(),
        module::BOOKS,
        "truth_before",
        "truth_after",
    );
    [
        module::insmod(&args.mode, &args.parameters),
        args.diagnosis.delay_script(),
        readings,
        args.diagnosis.after_script(),
    ]
    .concat()
}

fn report(args: &Args, results: &Results) -> anyhow::Result<Report> {
    let truth_before = diagnosis::json(results, "truth_before");
    let truth_after = diagnosis::json(results, "truth_after");
    let measured =
        measured::between(&truth_before, &truth_after, args.machine.cpus).with_context(|| {
            let said = results.text("stderr");
            format!(
                "the module kept no books; the guest says: {}",
                said.as_deref().unwrap_or("nothing")
            )
        })?;
    Ok(Report {
        kernel: args.machine.kernel.clone(),
        kernel_release: results.text("kernel_release"),
        cpus: args.machine.cpus,
        hypervisor_flag: args.machine.hypervisor_flag,
        mode: args.mode.clone(),
        parameters: args.parameters.clone(),
        truth_before,
        truth_after,
        measured,
        diagnosis: diagnosis::report(results),
    })
}
