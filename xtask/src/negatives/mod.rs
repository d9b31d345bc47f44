//! `negatives`: healthy loads of real programs, watched window by window, on this machine's kernel or a guest's.
//!
//! In: arguments. Out: a table of windows, hours and false alarms. Refuses: to make a load itself, to judge
//! anything, and to run without the programs that a load needs.

mod boot;
mod loads;
mod observe;
mod table;

use std::collections::BTreeSet;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use crate::bench::build;
use crate::vm::kernels::DEFAULT_KERNELS;
use crate::{paths, tools, vm};
use loads::{LOADS, Load};
use observe::Seen;

/// Arguments of `negatives`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Only this load; repeatable
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Seconds to watch each load
    #[arg(long, value_name = "SECS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(5..=3600))]
    secs: u64,
    /// Length of a window in milliseconds, as `diagnose` has it
    #[arg(long, value_name = "MS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(100..=60_000))]
    window_ms: u64,
    /// One more argument for `livelock export`; repeatable
    #[arg(long = "export-arg", value_name = "ARG", allow_hyphen_values = true)]
    export_args: Vec<String>,
    /// Print the result as JSON instead of a table
    #[arg(long)]
    json: bool,
    /// Kernel of the guest that boots; repeatable [default: the oldest supported and the newest]
    #[arg(long = "kernel", value_name = "NAME")]
    kernels: Vec<String>,
    /// Do not build; take the programs of the last build
    #[arg(long)]
    no_build: bool,
}

/// Watches each load and prints what was said of it; exit code 1 if one was called a live lock, or could not be watched.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let loads = select(&args.only)?;
    let boots = args.only.is_empty() || args.only.iter().any(|name| name == boot::NAME);
    for load in &loads {
        check(load.name, load.needs)?;
    }
    if boots {
        check(boot::NAME, boot::NEEDS)?;
        vm::build::programs(vm::build::Profile::Release, args.no_build)?;
    }
    let livelock = build::binaries(args.no_build)?.livelock;
    let work = paths::workspace_root()?.join("target/negatives");
    let settings = observe::Settings {
        livelock: &livelock,
        secs: args.secs,
        window_ms: args.window_ms,
        more: &args.export_args,
    };
    let mut all = Vec::new();
    let mut missing = Vec::new();
    for load in loads {
        eprintln!("negatives: {} for {} s", load.name, args.secs);
        let dir = work.join(load.name);
        keep(
            &mut all,
            &mut missing,
            load.name,
            observe::observe(load, &dir, &settings),
        );
    }
    let defaults = || DEFAULT_KERNELS.iter().map(|&name| name.to_owned());
    let kernels = match args.kernels.is_empty() {
        true => defaults().collect(),
        false => args.kernels.clone(),
    };
    for kernel in kernels.iter().filter(|_| boots) {
        eprintln!("negatives: boot of {kernel}, {} s", args.secs);
        let name = format!("a boot of {kernel}");
        let seen = boot::observe(&work.join(boot::NAME), kernel, &settings);
        keep(&mut all, &mut missing, &name, seen);
    }
    if args.json {
        let text = serde_json::to_string_pretty(&all).context("failed to write the result")?;
        println!("{text}");
    } else {
        print!("{}", table::render(&all));
    }
    if !missing.is_empty() {
        eprintln!("negatives: {} not watched, see above", missing.len());
    }
    let is_accused = |seen: &Seen| seen.nr_livelock_windows > 0;
    Ok(if !missing.is_empty() || all.iter().any(is_accused) {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}

/// One load that cannot be watched does not cost what was seen of the others.
fn keep(all: &mut Vec<Seen>, missing: &mut Vec<String>, name: &str, seen: anyhow::Result<Seen>) {
    match seen {
        Ok(seen) => all.push(seen),
        Err(error) => {
            let why = format!("failed to observe {name}: {error:#}");
            eprintln!("negatives: {why}");
            missing.push(why);
        }
    }
}

fn select(only: &[String]) -> anyhow::Result<Vec<&'static Load>> {
    let names: Vec<&str> = LOADS
        .iter()
        .map(|load| load.name)
        .chain([boot::NAME])
        .collect();
    if let Some(wrong) = only.iter().find(|name| !names.contains(&name.as_str())) {
        bail!("there is no load {wrong}; type one of {}", names.join(", "));
    }
    let wanted = |load: &&Load| only.is_empty() || only.iter().any(|name| name == load.name);
    Ok(LOADS.iter().filter(wanted).collect())
}

/// Names everything that is missing at once.
fn check(name: &str, needs: &[(&str, &'static str)]) -> anyhow::Result<()> {
    let missing: BTreeSet<&str> = needs
        .iter()
        .filter(|(program, _)| !tools::is_installed(program))
        .map(|&(_, package)| package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = missing.into_iter().collect();
    bail!(
        "{} needs programs that are not installed; install them with `sudo apt-get install {}`, or leave it out with --only",
        name,
        packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_watched_is_told_and_costs_nothing_else() {
        let (mut all, mut missing) = (Vec::new(), Vec::new());
        keep(&mut all, &mut missing, "idle", Ok(Seen::default()));
        let error = Err(anyhow::anyhow!("no such user").context("failed to start it"));
        keep(&mut all, &mut missing, "database", error);
        keep(&mut all, &mut missing, "compressor", Ok(Seen::default()));
        assert_eq!(all.len(), 2);
        let why = "failed to observe database: failed to start it: no such user";
        assert_eq!(missing, [why]);
    }

    #[test]
    fn a_load_is_chosen_by_its_name() {
        let chosen = select(&["compile".to_owned()]).expect("a load");
        assert_eq!(chosen.len(), 1);
        assert_eq!(select(&[]).expect("all").len(), LOADS.len());
        let error = select(&["compiles".to_owned()]).expect_err("no load");
        assert!(error.to_string().contains("type one of idle, compile"));
    }
}
