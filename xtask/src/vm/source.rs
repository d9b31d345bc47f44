//! Kernels that nobody packages, built from Debian's sources.
//!
//! In: a source package, lines of configuration. Out: a folder like that of an unpacked kernel package, with the tree that modules are
//! built against. Refuses: to install what building needs; it names the packages.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};

use super::apt::Apt;
use super::fetch;
use crate::tools;

/// Programs that building a kernel runs, and the packages that have them.
const NEEDED: &[(&str, &str)] = &[
    ("/usr/bin/flex", "flex"),
    ("/usr/bin/bison", "bison"),
    ("/usr/bin/bc", "bc"),
    ("/usr/bin/pahole", "dwarves"),
    ("/usr/include/gelf.h", "libelf-dev"),
];

/// The tree in such a folder.
pub(super) fn tree(root: &Path) -> PathBuf {
    root.join("source")
}

/// Builds the kernel of `package` into `root`.
pub(super) fn build(apt: &Apt, package: &str, config: &str, root: &Path) -> anyhow::Result<()> {
    let missing: Vec<&str> = NEEDED
        .iter()
        .filter(|(file, _)| !Path::new(file).exists())
        .map(|(_, package)| *package)
        .collect();
    if !missing.is_empty() {
        bail!(
            "building a kernel needs more packages; type apt-get install {}",
            missing.join(" ")
        );
    }
    apt.unpack(package, root)?;
    let archive = fetch::entries(&root.join("usr/src"))
        .into_iter()
        .find(|path| path.to_string_lossy().ends_with(".tar.xz"))
        .with_context(|| format!("{package} holds no archive of sources"))?;
    let tree = tree(root);
    fs::create_dir(&tree).with_context(|| format!("failed to make {}", tree.display()))?;
    let unpack = ["--strip-components=1", "--extract", "--file"];
    let mut tar = Command::new("tar");
    tools::run(tar.args(unpack).arg(&archive).arg("--directory").arg(&tree))?;
    fs::remove_file(&archive).with_context(|| format!("failed to remove {}", archive.display()))?;

    make(&tree, &["tinyconfig"])?;
    let file = tree.join(".config");
    let small = fs::read_to_string(&file).context("failed to read the smallest configuration")?;
    fs::write(&file, small + config)
        .with_context(|| format!("failed to write {}", file.display()))?;
    make(&tree, &["olddefconfig"])?;
    let got = fs::read_to_string(&file).context("failed to read the configuration")?;
    let dropped: Vec<&str> = dropped(config, &got).collect();
    ensure!(
        dropped.is_empty(),
        "{package} does not take these lines of configuration: {}",
        dropped.join(", ")
    );
    eprintln!("vm: building {package}; this takes about half an hour on two CPUs");
    let nr_cpus = std::thread::available_parallelism().map_or(1, usize::from);
    make(&tree, &[&format!("-j{nr_cpus}"), "bzImage", "modules"])?;

    let release = fs::read_to_string(tree.join("include/config/kernel.release"));
    let release = release.context("failed to read the release of what was built")?;
    let release = release.trim();
    for folder in ["boot", &format!("lib/modules/{release}")] {
        let dir = root.join(folder);
        fs::create_dir_all(&dir).with_context(|| format!("failed to make {}", dir.display()))?;
    }
    let image = root.join(format!("boot/vmlinuz-{release}"));
    fs::copy(tree.join("arch/x86/boot/bzImage"), &image)
        .with_context(|| format!("failed to keep {}", image.display()))?;
    Ok(())
}

/// Lines that were asked for, not to be off, and are not there.
fn dropped<'a>(asked: &'a str, got: &'a str) -> impl Iterator<Item = &'a str> {
    let wanted = asked
        .lines()
        .filter(|line| line.starts_with("CONFIG_") && !line.ends_with("=n"));
    wanted.filter(|line| !got.lines().any(|have| have == *line))
}

fn make(tree: &Path, targets: &[&str]) -> anyhow::Result<()> {
    let mut make = Command::new("make");
    tools::run(
        make.arg("--silent")
            .arg("--directory")
            .arg(tree)
            .args(targets),
    )
    .with_context(|| format!("failed to make {}", targets.join(" ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_was_not_taken_is_told() {
        let asked = "CONFIG_A=y\nCONFIG_B=n\n# CONFIG_C=y is not asked for\nCONFIG_D=17\n";
        let got = "CONFIG_A=y\nCONFIG_DD=y\n";
        assert_eq!(dropped(asked, got).collect::<Vec<_>>(), ["CONFIG_D=17"]);
    }
}
