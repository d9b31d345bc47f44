//! Crate hashes that do not depend on where the repository lies.
//!
//! In: the rustc command line that cargo made. Out: the same with a `-Cmetadata` of name and version.
//! Refuses: crates of other targets (build scripts, procedural macros), which leave no trace.
//!
//! Cargo derives the metadata of a path dependency outside its workspace (livelock-common) from the
//! absolute path. rustc puts it into every mangled name, and names are in the object's BTF.

use std::ffi::OsString;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};

/// Set for cargo's children: this program is their rustc wrapper.
pub(super) const ENV: &str = "LIVELOCK_XTASK_IS_RUSTC_WRAPPER";

/// Target of the kernel programs.
pub(super) const TARGET: &str = "bpfel-unknown-none";

/// If cargo calls this program as its rustc wrapper, becomes rustc; else returns.
pub(crate) fn run_if_asked() -> Option<ExitCode> {
    std::env::var_os(ENV)?;
    let mut args = std::env::args_os().skip(1);
    let rustc = args.next()?;
    let name = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
    let version = std::env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let args = with_stable_metadata(args.collect(), &format!("{name}-{version}"));
    let err = Command::new(&rustc).args(args).exec();
    eprintln!("xtask: failed to start {}: {err}", rustc.display());
    Some(ExitCode::FAILURE)
}

/// Replaces the value of `-C metadata=…`, for crates of the BPF target.
fn with_stable_metadata(args: Vec<OsString>, metadata: &str) -> Vec<OsString> {
    let is_for_bpf = args
        .windows(2)
        .any(|pair| pair[0] == "--target" && pair[1] == TARGET);
    if !is_for_bpf {
        return args;
    }
    args.into_iter()
        .map(|arg| match arg.to_str() {
            Some(text) if text.starts_with("metadata=") => format!("metadata={metadata}").into(),
            _ => arg,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn only_crates_of_the_target_are_renamed() {
        let bpf =
            "--crate-name a --target bpfel-unknown-none -C metadata=0123 -C extra-filename=-9";
        assert_eq!(
            with_stable_metadata(args(bpf), "a-1.0"),
            args(
                "--crate-name a --target bpfel-unknown-none -C metadata=a-1.0 -C extra-filename=-9"
            )
        );
        let host = "--crate-name a -C metadata=0123";
        assert_eq!(with_stable_metadata(args(host), "a-1.0"), args(host));
    }
}
