//! The `vm` commands. In: arguments. Out: which step runs. Refuses: to know how.

use std::process::ExitCode;

use super::kernels::{self, DEFAULT_KERNELS, KERNELS};
use super::{fetch, module, run, scenario, truth};

/// What can be done with guests.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// List the kernels that the rig knows
    List,
    /// Fetch kernels, so that later runs need no network
    Fetch {
        /// Kernel to fetch; repeatable [default: the oldest supported and the newest]
        #[arg(long = "kernel", value_name = "NAME")]
        kernels: Vec<String>,
        /// Fetch the newest package even if a kernel is there
        #[arg(long)]
        refresh: bool,
        /// Also fetch the headers and build the ground-truth module
        #[arg(long)]
        truth: bool,
    },
    /// Run a command or a script in a guest; its exit code is the exit code
    Run(run::Args),
    /// Run a scenario of the lab in a guest and diagnose it
    Scenario(scenario::Args),
    /// Let the ground-truth module make a pathology in a guest, diagnose it, and compare
    Truth(truth::Args),
}

/// Runs a command.
pub(crate) fn dispatch(command: &Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::List => {
            for kernel in KERNELS {
                println!("{:<13}{:<18}{}", kernel.name, kernel.suite, kernel.note);
            }
        }
        Command::Fetch {
            kernels,
            refresh,
            truth,
        } => {
            let defaults = DEFAULT_KERNELS
                .iter()
                .map(|name| (*name).to_owned())
                .collect();
            let names: Vec<String> = if kernels.is_empty() {
                defaults
            } else {
                kernels.clone()
            };
            for name in names {
                let kernel = kernels::by_name(&name)?;
                println!("{}", fetch::vmlinuz(kernel, *refresh)?.display());
                if *truth {
                    println!("{}", module::build(kernel)?.display());
                }
            }
        }
        Command::Run(args) => return run::run(args),
        Command::Scenario(args) => return scenario::run(args),
        Command::Truth(args) => return truth::run(args),
    }
    Ok(ExitCode::SUCCESS)
}
