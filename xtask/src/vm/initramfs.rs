//! The guest's whole disk: busybox, `init.sh`, the programs under test and what to run.
//!
//! In: static programs, modules and a script. Out: the bytes of an initramfs. Refuses: programs that need a
//! dynamic loader, because the guest has none.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use super::cpio::Archive;
use super::disk::{self, Module};
use crate::tools;

/// First process of the guest.
const INIT: &str = include_str!("init.sh");

/// Where Debian's busybox-static installs, before and after the merge of `/bin` and `/usr/bin`.
const BUSYBOX: &[&str] = &["/usr/bin/busybox", "/bin/busybox"];

/// What of a guest is not its kernel.
#[derive(Debug)]
pub(crate) struct Content<'a> {
    /// Static programs, and whatever else belongs into `/bin`.
    pub(crate) programs: &'a [PathBuf],
    /// Drivers of its disk, in the order in which they load; none without a disk.
    pub(crate) disk_modules: &'a [Module],
    /// More modules, likewise.
    pub(crate) wanted_modules: &'a [Module],
    /// What it runs.
    pub(crate) script: &'a str,
    /// For at most this long.
    pub(crate) limit_secs: u64,
}

/// Packs an initramfs.
pub(crate) fn pack(content: &Content<'_>) -> anyhow::Result<Vec<u8>> {
    let mut archive = Archive::default();
    for dir in ["bin", "dev"] {
        archive.dir(dir);
    }
    archive.char_device("dev/console", 5, 1);
    let busybox = BUSYBOX.iter().map(Path::new).find(|path| path.is_file());
    let busybox = busybox.with_context(|| tools::install_hint("busybox"))?;
    let bytes = read_static(busybox).context(
        "the guest needs a static busybox; get it with `sudo apt-get install busybox-static`",
    )?;
    archive.executable("bin/busybox", &bytes);
    for program in content.programs {
        let name = program
            .file_name()
            .and_then(|name| name.to_str())
            .with_context(|| format!("{} has no usable file name", program.display()))?;
        archive.executable(&format!("bin/{name}"), &read_static(program)?);
    }
    archive.dir("lib");
    for (dir, modules) in [
        (disk::MODULE_DIR, content.disk_modules),
        (disk::WANTED_DIR, content.wanted_modules),
    ] {
        if !modules.is_empty() {
            archive.dir(dir);
        }
        for (index, module) in modules.iter().enumerate() {
            // The shell of the guest sorts them by name.
            let path = format!("{dir}/{index:02}.ko");
            archive.executable(&path, &module.content);
        }
    }
    archive.executable("init", INIT.as_bytes());
    archive.executable("scenario.sh", content.script.as_bytes());
    archive.executable("limit", format!("{}\n", content.limit_secs).as_bytes());
    Ok(archive.finish())
}

/// Reads a program, and refuses it if it asks for a dynamic loader.
fn read_static(path: &Path) -> anyhow::Result<Vec<u8>> {
    let content = fs::read(path).with_context(|| format!("failed to read {}", path.display()))?;
    if wants_loader(&content) {
        bail!(
            "{} is not static; build it with RUSTFLAGS=\"-C target-feature=+crt-static\"",
            path.display()
        );
    }
    Ok(content)
}

/// Does a 64-bit little-endian ELF file have a `PT_INTERP` header? Anything else (a script) does not.
fn wants_loader(elf: &[u8]) -> bool {
    const PT_INTERP: u64 = 3;
    let field = |at: usize, len: usize| {
        let bytes = elf.get(at..at.checked_add(len)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0_u64, |value, &byte| value << 8 | u64::from(byte)),
        )
    };
    if !elf.starts_with(b"\x7fELF\x02\x01") {
        return false;
    }
    let (Some(offset), Some(entry_bytes), Some(nr_entries)) =
        (field(32, 8), field(54, 2), field(56, 2))
    else {
        return false;
    };
    (0..nr_entries).any(|index| {
        let at = usize::try_from(offset.saturating_add(index * entry_bytes)).unwrap_or(usize::MAX);
        field(at, 4) == Some(PT_INTERP)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A header with one program header of the given type.
    fn elf(header_type: u8) -> Vec<u8> {
        let mut elf = b"\x7fELF\x02\x01".to_vec();
        elf.resize(64 + 56, 0);
        (elf[32], elf[54], elf[56], elf[64]) = (64, 56, 1, header_type);
        elf
    }

    #[test]
    fn tells_static_from_dynamic() {
        assert!(wants_loader(&elf(3)));
        assert!(!wants_loader(&elf(1)));
        assert!(!wants_loader(b"#!/bin/sh\n"));
        assert!(!wants_loader(b"\x7fELF\x02\x01"));
    }

    #[test]
    fn a_broken_header_is_not_read_past_its_end() {
        let mut elf = elf(3);
        elf[32..40].fill(0xff);
        assert!(!wants_loader(&elf));
    }
}
