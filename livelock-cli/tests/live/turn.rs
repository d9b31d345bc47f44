//! Whose turn it is.
//!
//! In: a test that wants to attach. Out: the machine for itself, or `None` with a printed reason.
//! Refuses: two tests at once, also in two processes; each would be the other's load.

use std::fs::File;
use std::io::Write as _;
use std::path::{Path, PathBuf};

/// `xtask test --no-live` sets it.
const NO_LIVE: &str = "LIVELOCK_NO_LIVE";

/// Bits of the capability sets, from `linux/capability.h`.
const CAP_PERFMON: u32 = 38;
const CAP_BPF: u32 = 39;

/// The machine, until this is dropped.
pub(crate) struct Turn {
    _lock: File,
}

/// Waits for the machine; `None` if nothing can be attached to it.
pub(crate) fn attach(test: &str) -> Option<Turn> {
    let reason = if std::env::var_os(NO_LIVE).is_some() {
        Some(format!("{NO_LIVE} is set"))
    } else if !Path::new("/sys/kernel/btf/vmlinux").exists() {
        Some("this kernel has no BTF (/sys/kernel/btf/vmlinux)".to_owned())
    } else if !has_capabilities() {
        Some("no CAP_BPF and CAP_PERFMON; run the tests as root".to_owned())
    } else {
        None
    };
    if let Some(reason) = reason {
        skip(test, &reason);
        return None;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live.lock");
    let lock = File::create(path).expect("a lock file in the target folder");
    lock.lock().expect("the lock of the machine");
    Some(Turn { _lock: lock })
}

/// As [`attach`], with the lab; `None` as well if it is not built.
pub(crate) fn attach_with_lab(test: &str) -> Option<(Turn, PathBuf)> {
    let lab = Path::new(env!("CARGO_BIN_EXE_livelock")).with_file_name("livelock-lab");
    if !lab.is_file() {
        skip(
            test,
            "livelock-lab is not built; run `cargo build -p livelock-lab`",
        );
        return None;
    }
    Some((attach(test)?, lab))
}

/// Says so on standard error itself; the harness keeps what `eprintln!` writes.
pub(crate) fn skip(test: &str, reason: &str) {
    let line = format!("live: skipped {test}: {reason}\n");
    std::io::stderr()
        .write_all(line.as_bytes())
        .expect("standard error");
}

/// Both capabilities, effective.
pub(crate) fn has_capabilities() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc/self/status");
    let effective = status
        .lines()
        .find_map(|line| line.strip_prefix("CapEff:"))
        .and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok())
        .expect("CapEff in /proc/self/status");
    [CAP_PERFMON, CAP_BPF]
        .iter()
        .all(|bit| effective >> bit & 1 == 1)
}
