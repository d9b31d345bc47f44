//! `vm run`: one command or script in a guest, as if it ran here.
//!
//! In: a command. Out: its standard output, standard error and exit code. Refuses: neither or both
//! of a command and a script.

use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, bail};

use super::boot::Machine;
use super::guest::{self, Content};
use super::module::Load;

/// What a shell reports for a command that SIGKILL ended.
const KILLED: u8 = 128 + 9;

/// Arguments of `vm run`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    machine: Machine,
    #[command(flatten)]
    content: Content,
    #[command(flatten)]
    load: Load,
    /// Run this shell script instead of a command
    #[arg(long, value_name = "FILE", conflicts_with = "command")]
    script: Option<PathBuf>,
    /// Print the guest's kernel log on standard error
    #[arg(long)]
    dmesg: bool,
    /// Command to run in the guest
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Runs it; the guest command's exit code is the result.
pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let script = match &args.script {
        Some(path) => fs::read_to_string(path)
            .with_context(|| format!("failed to read the script {}", path.display()))?,
        None if args.command.is_empty() => {
            bail!("nothing to run; give a command after `--`, or a file with --script")
        }
        None => {
            let words: Vec<_> = args.command.iter().map(|word| guest::quote(word)).collect();
            format!("exec {}\n", words.join(" "))
        }
    };
    let script = args.load.script() + &script;
    let has_module = args.load.mode.is_some();
    let results = guest::run(&args.machine, &args.content, has_module, &script)?;
    io::stderr()
        .write_all(results.bytes("stderr"))
        .context("failed to write")?;
    if args.dmesg {
        io::stderr()
            .write_all(results.bytes("dmesg"))
            .context("failed to write")?;
    }
    for line in guest::alarm_lines(results.bytes("dmesg")) {
        eprintln!("vm: the guest's kernel says: {line}");
    }
    io::stdout()
        .write_all(results.bytes("stdout"))
        .context("failed to write")?;
    let code = results
        .number::<u8>("exit_code")
        .context("the guest reported no exit code")?;
    if code == KILLED {
        eprintln!(
            "vm: the command was killed, perhaps by the time limit; allow more with --timeout"
        );
    }
    Ok(ExitCode::from(code))
}
