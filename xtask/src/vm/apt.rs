//! A package index of another Debian suite, beside the machine's own.
//!
//! In: a suite. Out: package names and unpacked packages. Refuses: to touch the machine's apt state,
//! and to know where packages come from: the archive and its keyring are those of the machine.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::paths;
use crate::tools;

/// The keyring of Debian's archive keys, under the names of older and newer releases.
const KEYRINGS: &[&str] = &[
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// The private apt of one suite.
pub(crate) struct Apt {
    dir: PathBuf,
}

impl Apt {
    /// Prepares the folders and the sources list of `suite`.
    pub(crate) fn for_suite(suite: &str) -> anyhow::Result<Self> {
        let dir = paths::vm_dir("apt")?.join(suite);
        for part in ["state/lists/partial", "cache/archives/partial"] {
            paths::make_dir(&dir.join(part))?;
        }
        let archive = archive_uri()?;
        let signed_by = KEYRINGS
            .iter()
            .find(|path| Path::new(path).is_file())
            .map_or(String::new(), |path| format!("[signed-by={path}] "));
        let sources = dir.join("sources.list");
        fs::write(&sources, format!("deb {signed_by}{archive} {suite} main\n"))
            .with_context(|| format!("failed to write {}", sources.display()))?;
        Ok(Self { dir })
    }

    /// Fetches the index of the suite.
    pub(crate) fn update(&self) -> anyhow::Result<()> {
        tools::run(
            self.command("apt-get")
                .args(["--quiet", "--error-on=any", "update"]),
        )
        .context(
            "failed to fetch the package index (a signature that cannot be checked means that \
             the archive keys are too old: `sudo apt-get install debian-archive-keyring`)",
        )
    }

    /// Names of packages that start with `prefix`.
    pub(crate) fn package_names(&self, prefix: &str) -> anyhow::Result<String> {
        tools::output(self.command("apt-cache").args(["pkgnames", prefix]))
    }

    /// What the index says of `package`: fields, one stanza a version.
    pub(crate) fn show(&self, package: &str) -> anyhow::Result<String> {
        tools::output(self.command("apt-cache").args(["show", package]))
    }

    /// Downloads `package` and unpacks it into `into`, without installing it.
    pub(crate) fn unpack(&self, package: &str, into: &Path) -> anyhow::Result<()> {
        let debs = self.dir.join("debs").join(package);
        paths::make_dir(&debs)?;
        tools::run(
            self.command("apt-get")
                .args(["--quiet", "download", package])
                .current_dir(&debs),
        )
        .with_context(|| format!("failed to download {package}"))?;
        let deb = only_deb(&debs)?;
        tools::run(Command::new("dpkg-deb").arg("-x").arg(&deb).arg(into))
            .with_context(|| format!("failed to unpack {}", deb.display()))?;
        fs::remove_dir_all(&debs).with_context(|| format!("failed to remove {}", debs.display()))
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut option = |key: &str, value: &str| {
            command.arg("-o").arg(format!("{key}={value}"));
        };
        option("Dir::State", &self.dir.join("state").to_string_lossy());
        option("Dir::State::status", "/dev/null");
        option("Dir::Cache", &self.dir.join("cache").to_string_lossy());
        option(
            "Dir::Etc::sourcelist",
            &self.dir.join("sources.list").to_string_lossy(),
        );
        option("Dir::Etc::sourceparts", "/dev/null");
        option("Acquire::Languages", "none");
        // The folders are under `target/`, where the sandbox user may not be allowed to write.
        option("APT::Sandbox::User", "root");
        command
    }
}

/// The Debian archive that the machine itself uses.
fn archive_uri() -> anyhow::Result<String> {
    let targets = tools::output(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(LABEL)|$(REPO_URI)",
    ]))?;
    targets
        .lines()
        .find_map(|line| line.strip_prefix("Debian|"))
        .map(str::to_owned)
        .context(
            "apt knows no Debian archive on this machine; \
         the kernels come from one, so add it to the apt sources and run `sudo apt-get update`",
        )
}

/// The package file in a folder that holds one.
fn only_deb(dir: &Path) -> anyhow::Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("failed to read {}", dir.display()))?;
    entries
        .filter_map(Result::ok)
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|ext| ext == "deb"))
        .with_context(|| format!("apt-get download left no package in {}", dir.display()))
}
