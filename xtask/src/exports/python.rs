//! A Python with the packages that read exports.
//!
//! In: a folder. Out: an interpreter in it, with packages at known versions; or why there is none. Refuses: packages that
//! would have to be compiled.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::tools;

/// The same versions everywhere.
const PACKAGES: [&str; 5] = [
    "perfetto==0.59.1",
    "protobuf==7.36.2",
    "prometheus-client==0.26.0",
    "pyarrow==26.0.1",
    "duckdb==2.0.1",
];

/// An interpreter.
pub(super) struct Python {
    pub(super) program: PathBuf,
}

/// Whether there is one.
pub(super) enum Found {
    Yes(Python),
    No { reason: String },
}

impl Python {
    /// Makes it if it is not there.
    pub(super) fn find(folder: &Path) -> anyhow::Result<Found> {
        let venv = folder.join("venv");
        let program = venv.join("bin/python");
        let no = |reason: &str| {
            Ok(Found::No {
                reason: reason.to_owned(),
            })
        };
        if !tools::is_installed("python3") {
            return no("python3 is not installed");
        }
        if !program.is_file() {
            let made = tools::run(Command::new("python3").args(["-m", "venv"]).arg(&venv));
            if made.is_err() {
                return no("python3 cannot make a venv (Debian: python3-venv)");
            }
        }
        let installed = tools::run(
            Command::new(&program)
                .args(["-m", "pip", "install", "--quiet", "--only-binary", ":all:"])
                .arg("--disable-pip-version-check")
                .args(PACKAGES),
        );
        if installed.is_err() {
            return no("pip could not install what reads the exports");
        }
        Ok(Found::Yes(Self { program }))
    }
}
