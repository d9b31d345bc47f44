//! The ground-truth module: built for a stock kernel, loaded in guests only.
//!
//! In: the sources in `livelock-truth`, a kernel. Out: its `.ko`, kept under `target/vm/truth`, and the
//! shell words that load it in a guest. Refuses: to load anything here, parameters that the module does
//! not have (the kernel would ignore them), and to keep a `.ko` of other sources.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use super::headers::Headers;
use super::kernels::Kernel;
use super::{fetch, guest};
use crate::paths;
use crate::tools;

/// File name of the module; in the guest it stands beside the programs.
const FILE: &str = "livelock_truth.ko";

/// Where the guest finds the books.
pub(crate) const BOOKS: &str = "/proc/livelock_truth";

/// Parameters beside the mode.
const PARAMETERS: &[&str] = &["nr_threads", "hold_ns", "work_ns", "duration_ms"];

/// What the kernel's configuration says of its compiler and the machine's may not have: the flag, and
/// the make variable that asks for it. Unset, kbuild takes the older spelling.
const COMPILER_FEATURES: &[(&str, &str)] = &[(
    "-fmin-function-alignment=16",
    "CONFIG_CC_HAS_MIN_FUNCTION_ALIGNMENT",
)];

/// A pathology that the module makes in the guest.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct Load {
    /// Load the ground-truth module with this mode before anything else runs
    #[arg(long = "truth", value_name = "MODE")]
    pub(crate) mode: Option<String>,
    /// Parameter of the module, such as hold_ns=5000; repeatable
    #[arg(long = "truth-arg", value_name = "NAME=VALUE", value_parser = parameter, requires = "mode")]
    pub(crate) parameters: Vec<String>,
}

impl Load {
    /// Shell lines that load the module, or nothing. Without the module the script must not go on.
    pub(crate) fn script(&self) -> String {
        self.mode
            .as_ref()
            .map_or_else(String::new, |mode| insmod(mode, &self.parameters))
    }
}

/// The shell lines for one mode. They are followed by the rest of a script.
pub(crate) fn insmod(mode: &str, parameters: &[String]) -> String {
    let mut words = vec![guest::quote(&format!("mode={mode}"))];
    words.extend(parameters.iter().map(|word| guest::quote(word)));
    format!(
        "insmod /bin/{FILE} {} || {{ echo 'failed to load the ground-truth module' >&2; dmesg | tail -n 3 >&2; exit 1; }}\n",
        words.join(" ")
    )
}

/// Checks `NAME=VALUE`.
pub(crate) fn parameter(word: &str) -> Result<String, String> {
    let known = || format!("known are {}", PARAMETERS.join(", "));
    let (name, value) = word
        .split_once('=')
        .ok_or_else(|| format!("write NAME=VALUE; {}", known()))?;
    if !PARAMETERS.contains(&name) {
        return Err(format!("the module has no parameter {name}; {}", known()));
    }
    match value.parse::<u64>() {
        Ok(_) => Ok(word.to_owned()),
        Err(err) => Err(format!("{name}: {err}")),
    }
}

/// The module for `kernel`; built if it is not there or its sources have changed.
pub(crate) fn build(kernel: &Kernel) -> anyhow::Result<PathBuf> {
    let headers = Headers::of(kernel)?;
    let dir = paths::vm_dir("truth")?.join(&headers.release);
    let built = dir.join(FILE);
    let sources = dir.join("build");
    let has_changed = copy_sources(&paths::workspace_root()?.join("livelock-truth"), &sources)?;
    if built.is_file() && !has_changed {
        return Ok(built);
    }
    eprintln!(
        "vm: building the ground-truth module for {}",
        headers.release
    );
    let build_dir = headers.build_dir();
    let mut make = Command::new("make");
    make.arg("--silent")
        .arg("--directory")
        .arg(&build_dir)
        .arg("--makefile")
        .arg(headers.makefile()?)
        .arg(format!("KBUILD_OUTPUT={}", build_dir.display()))
        .arg(format!("M={}", sources.display()))
        .arg("CC=gcc")
        // Types of modules need pahole and the kernel's own; names come from kallsyms.
        .arg("CONFIG_DEBUG_INFO_BTF_MODULES=");
    for (flag, variable) in COMPILER_FEATURES {
        if !gcc_knows(flag)? {
            make.arg(format!("{variable}="));
        }
    }
    tools::run(make.arg("modules"))
        .with_context(|| format!("failed to build the module for {}", headers.release))?;
    let fresh = sources.join(FILE);
    ensure!(fresh.is_file(), "kbuild made no {}", fresh.display());
    tools::run(
        Command::new("strip")
            .arg("--strip-debug")
            .arg("-o")
            .arg(&built)
            .arg(&fresh),
    )?;
    Ok(built)
}

/// Copies the sources, because kbuild writes beside them. Tells whether any differed from the copy;
/// then the old module is removed, so that a failed build leaves none.
fn copy_sources(from: &Path, into: &Path) -> anyhow::Result<bool> {
    paths::make_dir(into)?;
    let mut has_changed = false;
    for path in fetch::entries(from) {
        let name = path.file_name().unwrap_or_default();
        let content =
            fs::read(&path).with_context(|| format!("failed to read {}", path.display()))?;
        let copy = into.join(name);
        if fs::read(&copy).is_ok_and(|old| old == content) {
            continue;
        }
        has_changed = true;
        fs::write(&copy, content).with_context(|| format!("failed to write {}", copy.display()))?;
    }
    let built = into.with_file_name(FILE);
    if has_changed && built.is_file() {
        fs::remove_file(&built).with_context(|| format!("failed to remove {}", built.display()))?;
    }
    Ok(has_changed)
}

/// Does the machine's compiler accept `flag`?
fn gcc_knows(flag: &str) -> anyhow::Result<bool> {
    let status = Command::new("gcc")
        .args([flag, "-E", "-x", "c", "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .map_err(|err| tools::start_error("gcc", err))?;
    Ok(status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_checked_before_a_guest_boots() {
        assert_eq!(parameter("hold_ns=5000"), Ok("hold_ns=5000".to_owned()));
        for wrong in [
            "hold_ns",
            "hold_us=5",
            "hold_ns=-1",
            "hold_ns=5us",
            "mode=x",
        ] {
            assert!(parameter(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nothing_is_loaded_unless_asked() {
        let mut load = Load {
            mode: None,
            parameters: vec!["hold_ns=1".to_owned()],
        };
        assert_eq!(load.script(), "");
        load.mode = Some("it's".to_owned());
        let script = load.script();
        assert!(
            script.starts_with(r"insmod /bin/livelock_truth.ko 'mode=it'\''s' 'hold_ns=1' || {"),
            "{script}"
        );
    }

    #[test]
    fn the_copy_tells_what_changed_and_drops_the_old_module() {
        let root = std::env::temp_dir().join(format!("truth-copy-{}", std::process::id()));
        let (from, into) = (root.join("from"), root.join("into"));
        fs::create_dir_all(&from).unwrap();
        fs::write(from.join("a.c"), "one").unwrap();
        assert!(copy_sources(&from, &into).unwrap());
        fs::write(root.join(FILE), "ko").unwrap();
        assert!(!copy_sources(&from, &into).unwrap());
        assert!(root.join(FILE).is_file());
        fs::write(from.join("a.c"), "two").unwrap();
        assert!(copy_sources(&from, &into).unwrap());
        assert!(!root.join(FILE).is_file());
        fs::remove_dir_all(&root).unwrap();
    }
}
