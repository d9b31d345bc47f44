//! clippy, for the host and for the kernel programs.
//!
//! In: the sources. Out: nothing, or the first package that it objects to. Refuses: to lint kernel
//! programs as if they were host programs; they are checked for the target that they run on.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::ebpf::{self, Toolchain};
use crate::tools;

/// Binaries of livelock-ebpf and lints that one of them cannot satisfy.
const BPF_BINARIES: &[(&str, &[&str])] = &[
    ("livelock", &[]),
    ("declared", &[]),
    // aya's attribute adds public functions without documentation, here at the root of the crate.
    ("floor", &["-A", "missing_docs"]),
];

/// The workspace, with its tests.
pub(super) fn host(root: &Path) -> anyhow::Result<()> {
    eprintln!("lint: clippy on the workspace");
    tools::run(Command::new(tools::cargo()).current_dir(root).args([
        "clippy",
        "--quiet",
        "--locked",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
    .context("clippy objects to the workspace")
}

/// The kernel programs. clippy must be of the compiler that has a `core` for BPF, so the one beside
/// that compiler is called by its path: `cargo clippy` would find rustup's.
pub(super) fn bpf(root: &Path) -> anyhow::Result<()> {
    let toolchain = Toolchain::find(None)?;
    let clippy = toolchain.cargo.with_file_name("cargo-clippy");
    ensure!(
        clippy.is_file(),
        "{} is not there; install it with `sudo apt-get install rust-web-clippy` (Debian) or \
         `rustup component add clippy --toolchain nightly` (rustup)",
        clippy.display()
    );
    for (binary, excused) in BPF_BINARIES {
        eprintln!("lint: clippy on the kernel programs, {binary}");
        tools::run(
            ebpf::command(&toolchain, root, &clippy, "clippy")
                .args(["--release", "--bin", binary, "--", "-D", "warnings"])
                .args(*excused),
        )
        .with_context(|| format!("clippy objects to the kernel programs of {binary}"))?;
    }
    Ok(())
}
