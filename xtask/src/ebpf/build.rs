//! The build, such that every machine gets the same bytes.
//!
//! In: the sources of livelock-ebpf, its committed lock file, a toolchain. Out: stripped objects and
//! the versions that made them. Refuses: an object that names a folder of this machine.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;
use serde::Deserialize;

use super::linker;
use super::object::{self, OBJECTS, Object};
use super::pin::Pin;
use super::rustc_wrapper::{self, TARGET};
use super::toolchain::{self, Choice, Toolchain};
use crate::tools;

/// Separates flags, so that a path may hold a space.
const FLAG_SEPARATOR: &str = "\x1f";

/// Builds the objects.
pub(super) fn objects(root: &Path, toolchain: &Toolchain) -> anyhow::Result<(Vec<Object>, Pin)> {
    let linker = linker::find(root)?;
    let (rustc_version, rustc_llvm) = toolchain.versions()?;
    eprintln!("ebpf: building with rustc {rustc_version}");
    let mut flags = vec![
        // BTF comes from debug information.
        OsString::from("-Cdebuginfo=2"),
        "-Clink-arg=--btf".into(),
        // Jumps on 32-bit words and the full set of atomics; kernels know it since 5.1 and 5.12.
        "-Ctarget-cpu=v3".into(),
        // aya-ebpf-bindings takes the build machine's architecture if nobody says.
        "--cfg=bpf_target_arch=\"x86_64\"".into(),
        flag("-Clinker=", &linker.linker, ""),
    ];
    let folders = folders(root, toolchain)?;
    for (folder, name) in &folders {
        flags.push(flag("--remap-path-prefix=", folder, &format!("={name}")));
    }
    let wrapper = std::env::current_exe().context("failed to find this program")?;
    tools::run(
        command(toolchain, root, &toolchain.cargo, "build")
            .args(["--release", "--bins"])
            .env(
                "CARGO_ENCODED_RUSTFLAGS",
                flags.join(FLAG_SEPARATOR.as_ref()),
            )
            .env("RUSTC_WRAPPER", wrapper)
            .env(rustc_wrapper::ENV, "1"),
    )
    .context("failed to build livelock-ebpf")?;
    let built = target_dir(root).join(TARGET).join("release");
    let mut objects = Vec::new();
    for &(binary, file_name, _) in OBJECTS {
        let stripped = built.join(file_name);
        tools::run(
            Command::new(&linker.objcopy)
                .arg("--strip-debug")
                .arg(built.join(binary))
                .arg(&stripped),
        )?;
        let bytes = fs::read(&stripped)
            .with_context(|| format!("failed to read {}", stripped.display()))?;
        object::refuse_paths(
            file_name,
            &bytes,
            folders.iter().map(|(folder, _)| folder.as_path()),
        )?;
        objects.push(Object { file_name, bytes });
    }
    let pin = [
        ("rustc", rustc_version),
        ("rustc-llvm", rustc_llvm),
        ("bpf-linker", linker.version.to_owned()),
        ("bpf-linker-llvm", linker.llvm),
    ];
    let pin = pin.map(|(tool, version)| (tool.to_owned(), version));
    Ok((objects, Pin(pin.to_vec())))
}

/// A command of cargo's, or of `cargo-clippy`'s, in livelock-ebpf for the BPF target.
pub(crate) fn command(
    toolchain: &Toolchain,
    root: &Path,
    program: &Path,
    subcommand: &str,
) -> Command {
    let mut command = Command::new(program);
    command
        .current_dir(root.join("livelock-ebpf"))
        .args([subcommand, "--locked"])
        .env("CARGO", &toolchain.cargo)
        .env("RUSTC", &toolchain.rustc)
        // aya-ebpf needs asm_experimental_arch, Debian's rustc is a stable one.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_BUILD_TARGET", TARGET)
        .env("CARGO_TARGET_DIR", target_dir(root))
        .env("CARGO_TERM_QUIET", "true");
    // What the caller's toolchain or shell says is about another target.
    for name in [
        "RUSTUP_TOOLCHAIN",
        "RUSTFLAGS",
        "CARGO_ENCODED_RUSTFLAGS",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
    ] {
        command.env_remove(name);
    }
    if toolchain.choice == Choice::Rustup {
        command.arg("-Zbuild-std=core");
    }
    command
}

fn target_dir(root: &Path) -> PathBuf {
    root.join("target/ebpf")
}

/// Folders that the compiler would write into the object, and what it shall write instead. Of two
/// that match rustc takes the last.
fn folders(root: &Path, toolchain: &Toolchain) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut folders = vec![
        (toolchain::rust_src(&toolchain.sysroot), "/rustc".to_owned()),
        (root.to_owned(), "/livelock".to_owned()),
    ];
    // Each package by itself: the folder of a registry is named after the registry.
    for package in metadata(root, toolchain)?.packages {
        let dir = package.manifest_path.parent().map(Path::to_path_buf);
        if let (Some(dir), Some(_)) = (dir, package.source) {
            let name = format!("/crates/{}-{}", package.name, package.version);
            folders.push((dir, name));
        }
    }
    Ok(folders)
}

/// What `cargo metadata` says, as far as it is read here.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    /// `None` for a package of this repository.
    source: Option<String>,
    manifest_path: PathBuf,
}

fn metadata(root: &Path, toolchain: &Toolchain) -> anyhow::Result<Metadata> {
    let text = tools::output(
        command(toolchain, root, &toolchain.cargo, "metadata").arg("--format-version=1"),
    )
    .context("failed to read the dependencies of livelock-ebpf")?;
    serde_json::from_str(&text).context("failed to read what cargo says about them")
}

fn flag(name: &str, path: &Path, rest: &str) -> OsString {
    let mut flag = OsString::from(name);
    flag.push(path);
    flag.push(rest);
    flag
}
