//! Developer tasks: `cargo xtask COMMAND`.
//!
//! In: arguments. Out: built, fetched or measured things under `target/`. Refuses: product logic.

mod bench;
mod corpus;
mod dictionary;
mod ebpf;
mod exports;
mod lint;
mod negatives;
mod paths;
mod test;
mod tools;
mod vm;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Developer tasks of livelock.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask")]
struct Args {
    #[command(subcommand)]
    command: Command,
}

/// One variant per task; each task is a file or a folder of its own.
#[derive(Debug, Subcommand)]
enum Command {
    /// Measure what livelock costs
    #[command(subcommand)]
    Bench(bench::Command),
    /// Diagnose every scenario of the lab in guests, and score the verdicts
    Corpus(corpus::Args),
    /// Hold the functions that livelock knows by name against the symbols of real kernels
    Dictionary(dictionary::Args),
    /// Build the kernel programs, or check that the committed ones are fresh
    Ebpf(ebpf::Args),
    /// Read what `livelock export` writes with the programs that it is for
    Exports,
    /// Check formatting, lints on host and BPF targets, and the house's own rules
    Lint,
    /// Watch healthy loads of real programs on this machine, and count false alarms
    Negatives(negatives::Args),
    /// Run every check and test; the command of the README and of CI
    Test(test::Args),
    /// Boot stock kernels in QEMU and run things in them
    #[command(subcommand)]
    Vm(Box<vm::Command>),
}

fn main() -> ExitCode {
    if let Some(code) = ebpf::run_as_rustc_if_asked() {
        return code;
    }
    let outcome = match Args::parse().command {
        Command::Bench(command) => bench::dispatch(&command),
        Command::Corpus(args) => corpus::run(&args),
        Command::Dictionary(args) => dictionary::run(&args),
        Command::Ebpf(args) => ebpf::run(&args),
        Command::Exports => exports::run(),
        Command::Lint => lint::run(),
        Command::Negatives(args) => negatives::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Vm(command) => vm::dispatch(&command),
    };
    outcome.unwrap_or_else(|err| {
        eprintln!("xtask: {err:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_fit_together() {
        Args::command().debug_assert();
    }
}
