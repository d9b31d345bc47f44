//! Programs of the machine that tasks call.
//!
//! In: a program and its arguments. Out: its success or its output. Refuses: a program that is not
//! installed, with the command that installs it.

use std::ffi::OsString;
use std::io;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

/// Programs and the Debian packages that hold them.
const PACKAGES: &[(&str, &str)] = &[
    ("apt-cache", "apt"),
    ("apt-get", "apt"),
    ("busybox", "busybox-static"),
    ("dpkg-deb", "dpkg"),
    ("gcc", "gcc"),
    ("make", "make"),
    ("mke2fs", "e2fsprogs"),
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("strip", "binutils"),
    ("xz", "xz-utils"),
];

/// What to type when `program` is missing.
pub(crate) fn install_hint(program: &str) -> String {
    match PACKAGES.iter().find(|(name, _)| *name == program) {
        Some((_, package)) => {
            format!("{program} is not installed; install it with `sudo apt-get install {package}`")
        }
        None => format!("{program} is not installed or not on PATH"),
    }
}

/// Whether `program` (a path, or a name on PATH) is there.
pub(crate) fn is_installed(program: &str) -> bool {
    std::env::split_paths(&path_with_sbin()).any(|dir| dir.join(program).is_file())
}

/// PATH, and where Debian has daemons.
pub(crate) fn path_with_sbin() -> OsString {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    path.push(":/usr/sbin:/sbin");
    path
}

/// Context for a failed start: the hint if the program is missing.
pub(crate) fn start_error(program: &str, err: io::Error) -> anyhow::Error {
    if err.kind() == io::ErrorKind::NotFound {
        anyhow::anyhow!(install_hint(program))
    } else {
        anyhow::Error::from(err).context(format!("failed to start {program}"))
    }
}

/// Runs a command whose output goes to standard error, so that standard output stays the task's.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let status = command
        .stdin(Stdio::null())
        .stdout(io::stderr())
        .status()
        .map_err(|err| start_error(&program, err))?;
    if !status.success() {
        bail!("{program} ended with {status}; its messages are above");
    }
    Ok(())
}

/// Runs a command and returns its standard output.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|err| start_error(&program, err))?;
    if !output.status.success() {
        bail!(
            "{program} ended with {}; its messages are above",
            output.status
        );
    }
    String::from_utf8(output.stdout)
        .with_context(|| format!("{program} wrote bytes that are not UTF-8"))
}

/// The cargo that runs this program, else the one on PATH.
pub(crate) fn cargo() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
