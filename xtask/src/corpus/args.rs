//! The `corpus` command. In: arguments. Out: which guests run which scenarios, and where the report
//! goes. Refuses: to know how a guest is run or a verdict judged.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::host_load::HostLoad;
use super::report::Report;
use super::script::Look;
use super::{baseline, catalogue, expected, plan, run as guests, table};
use crate::paths;
use crate::vm::build::{self, Profile};
use crate::vm::kernels::{self, DEFAULT_KERNELS};

/// CPUs of a guest when nothing else is asked for: the least on which the scenarios collapse.
const DEFAULT_CPUS: u32 = 4;

/// Arguments of `corpus`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Kernel; repeatable [default: the oldest supported and the newest]
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<String>,
    /// CPUs of the guest; repeatable [default: 4]
    #[arg(long = "cpus", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    cpus: Vec<u32>,
    /// Memory of the guest, in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory_mib: u32,
    /// How often each scenario is diagnosed; all but the first time in another order
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Only scenarios of this name, class, kind or maker (lab, truth); repeatable
    #[arg(long, value_name = "NAME|CLASS|KIND|MAKER")]
    only: Vec<String>,
    /// Control: with test-and-set spinlocks, no spinlock scenario may be called a live lock
    #[arg(long)]
    hypervisor_flag: bool,
    /// How long to observe each scenario
    #[arg(long, value_name = "SECS", default_value = "5", value_parser = parse_secs)]
    diagnose_duration: u64,
    /// Time between the start of a load and its diagnosis
    #[arg(long, value_name = "SECS", default_value = "1", value_parser = parse_secs)]
    delay: u64,
    /// Highest probe level; level 1 patches code that all CPUs run, over which QEMU's emulation has hung
    #[arg(long, value_name = "LEVEL")]
    max_level: Option<u8>,
    /// One more argument for `livelock diagnose`; repeatable
    #[arg(long = "diagnose-arg", value_name = "ARG", allow_hyphen_values = true)]
    diagnose_args: Vec<String>,
    /// Meanwhile, have N threads of this machine compute now and then, as neighbours of a guest do
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    host_load: Option<u32>,
    /// Seed of the times at which they do
    #[arg(long, value_name = "SEED", default_value_t = 1, requires = "host_load")]
    host_load_seed: u64,
    /// Do not build; take the static programs of the last build
    #[arg(long)]
    no_build: bool,
    /// Print the report as JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Write the report as JSON to FILE, after each guest
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep each verdict as DIR/KERNEL-CPUS-SCENARIO-RUN.json
    #[arg(long, value_name = "DIR")]
    verdicts: Option<PathBuf>,
    /// Keep the recording of each diagnosis as DIR/KERNEL-CPUS-SCENARIO-RUN.llrec, and DIR/expected.json for the tests
    #[arg(long, value_name = "DIR")]
    record_dir: Option<PathBuf>,
    /// Boot no guest: score these earlier reports together, such as those of a matrix that was run in pieces; repeatable
    #[arg(long, value_name = "FILE", conflicts_with_all = ["kernels", "cpus", "memory_mib", "only", "runs", "hypervisor_flag", "diagnose_duration", "delay", "max_level", "diagnose_args", "host_load", "no_build", "verdicts", "record_dir"])]
    merge: Vec<PathBuf>,
    /// Compare with an earlier report; exit with 1 if something got worse
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
}

