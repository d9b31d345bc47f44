//! This machine, watched full-screen.

use std::path::Path;

use crate::tmux::{Tmux, skip};

/// Read by all live tests.
const NO_LIVE: &str = "LIVELOCK_NO_LIVE";

#[test]
fn this_machine_is_watched() {
    let test = "full screen of this machine";
    // SAFETY: no preconditions.
    let is_root = unsafe { libc::geteuid() } == 0;
    if std::env::var_os(NO_LIVE).is_some() {
        return skip(test, &format!("{NO_LIVE} is set"));
    }
    if !is_root || !Path::new("/sys/kernel/btf/vmlinux").exists() {
        return skip(test, "it takes root and a kernel with BTF");
    }
    let Some(tmux) = Tmux::start(test, 80, 24) else {
        return;
    };
    // The turn of the other live tests.
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("live.lock");
    let lock = std::fs::File::create(path).expect("a lock file in the target folder");
    lock.lock().expect("the lock of the machine");
    let before = tmux.modes();
    tmux.run(&format!(
        "{} watch --window 300ms",
        env!("CARGO_BIN_EXE_livelock")
    ));
    let shown = tmux.wait_until("verdict", |shown| {
        shown.contains(" confidence, since") && shown.contains("  live")
    });
    assert!(shown.contains("CPUs, busiest"), "{shown}");
    tmux.keys("Space");
    tmux.wait_for("FROZEN, 3 newer");
    tmux.keys("Space q");
    let (code, shown) = tmux.exit_code();
    assert!([0, 4, 10, 11].contains(&code), "{code}: {shown}");
    assert!(shown.contains(", 0 unaccounted"), "{shown}");
    assert_eq!(tmux.modes(), before);
}
