//! Debian's prebuilt kbuild tools, on a machine whose C library may be older than theirs.
//!
//! In: an unpacked `linux-kbuild` package. Out: tools that start here, where needed through the loader
//! of their own suite. Refuses: a chroot, and tools that building a module does not call.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::Context as _;

use super::fetch;

/// Tools that building a module for x86-64 runs. The programs of the plain names only choose one of these.
const TOOLS: &[&str] = &[
    "scripts/basic/fixdep",
    "scripts/genksyms/genksyms",
    "scripts/mod/modpost.real-lsb-64",
    "tools/objtool/objtool.real-x86",
];

/// Where Debian keeps the libraries of this architecture, and among them the loader.
const LIBRARY_DIRS: &[&str] = &["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"];

/// Name of the loader.
const LOADER: &str = "ld-linux-x86-64.so.2";

/// What the loader says of a library that is too old or missing.
const LOADER_COMPLAINTS: &[&str] = &["version `GLIBC_", "error while loading shared libraries"];

/// The tools that this machine's libraries do not carry, as paths below `root`.
pub(super) fn tools_that_cannot_start(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let kbuild = fetch::entries(&root.join("usr/lib"))
        .into_iter()
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("linux-kbuild-"))
        })
        .with_context(|| format!("{} holds no kbuild tools", root.display()))?;
    let mut foreign = Vec::new();
    for tool in TOOLS {
        let path = kbuild.join(tool);
        if path.is_file() && !starts(&path)? {
            let below_root = path
                .strip_prefix(root)
                .context("failed to place a kbuild tool")?;
            foreign.push(below_root.to_path_buf());
        }
    }
    Ok(foreign)
}

/// Does the loader accept it? What the tool then says of its missing arguments does not matter.
fn starts(tool: &Path) -> anyhow::Result<bool> {
    let output = Command::new(tool)
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("failed to start {}", tool.display()))?;
    let said = String::from_utf8_lossy(&output.stderr);
    Ok(!LOADER_COMPLAINTS
        .iter()
        .any(|complaint| said.contains(complaint)))
}

/// Puts a script in the place of `tool` that starts it with the loader and libraries below `root`.
pub(super) fn wrap(root: &Path, tool: &Path) -> anyhow::Result<()> {
    let path = root.join(tool);
    let dir = LIBRARY_DIRS
        .iter()
        .find(|dir| root.join(dir).join(LOADER).is_file())
        .with_context(|| format!("{} holds no loader", root.display()))?;
    let real = path.with_extension("elf");
    fs::rename(&path, &real).with_context(|| format!("failed to move {}", path.display()))?;
    let real_name = real.file_name().unwrap_or_default().to_string_lossy();
    fs::write(&path, wrapper(tool, dir, &real_name))
        .with_context(|| format!("failed to write {}", path.display()))?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .with_context(|| format!("failed to make {} executable", path.display()))
}

/// The script. Paths are relative to the tool, so that the whole folder may move.
fn wrapper(tool: &Path, library_dir: &str, real_name: &str) -> String {
    let nr_parents = tool.components().count().saturating_sub(1);
    let root = vec![".."; nr_parents].join("/");
    let all_dirs: Vec<_> = LIBRARY_DIRS
        .iter()
        .map(|dir| format!("$root/{dir}"))
        .collect();
    format!(
        "#!/bin/sh\nhere=${{0%/*}}\nroot=$here/{root}\n\
         exec \"$root/{library_dir}/{LOADER}\" --library-path \"{}\" \"$here/{real_name}\" \"$@\"\n",
        all_dirs.join(":")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrapper_finds_the_root_from_the_tool() {
        let tool = Path::new("usr/lib/linux-kbuild-7.3/scripts/mod/modpost.real-lsb-64");
        let script = wrapper(tool, "usr/lib/x86_64-linux-gnu", "modpost.elf");
        assert!(script.contains("root=$here/../../../../..\n"), "{script}");
        assert!(script.contains("\"$root/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2\""));
        assert!(script.contains(" \"$here/modpost.elf\" \"$@\"\n"));
    }

    #[test]
    fn a_wrapped_tool_runs_the_real_one() {
        let root = std::env::temp_dir().join(format!("kbuild-wrap-{}", std::process::id()));
        let tool = Path::new("usr/lib/linux-kbuild-0/scripts/echo.real");
        let dir = root.join(tool);
        fs::create_dir_all(dir.parent().unwrap()).unwrap();
        fs::create_dir_all(root.join(LIBRARY_DIRS[0])).unwrap();
        // A script as the loader: it shows what it is started with.
        let loader = root.join(LIBRARY_DIRS[0]).join(LOADER);
        fs::write(&loader, "#!/bin/sh\nshift 2\necho \"$(cat \"$1\") $2\"\n").unwrap();
        fs::set_permissions(&loader, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(&dir, "real").unwrap();
        wrap(&root, tool).unwrap();
        let output = Command::new(&dir).arg("argument").output().unwrap();
        fs::remove_dir_all(&root).unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), "real argument\n");
    }

    #[test]
    fn a_tool_of_this_machine_starts() {
        assert!(starts(Path::new("/bin/true")).unwrap());
    }
}