/// Runs the matrix, scores it and prints the report.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let before = args.baseline.as_deref().map(read_report).transpose()?;
    let report = if args.merge.is_empty() {
        observe(args)?
    } else {
        let parts: Vec<_> = args
            .merge
            .iter()
            .map(|path| read_report(path))
            .collect::<Result<_, _>>()?;
        let report = Report::merged(parts)?;
        if let Some(path) = &args.output {
            write_report(path, &report)?;
        }
        report
    };
    print(args, &report)?;
    let Some(before) = before else {
        return Ok(ExitCode::SUCCESS);
    };
    let worse = baseline::worse(&before, &report);
    for line in &worse {
        eprintln!("corpus: worse than the baseline: {line}");
    }
    eprintln!("corpus: {} things got worse", worse.len());
    Ok(if worse.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn print(args: &Args, report: &Report) -> anyhow::Result<()> {
    if args.json {
        println!("{}", to_json(report)?);
    } else {
        print!(
            "{}",
            table::render(report).context("failed to write the table")?
        );
    }
    Ok(())
}

/// Runs the guests.
fn observe(args: &Args) -> anyhow::Result<Report> {
    let kernels = if args.kernels.is_empty() {
        DEFAULT_KERNELS
            .iter()
            .map(|name| (*name).to_owned())
            .collect()
    } else {
        args.kernels.clone()
    };
    for kernel in &kernels {
        kernels::by_name(kernel)?;
    }
    let cpus = if args.cpus.is_empty() {
        vec![DEFAULT_CPUS]
    } else {
        args.cpus.clone()
    };
    for dir in [&args.verdicts, &args.record_dir].into_iter().flatten() {
        paths::make_dir(dir)?;
    }
    let programs = build::programs(Profile::Release, args.no_build)?;
    let scenarios = plan::select(catalogue::read(&programs)?, &args.only)?;

    let mut report = Report::new(args.diagnose_duration, args.hypervisor_flag);
    report.diagnose_args = look(args).diagnose_args;
    report.host_load = args.host_load.map(|nr_threads| HostLoad {
        nr_threads,
        seed: args.host_load_seed,
    });
    let _neighbours = report.host_load.map(HostLoad::start).transpose()?;
    for kernel in &kernels {
        for &nr_cpus in &cpus {
            let cell = guests::Cell {
                kernel: kernel.clone(),
                nr_cpus,
                memory_mib: args.memory_mib,
                hypervisor_flag: args.hypervisor_flag,
                look: look(args),
                verdicts: args.verdicts.clone(),
                recordings: args.record_dir.clone(),
            };
            let tasks = plan::tasks(&scenarios, args.runs);
            report.add(kernel, nr_cpus, guests::run(&cell, &programs, tasks)?);
            if let Some(dir) = &args.record_dir {
                expected::write(dir, &report)?;
            }
            if let Some(path) = &args.output {
                write_report(path, &report)?;
            }
        }
    }
    Ok(report)
}

/// How the guests look at each scenario.
fn look(args: &Args) -> Look {
    let level = args.max_level.map(|level| format!("--max-level={level}"));
    Look {
        delay_secs: args.delay,
        diagnose_secs: args.diagnose_duration,
        diagnose_args: level
            .into_iter()
            .chain(args.diagnose_args.clone())
            .collect(),
        is_recorded: args.record_dir.is_some(),
    }
}

fn to_json(report: &Report) -> anyhow::Result<String> {
    serde_json::to_string_pretty(report).context("failed to write the report")
}

fn write_report(path: &Path, report: &Report) -> anyhow::Result<()> {
    fs::write(path, to_json(report)? + "\n")
        .with_context(|| format!("failed to write {}", path.display()))
}

fn read_report(path: &Path) -> anyhow::Result<Report> {
    let text =
        fs::read_to_string(path).with_context(|| format!("failed to read {}", path.display()))?;
    serde_json::from_str(&text)
        .with_context(|| format!("{} is not a report of the corpus", path.display()))
}

/// Whole seconds, with or without `s`: the guest's script adds to them.
fn parse_secs(text: &str) -> anyhow::Result<u64> {
    match text.strip_suffix('s').unwrap_or(text).parse() {
        Ok(secs) if secs > 0 => Ok(secs),
        _ => bail!("give whole seconds, e.g. 5 or 5s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_whole_and_positive() {
        assert_eq!(parse_secs("5").unwrap(), 5);
        assert_eq!(parse_secs("12s").unwrap(), 12);
        for text in ["0", "500ms", "1.5", ""] {
            assert!(parse_secs(text).is_err(), "{text}");
        }
    }
}
