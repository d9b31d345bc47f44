//! bpf-linker and what strips its output.
//!
//! In: the tools under `target/`, on PATH and in Debian's LLVM folder. Out: programs of the right
//! version, installed under `target/tools` if they are missing. Refuses: to install outside `target/`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

use super::toolchain::PACKAGES;
use crate::paths;
use crate::tools;

const VERSION: &str = "0.13.0";

/// LLVM's major version: that of the compiler, or newer.
const LLVM: &str = "22";

/// Where Debian puts it.
const LLVM_PREFIX: &str = "/usr/lib/llvm-22";

/// Programs that turn crates into an object.
pub(super) struct Linker {
    /// bpf-linker.
    pub(super) linker: PathBuf,
    /// llvm-objcopy.
    pub(super) objcopy: PathBuf,
    /// bpf-linker's version.
    pub(super) version: &'static str,
    /// Version of the LLVM it links with, if that can be told.
    pub(super) llvm: String,
}

/// Finds the programs, installing the linker if need be.
pub(super) fn find(root: &Path) -> anyhow::Result<Linker> {
    let dir = root.join("target/tools");
    let own = dir.join("bin/bpf-linker");
    let objcopy = objcopy()?;
    if !is_right(&own) {
        let on_path = PathBuf::from("bpf-linker");
        if is_right(&on_path) {
            return Ok(Linker {
                linker: on_path,
                objcopy,
                version: VERSION,
                llvm: "unknown".to_owned(),
            });
        }
        install(&dir)?;
    }
    let llvm_config = Path::new(LLVM_PREFIX).join("bin/llvm-config");
    let llvm = tools::output(Command::new(llvm_config).arg("--version"))
        .map_or("unknown".to_owned(), |text| text.trim_end().to_owned());
    Ok(Linker {
        linker: own,
        objcopy,
        version: VERSION,
        llvm,
    })
}

fn is_right(program: &Path) -> bool {
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|output| {
            String::from_utf8_lossy(&output.stdout).trim_end() == format!("bpf-linker {VERSION}")
        })
}

/// Is there a linker, or what builds one, and the program that strips?
pub(crate) fn is_complete() -> bool {
    (is_right(Path::new("bpf-linker")) || has_llvm()) && objcopy().is_ok()
}

fn has_llvm() -> bool {
    let parts = ["bin/llvm-config", "lib/libPolly.a"];
    parts
        .iter()
        .all(|part| Path::new(LLVM_PREFIX).join(part).exists())
}

fn install(dir: &Path) -> anyhow::Result<()> {
    if !has_llvm() {
        bail!(
            "bpf-linker {VERSION} is not on PATH, and LLVM {LLVM} is not there to build it; install \
             that with `sudo apt-get install {}`, or put bpf-linker {VERSION} from its releases on PATH",
            PACKAGES.join(" ")
        );
    }
    eprintln!("ebpf: installing bpf-linker {VERSION} under target/tools (about 90 s on two cores)");
    paths::make_dir(dir)?;
    tools::run(
        Command::new(tools::cargo())
            .args(["install", "--quiet", "--locked", "--force", "bpf-linker"])
            .args(["--version", VERSION, "--no-default-features"])
            .arg("--features")
            .arg(format!("llvm-{LLVM}"))
            .arg("--root")
            .arg(dir)
            .env("CARGO_TARGET_DIR", dir.join("build"))
            .env("LLVM_PREFIX", LLVM_PREFIX)
            .env("LLVM_SYS_221_PREFIX", LLVM_PREFIX),
    )
    .context("failed to install bpf-linker")
}

fn objcopy() -> anyhow::Result<PathBuf> {
    let names = [
        Path::new(LLVM_PREFIX).join("bin/llvm-objcopy"),
        PathBuf::from("llvm-objcopy"),
    ];
    names
        .into_iter()
        .find(|name| Command::new(name).arg("--version").output().is_ok())
        .with_context(|| {
            format!(
                "llvm-objcopy is not installed; install it with `sudo apt-get install llvm-{LLVM}`"
            )
        })
}
