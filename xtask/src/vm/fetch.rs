//! Kernels on disk.
//!
//! In: a row of the table. Out: the path of its vmlinuz, fetched once and kept under
//! `target/vm/kernels`. Refuses: half-unpacked folders; a kernel appears whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::apt::Apt;
use super::kernels::Kernel;
use super::source;
use crate::paths;

/// The vmlinuz of `kernel`; fetched if it is not there, or if `refresh` asks for the newest.
pub(crate) fn vmlinuz(kernel: &Kernel, refresh: bool) -> anyhow::Result<PathBuf> {
    let dir = paths::vm_dir("kernels")?.join(kernel.name);
    if dir.is_dir() && !refresh {
        return find_vmlinuz(&dir);
    }
    eprintln!(
        "vm: fetching kernel {} ({}) from {}",
        kernel.name, kernel.note, kernel.suite
    );
    let apt = Apt::for_suite(kernel.suite)?;
    apt.update()?;
    let names = apt.package_names(kernel.package_prefix())?;
    let package = kernel.package(names.lines()).with_context(|| {
        format!(
            "{} holds no package for kernel {}; correct its row in xtask/src/vm/kernels.rs",
            kernel.suite, kernel.name
        )
    })?;
    eprintln!("vm: downloading {package}");
    let unpacked = paths::unfinished(&dir);
    paths::make_dir(&unpacked)?;
    let got = match kernel.built_with {
        Some(config) => source::build(&apt, package, config, &unpacked),
        None => apt.unpack(package, &unpacked),
    };
    if got.is_err() {
        // Sources take gigabytes; the first error is the one to tell.
        let _ = fs::remove_dir_all(&unpacked);
    }
    got?;
    find_vmlinuz(&unpacked).with_context(|| format!("{package} is not a kernel"))?;
    if dir.is_dir() {
        fs::remove_dir_all(&dir).with_context(|| format!("failed to remove {}", dir.display()))?;
    }
    fs::rename(&unpacked, &dir).with_context(|| format!("failed to keep {}", dir.display()))?;
    find_vmlinuz(&dir)
}

/// The folder of a kernel's unpacked package; fetched if it is not there.
pub(crate) fn folder(kernel: &Kernel) -> anyhow::Result<PathBuf> {
    vmlinuz(kernel, false)?;
    Ok(paths::vm_dir("kernels")?.join(kernel.name))
}

/// The release of a fetched kernel, as `uname -r` will say it in the guest.
pub(crate) fn release(kernel: &Kernel) -> anyhow::Result<String> {
    let dir = modules_dir(kernel)?;
    dir.file_name()
        .and_then(|name| Some(name.to_str()?.to_owned()))
        .with_context(|| format!("{} has no usable name", dir.display()))
}

/// The folder of a fetched kernel's modules.
pub(super) fn modules_dir(kernel: &Kernel) -> anyhow::Result<PathBuf> {
    vmlinuz(kernel, false)?;
    let dir = paths::vm_dir("kernels")?.join(kernel.name);
    ["lib/modules", "usr/lib/modules"]
        .iter()
        .find_map(|modules| entries(&dir.join(modules)).into_iter().next())
        .with_context(|| format!("{} holds no modules, so no release", dir.display()))
}

/// Signed packages keep the image under `boot`, the newer `linux-binary` ones beside the modules.
fn find_vmlinuz(root: &Path) -> anyhow::Result<PathBuf> {
    let boot = entries(&root.join("boot"));
    let in_boot = boot.into_iter().find(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz-"))
    });
    let modules = entries(&root.join("usr/lib/modules"));
    let beside_modules = || {
        modules
            .into_iter()
            .map(|dir| dir.join("vmlinuz"))
            .find(|path| path.is_file())
    };
    in_boot.or_else(beside_modules).with_context(|| {
        format!(
            "{} holds no vmlinuz; remove it and run `cargo xtask vm fetch` again",
            root.display()
        )
    })
}

/// Paths in a folder, none if it cannot be read.
pub(super) fn entries(dir: &Path) -> Vec<PathBuf> {
    fs::read_dir(dir)
        .map(|entries| {
            entries
                .filter_map(Result::ok)
                .map(|entry| entry.path())
                .collect()
        })
        .unwrap_or_default()
}
