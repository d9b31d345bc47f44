//! Header packages of a stock kernel, so that a module can be built for it.
//!
//! In: a fetched kernel. Out: a folder with its headers and kbuild tools, kept under
//! `target/vm/headers`. Refuses: headers of another release than the kernel's, and to install anything.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::apt::Apt;
use super::fetch;
use super::kbuild;
use super::kernels::Kernel;
use super::source;
use crate::paths;

/// What the prebuilt kbuild tools are linked against, and what that is linked against. The library of
/// ELF files was renamed between suites; one of its names is there.
const TOOL_LIBRARIES: &[&str] = &["libc6", "libelf1t64", "libelf1", "zlib1g", "libzstd1"];

/// Headers of one kernel, on disk.
pub(crate) struct Headers {
    /// Release of the kernel.
    pub(crate) release: String,
    /// The root that the packages are unpacked into.
    root: PathBuf,
}

impl Headers {
    /// The headers of `kernel`; fetched if they are not there.
    pub(crate) fn of(kernel: &Kernel) -> anyhow::Result<Self> {
        let release = fetch::release(kernel)?;
        if kernel.built_with.is_some() {
            let root = fetch::folder(kernel)?;
            return Ok(Self { release, root });
        }
        let all = paths::vm_dir("headers")?;
        let root = all.join(&release);
        if !root.is_dir() {
            eprintln!("vm: fetching the headers of {release}");
            let partial = paths::unfinished(&root);
            paths::make_dir(&partial)?;
            let unpacked = unpack(kernel, &release, &partial).and_then(|()| {
                fs::rename(&partial, &root)
                    .with_context(|| format!("failed to keep {}", root.display()))
            });
            if unpacked.is_err() {
                // What is half there must not be taken for headers; the first error is the one to tell.
                let _ = fs::remove_dir_all(&partial);
            }
            unpacked?;
        }
        Ok(Self { release, root })
    }

    /// The folder of this flavour: configuration, generated headers, symbol versions.
    pub(crate) fn build_dir(&self) -> PathBuf {
        let own = source::tree(&self.root);
        if own.is_dir() {
            return own;
        }
        self.root
            .join("usr/src")
            .join(format!("linux-headers-{}", self.release))
    }

    /// The Makefile that all flavours share.
    pub(crate) fn makefile(&self) -> anyhow::Result<PathBuf> {
        let own = self.build_dir();
        if own == source::tree(&self.root) {
            return Ok(own.join("Makefile"));
        }
        fetch::entries(&self.root.join("usr/src"))
            .into_iter()
            .filter(|dir| *dir != own)
            .map(|dir| dir.join("Makefile"))
            .find(|path| path.is_file())
            .with_context(|| {
                format!(
                    "{} holds no common headers; remove it and try again",
                    self.root.display()
                )
            })
    }
}

/// Unpacks the headers, what they need of the same source, and libraries if the tools want newer ones.
fn unpack(kernel: &Kernel, release: &str, root: &Path) -> anyhow::Result<()> {
    let apt = Apt::for_suite(kernel.suite)?;
    apt.update()?;
    let package = format!("linux-headers-{release}");
    if !has_package(&apt, &package)? {
        bail!(
            "{} no longer holds {package}; get a newer kernel with `cargo xtask vm fetch --kernel {} --refresh`",
            kernel.suite,
            kernel.name
        );
    }
    let needed = needed_packages(&apt.show(&package)?);
    for package in std::iter::once(package).chain(needed) {
        eprintln!("vm: downloading {package}");
        apt.unpack(&package, root)?;
    }
    let foreign = kbuild::tools_that_cannot_start(root)?;
    if foreign.is_empty() {
        return Ok(());
    }
    // Backports hold no libraries of their own; theirs are the suite's.
    let suite = kernel
        .suite
        .strip_suffix("-backports")
        .unwrap_or(kernel.suite);
    let apt = Apt::for_suite(suite)?;
    apt.update()?;
    for package in TOOL_LIBRARIES {
        if has_package(&apt, package)? {
            eprintln!("vm: downloading {package} of {suite} for the kbuild tools");
            apt.unpack(package, root)?;
        }
    }
    foreign.iter().try_for_each(|tool| kbuild::wrap(root, tool))
}

fn has_package(apt: &Apt, package: &str) -> anyhow::Result<bool> {
    let names = apt.package_names(package)?;
    Ok(names.lines().any(|name| name == package))
}

/// The packages of the same source among the dependencies of the first version in the index: common
/// headers and kbuild. The compiler is the machine's.
fn needed_packages(fields: &str) -> Vec<String> {
    fields
        .lines()
        .find_map(|line| line.strip_prefix("Depends:"))
        .unwrap_or_default()
        .split(',')
        .filter_map(|dependency| dependency.split_whitespace().next())
        .filter(|name| name.starts_with("linux-headers-") || name.starts_with("linux-kbuild-"))
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_is_of_the_kernel_and_leaves_the_compiler() {
        let fields = "Package: linux-headers-7.3.4+deb13-cloud-amd64\n\
            Depends: gcc-14-for-host, linux-base (>= 4.12~), linux-headers-7.3.4+deb13-common (= 7.3.4-1), linux-kbuild-7.3.4+deb13\n\
            \n\
            Package: linux-headers-7.3.4+deb13-cloud-amd64\n\
            Depends: linux-kbuild-0\n";
        assert_eq!(
            needed_packages(fields),
            [
                "linux-headers-7.3.4+deb13-common",
                "linux-kbuild-7.3.4+deb13"
            ]
        );
        assert!(needed_packages("Package: x\n").is_empty());
    }
}
