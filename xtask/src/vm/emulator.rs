//! Which QEMU boots the guests.
//!
//! In: the QEMU that is installed. Out: a program, and where its firmware is. Refuses: to use one whose
//! threaded translation races with a guest that patches its own code, as long as Debian's backports
//! hold a better one; that one is unpacked under `target/vm/qemu` and never installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::apt::Apt;
use crate::paths;
use crate::tools;

/// The program of the machine.
const INSTALLED: &str = "qemu-system-x86_64";

/// What the program and its firmware are in. Further firmware and the libraries are those of the
/// installed QEMU.
const PACKAGES: &[&str] = &["qemu-system-x86", "qemu-system-data"];

/// Where Debian keeps firmware that is not in QEMU's own packages.
const FIRMWARE: &[&str] = &[
    "/usr/share/seabios",
    "/usr/lib/ipxe/qemu",
    "/usr/share/qemu",
];

/// Since 8.1 QEMU locks a page of guest code before it translates it (`accel/tcg/translate-all.c`).
/// Before, a CPU that translates what another one patches could keep the breakpoint that the kernel
/// puts there meanwhile, and die of it later (`Oops: int3`). Measured with 4 CPUs that toggle
/// tracepoints for 30 s under load, kernel 7.3: 5 of 5 guests died under 7.2, 1 of 5 under 10.0.
const FIRST_LOCKED: (u32, u32) = (8, 1);

/// A QEMU to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Emulator {
    program: PathBuf,
    firmware: Vec<PathBuf>,
}

impl Emulator {
    /// The installed one if it will do, else the one of the backports, which is fetched once.
    pub(crate) fn find() -> anyhow::Result<Self> {
        let installed = Self {
            program: INSTALLED.into(),
            firmware: Vec::new(),
        };
        if installed.version()? >= FIRST_LOCKED {
            return Ok(installed);
        }
        match fetched() {
            Ok(emulator) => Ok(emulator),
            Err(err) => {
                eprintln!(
                    "vm: warning: QEMU is older than {}.{}: CPUs of a guest may die of `Oops: int3` \
                     while code is patched ({err:#})",
                    FIRST_LOCKED.0, FIRST_LOCKED.1
                );
                Ok(installed)
            }
        }
    }

    /// The program with its firmware, without a machine.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for dir in &self.firmware {
            command.arg("-L").arg(dir);
        }
        command
    }

    fn version(&self) -> anyhow::Result<(u32, u32)> {
        let output = Command::new(&self.program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|err| tools::start_error(&self.program.to_string_lossy(), err))?;
        ensure!(
            output.status.success(),
            "{} does not start: {}",
            self.program.display(),
            String::from_utf8_lossy(&output.stderr).trim()
        );
        let text = String::from_utf8_lossy(&output.stdout);
        version_in(&text).with_context(|| format!("{:?} names no version of QEMU", text.trim()))
    }
}

/// The one of the backports; fetched if it is not there.
fn fetched() -> anyhow::Result<Emulator> {
    let dir = paths::vm_dir("qemu")?.join("backports");
    if !dir.is_dir() {
        let release = fs::read_to_string("/etc/os-release")
            .context("failed to read which release this machine runs")?;
        let codename = codename_in(&release).context("this machine is no release of Debian")?;
        let suite = format!("{codename}-backports");
        eprintln!("vm: fetching a QEMU from {suite}; the installed one is too old");
        let apt = Apt::for_suite(&suite)?;
        apt.update()?;
        let unpacked = paths::unfinished(&dir);
        paths::make_dir(&unpacked)?;
        for package in PACKAGES {
            apt.unpack(package, &unpacked)?;
        }
        fs::rename(&unpacked, &dir).with_context(|| format!("failed to keep {}", dir.display()))?;
    }
    let emulator = Emulator {
        program: dir.join("usr/bin").join(INSTALLED),
        firmware: std::iter::once(dir.join("usr/share/qemu"))
            .chain(FIRMWARE.iter().map(PathBuf::from))
            .filter(|dir| Path::is_dir(dir))
            .collect(),
    };
    let (major, minor) = emulator.version()?;
    ensure!(
        (major, minor) >= FIRST_LOCKED,
        "the backports hold {major}.{minor} only"
    );
    Ok(emulator)
}

/// Major and minor, of `QEMU emulator version 7.2.22 (Debian …)`.
fn version_in(text: &str) -> Option<(u32, u32)> {
    let version = text
        .split_once("version ")?
        .1
        .split_ascii_whitespace()
        .next()?;
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// `bookworm`, of the lines of `/etc/os-release`.
fn codename_in(release: &str) -> Option<&str> {
    let is_debian = release.lines().any(|line| line == "ID=debian");
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?;
    is_debian.then_some(codename.trim_matches('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_told_apart() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright";
        assert_eq!(version_in(debian), Some((7, 2)));
        assert!(version_in(debian) < Some(FIRST_LOCKED));
        assert_eq!(version_in("QEMU emulator version 10.0.2"), Some((10, 0)));
        assert_eq!(version_in("qemu: could not load a library"), None);
    }

    #[test]
    fn backports_are_those_of_the_release() {
        let release = "PRETTY_NAME=\"Debian GNU/Linux 12\"\nVERSION_CODENAME=bookworm\nID=debian\n";
        assert_eq!(codename_in(release), Some("bookworm"));
        assert_eq!(codename_in("VERSION_CODENAME=noble\nID=ubuntu\n"), None);
        assert_eq!(codename_in("ID=debian\n"), None);
    }
}
