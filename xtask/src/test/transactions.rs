//! The programs that count transactions, on a kernel that has the file system.
//!
//! In: the report of `doctor` in a guest. Out: nothing, or what did not attach. Refuses: counts; no package of the suite
//! makes such a file system, so that no transaction runs.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::vm::build::Profile;

/// The one kernel of the rig's table that has bcachefs as a module.
pub(super) const KERNEL: &str = "6.12";

/// The module, which brings the tracepoints.
pub(super) const MODULE: &str = "bcachefs";

/// What attaches to them, the first of them to each of a row.
const PROGRAMS: &[&str] = &["trans_restart", "transaction_commit"];

/// As in `smoke.rs`.
const TIMEOUT_SECS: &str = "150";

/// Boots a guest, loads the module and attaches everything once.
pub(super) fn run(root: &Path, is_built: bool) -> anyhow::Result<()> {
    let program = std::env::current_exe().context("failed to find this program")?;
    let output = Command::new(program)
        .current_dir(root)
        .args(["vm", "run", "--kernel", KERNEL, "--module", MODULE])
        .args(["--timeout", TIMEOUT_SECS])
        .args(["--profile", Profile::Smoke.name()])
        .args(is_built.then_some("--no-build"))
        .args(["--", "livelock", "doctor", "--json"])
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .context("failed to start this program")?;
    ensure!(
        output.status.success(),
        "the guest failed; its messages are above"
    );
    judge(&serde_json::from_slice(&output.stdout).context("failed to read the doctor's report")?)
}

fn judge(report: &Value) -> anyhow::Result<()> {
    for name in PROGRAMS {
        let mut programs = report["programs"].as_array().into_iter().flatten();
        let program = programs.find(|program| program["name"] == *name);
        let program = program.with_context(|| format!("the doctor does not tell of {name}"))?;
        ensure!(program["result"] == "ok", "{program}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_programs_must_be_attached() {
        let report = |restart: &str, commit: &str| {
            json!({"programs": [
                {"name": "trans_restart", "result": restart},
                {"name": "transaction_commit", "result": commit},
            ]})
        };
        assert!(judge(&report("ok", "ok")).is_ok());
        assert!(judge(&report("ok", "absent")).is_err());
        assert!(judge(&report("failed", "ok")).is_err());
        assert!(judge(&json!({"programs": []})).is_err());
    }
}
