//! The binary `livelock`: parses, runs, exits.

use std::process::ExitCode;

use livelock_cli::args::Surroundings;
use livelock_cli::exit::Exit;
use livelock_cli::{args, run};

fn main() -> ExitCode {
    let surroundings = Surroundings {
        variable: &|name| std::env::var_os(name),
        read: &|path| std::fs::read_to_string(path),
    };
    let config = match args::parse(std::env::args_os(), &surroundings) {
        Ok(config) => config,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Fine
            };
            // Nobody is left to hear that this could not be printed.
            let _ = error.print();
            return exit.into();
        }
    };
    let set =
        std::env::vars_os().filter(|(_, value)| config.job.reads_settings() && !value.is_empty());
    let names: Vec<_> = set
        .filter_map(|(name, _)| name.into_string().ok())
        .collect();
    for line in args::misspelt(names.iter().map(String::as_str)) {
        eprintln!("livelock: {line}");
    }
    match run::main(config) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("livelock: failed to {error:#}");
            Exit::Failed.into()
        }
    }
}
