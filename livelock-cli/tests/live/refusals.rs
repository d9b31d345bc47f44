//! What is refused, with which words and which exit code.

use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::tool::{run, text};
use crate::turn;

/// `nobody`, on every distribution.
const NOBODY: u32 = 65_534;

#[test]
fn wrong_arguments_are_exit_code_2() {
    for args in [
        "diagnose --duration never",
        "observe",
        "watch --plain --json",
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2), "{args}");
        assert!(
            text(&output.stderr).contains("error:"),
            "{args}: {}",
            text(&output.stderr)
        );
        assert_eq!(text(&output.stdout), "", "{args}");
    }
}

#[test]
fn without_privileges_it_says_which_ones_are_missing() {
    // The folder of the build may be closed to others, so they get a copy.
    let dir = std::env::temp_dir().join(format!("livelock-live-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a folder for temporary files");
    let open = || std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&dir, open()).expect("a folder of our own");
    let copy = dir.join("livelock");
    std::fs::copy(env!("CARGO_BIN_EXE_livelock"), &copy).expect("room for a copy");
    std::fs::set_permissions(&copy, open()).expect("a file of our own");
    let mut command = Command::new(&copy);
    command
        .args(["diagnose", "--duration", "2s"])
        .current_dir("/");
    if turn::has_capabilities() {
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output();
    std::fs::remove_dir_all(&dir).expect("a folder of our own");
    let output = output.expect("the copy starts");
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{stderr}");
    for word in ["CAP_BPF", "CAP_PERFMON", "sudo"] {
        assert!(stderr.contains(word), "no {word} in: {stderr}");
    }
    assert_eq!(text(&output.stdout), "");
}
