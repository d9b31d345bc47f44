//! What the tests need of the machine.
//!
//! In: what is installed. Out: the missing packages and components, installed, each command printed
//! before it runs. Refuses: to install without root; then it says the command.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};

use crate::ebpf::{self, Toolchain};
use crate::tools;

/// Packages for guests: a file or a program on PATH that shows that it is there, and the package.
const GUEST_PACKAGES: &[(&str, &str)] = &[
    ("qemu-system-x86_64", "qemu-system-x86"),
    ("busybox", "busybox-static"),
    ("dpkg-deb", "dpkg"),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
];

/// Packages for any build.
const BUILD_PACKAGES: &[(&str, &str)] = &[("cc", "gcc"), ("/usr/include/stdio.h", "libc6-dev")];

/// A terminal emulator that tests can type at.
const SCREEN_PACKAGES: &[(&str, &str)] = &[("tmux", "tmux")];

/// A browser that shows the page of `report`.
const PAGE_PACKAGES: &[(&str, &str)] = &[("chromium", "chromium")];

/// Parts of a Rust toolchain that a minimal one lacks.
const COMPONENTS: &[(&str, &str)] = &[("fmt", "rustfmt"), ("clippy", "clippy")];

/// Makes sure that everything is there.
pub(super) fn install(with_guests: bool) -> anyhow::Result<()> {
    let guests = if with_guests { GUEST_PACKAGES } else { &[] };
    let mut packages: Vec<&str> = BUILD_PACKAGES
        .iter()
        .chain(SCREEN_PACKAGES)
        .chain(PAGE_PACKAGES)
        .chain(guests)
        .filter(|(sign, _)| !is_there(sign))
        .map(|(_, package)| *package)
        .collect();
    if !has_bpf_toolchain() {
        packages.extend(ebpf::PACKAGES);
    }
    if packages.is_empty() {
        eprintln!("no package is missing");
    } else {
        install_packages(&packages)?;
    }
    install_components()
}

fn is_there(sign: &str) -> bool {
    if sign.starts_with('/') {
        return Path::new(sign).exists();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(sign).is_file())
}

/// Can the kernel programs be built and linted?
fn has_bpf_toolchain() -> bool {
    let has_clippy =
        |toolchain: &Toolchain| toolchain.cargo.with_file_name("cargo-clippy").is_file();
    Toolchain::find(None).is_ok_and(|toolchain| has_clippy(&toolchain)) && ebpf::has_linker()
}

fn install_packages(packages: &[&str]) -> anyhow::Result<()> {
    let mut words = vec!["apt-get", "install", "--yes", "--no-install-recommends"];
    words.extend(packages);
    // SAFETY: no preconditions.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        bail!(
            "packages are missing; install them with `sudo {}`",
            words.join(" ")
        );
    }
    let install = || run(&words);
    install()
        // The package lists of a fresh machine are empty or old.
        .or_else(|_| run(&["apt-get", "update"]).and_then(|()| install()))
        .with_context(|| format!("failed to install {}", packages.join(", ")))
}

fn install_components() -> anyhow::Result<()> {
    for (subcommand, component) in COMPONENTS {
        let is_there = Command::new(tools::cargo())
            .args([subcommand, "--version"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success());
        if !is_there {
            run(&["rustup", "component", "add", component])
                .with_context(|| format!("cargo {subcommand} is missing; install {component}"))?;
        }
    }
    Ok(())
}

/// Prints a command, then runs it.
fn run(words: &[&str]) -> anyhow::Result<()> {
    eprintln!("+ {}", words.join(" "));
    let Some((program, args)) = words.split_first() else {
        return Ok(());
    };
    tools::run(
        Command::new(program)
            .args(args)
            .env("DEBIAN_FRONTEND", OsStr::new("noninteractive")),
    )
}
