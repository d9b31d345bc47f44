//! The compiler of the kernel programs.
//!
//! In: what is installed. Out: a toolchain that can build for BPF. Refuses: half a toolchain, with the
//! command that installs the other half.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::rustc_wrapper::TARGET;
use crate::tools;

/// Debian's packages for a build: a rustc with `core` for BPF, and the LLVM that bpf-linker links.
pub(crate) const PACKAGES: &[&str] = &[
    "rustc-web",
    "cargo-web",
    "libstd-rust-web-dev-bpf",
    "rust-web-clippy",
    "llvm-22-dev",
    "libpolly-22-dev",
    "zlib1g-dev",
    "libzstd-dev",
];

/// The packages put it here, whatever comes first on PATH.
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_CARGO: &str = "/usr/bin/cargo";

/// Which compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Choice {
    /// Debian's rustc-web, with its precompiled core
    Debian,
    /// rustup's nightly, which compiles core from rust-src
    Rustup,
}

/// A compiler that can build for BPF.
#[derive(Debug)]
pub(crate) struct Toolchain {
    /// Which one.
    pub(crate) choice: Choice,
    /// Compiler.
    pub(crate) rustc: PathBuf,
    /// Its cargo.
    pub(crate) cargo: PathBuf,
    /// Where its parts are.
    pub(crate) sysroot: PathBuf,
}

impl Toolchain {
    /// The wanted one, else the first that is complete.
    pub(crate) fn find(wanted: Option<Choice>) -> anyhow::Result<Self> {
        match wanted {
            Some(Choice::Debian) => debian(),
            Some(Choice::Rustup) => rustup(),
            None => debian().or_else(|no_debian| {
                rustup().map_err(|no_rustup| {
                    anyhow::anyhow!(
                        "no toolchain for BPF:\n  Debian's: {no_debian:#}\n  rustup's: {no_rustup:#}"
                    )
                })
            }),
        }
    }

    /// Version of the compiler and of its LLVM.
    pub(super) fn versions(&self) -> anyhow::Result<(String, String)> {
        let text = tools::output(Command::new(&self.rustc).arg("-vV"))?;
        let first = text.lines().next().unwrap_or_default();
        let rustc = first.strip_prefix("rustc ").unwrap_or(first);
        let llvm = text
            .lines()
            .find_map(|line| line.strip_prefix("LLVM version: "))
            .with_context(|| format!("{} does not tell its LLVM", self.rustc.display()))?;
        Ok((rustc.to_owned(), llvm.to_owned()))
    }
}

fn debian() -> anyhow::Result<Toolchain> {
    let rustc = PathBuf::from(DEBIAN_RUSTC);
    let cargo = PathBuf::from(DEBIAN_CARGO);
    let hint = || {
        format!(
            "install it with `sudo apt-get install {}`",
            PACKAGES.join(" ")
        )
    };
    if !rustc.is_file() || !cargo.is_file() {
        bail!("rustc-web and cargo-web are not installed; {}", hint());
    }
    let sysroot = sysroot(&rustc)?;
    if !sysroot.join("lib/rustlib").join(TARGET).is_dir() {
        bail!(
            "{DEBIAN_RUSTC} has no core for {TARGET} (package libstd-rust-web-dev-bpf); {}",
            hint()
        );
    }
    Ok(Toolchain {
        choice: Choice::Debian,
        rustc,
        cargo,
        sysroot,
    })
}

fn rustup() -> anyhow::Result<Toolchain> {
    let which = |tool: &str| -> anyhow::Result<PathBuf> {
        let output = Command::new("rustup")
            .args(["which", "--toolchain", "nightly", tool])
            .output();
        match output {
            Ok(output) if output.status.success() => Ok(PathBuf::from(
                String::from_utf8_lossy(&output.stdout).trim_end(),
            )),
            Ok(_) => bail!(
                "rustup has no nightly; install it with \
                 `rustup toolchain install nightly --component rust-src`"
            ),
            Err(_) => bail!("rustup is not on PATH"),
        }
    };
    let rustc = which("rustc")?;
    let cargo = which("cargo")?;
    let sysroot = sysroot(&rustc)?;
    if !rust_src(&sysroot).join("library/core").is_dir() {
        bail!(
            "the nightly lacks rust-src; install it with \
             `rustup component add rust-src --toolchain nightly`"
        );
    }
    Ok(Toolchain {
        choice: Choice::Rustup,
        rustc,
        cargo,
        sysroot,
    })
}

fn sysroot(rustc: &Path) -> anyhow::Result<PathBuf> {
    let text = tools::output(Command::new(rustc).args(["--print", "sysroot"]))?;
    Ok(PathBuf::from(text.trim_end()))
}

/// Where a sysroot keeps the sources of `core`.
pub(super) fn rust_src(sysroot: &Path) -> PathBuf {
    sysroot.join("lib/rustlib/src/rust")
}
