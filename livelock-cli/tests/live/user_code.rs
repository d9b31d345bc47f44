//! User code on this machine's kernel: functions and lines of a program, also of one that sees another root.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tool::{Running, assert_accounting_closes, document, livelock, run, text};
use crate::turn;

const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/live/programs/orders.c");
/// Line of `orders.c` in which the system call is.
const CALL: &str = "orders.c:7";

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("livelock-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Compiles it with debug information; `None` without a C compiler.
fn compiled(test: &str, folder: &Path, options: &[&str]) -> Option<PathBuf> {
    let program = folder.join("orders");
    let status = Command::new("cc")
        .args([
            "-g",
            "-O1",
            "-fno-omit-frame-pointer",
            "-fno-inline",
            "-fno-optimize-sibling-calls",
        ])
        .args(["-pthread", "-o"])
        .arg(&program)
        .arg(SOURCE)
        .args(options)
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => Some(program),
        _ => {
            eprintln!("live: skipped {test}: no C compiler, or no C library to link with");
            None
        }
    }
}

/// Frames of all user stacks of the paths to locks.
fn user_frames(seen: &Value) -> Vec<String> {
    let mut frames = Vec::new();
    for lock in seen["locks"].as_array().expect("locks") {
        for side in ["waiters", "holders"] {
            for path in lock[side].as_array().expect("paths") {
                let stacks = path["user_stacks"].as_array();
                for stack in stacks.into_iter().flatten() {
                    let names = stack["frames"].as_array().expect("frames");
                    frames.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
                }
            }
        }
    }
    frames
}

fn has(frames: &[String], function: &str, rest: &str) -> bool {
    frames
        .iter()
        .any(|frame| frame.starts_with(&format!("{function}+0x")) && frame.contains(rest))
}

#[test]
fn functions_and_lines_of_a_program_are_named_and_replayed() {
    let test = "functions_and_lines_of_a_program_are_named_and_replayed";
    let Some((_turn, _)) = turn::attach_with_lab(test) else {
        return;
    };
    let folder = Folder::new("orders");
    let Some(program) = compiled(test, &folder.0, &[]) else {
        return;
    };
    let _storm = Running::start(Command::new(&program).stdin(Stdio::null()));
    let plain = document(&run("diagnose --format json --duration 1500ms"));
    assert_eq!(user_frames(&plain), Vec::<String>::new(), "nobody asked");

    let recording = folder.0.join("orders.llrec");
    let mut diagnose = livelock(["diagnose", "--format", "json", "--duration", "2s"]);
    diagnose
        .args(["--source-lines", "--record"])
        .arg(&recording);
    let output = diagnose.output().expect("livelock runs");
    let seen = document(&output);
    assert_accounting_closes(&seen);
    let frames = user_frames(&seen);
    if frames.is_empty() && seen["locks"].as_array().is_none_or(Vec::is_empty) {
        eprintln!("live: skipped {test}: nobody waits for a lock on this machine");
        return;
    }
    assert!(
        has(&frames, "take_order", &format!("(orders) at {CALL}")),
        "{frames:?}"
    );
    assert!(
        has(&frames, "serve_orders", "(orders) at orders.c:"),
        "{frames:?}"
    );

    // The recording has the names: the program is not needed any more.
    let replayed = livelock(["replay"])
        .arg(&recording)
        .args(["diagnose", "--format", "json"])
        .output()
        .expect("livelock runs");
    assert_eq!(text(&replayed.stdout), text(&output.stdout));
    let folded = livelock(["replay"])
        .arg(&recording)
        .args(["export", "--format", "folded"])
        .output()
        .expect("livelock runs");
    let folded = text(&folded.stdout);
    assert!(folded.contains(";serve_orders;take_order;dup;"), "{folded}");
}

#[test]
fn a_program_in_another_root_is_named_from_its_own_files() {
    let test = "a_program_in_another_root_is_named_from_its_own_files";
    let Some((_turn, _)) = turn::attach_with_lab(test) else {
        return;
    };
    let folder = Folder::new("root");
    // Whole in one file, so that it runs where there is nothing else.
    let Some(program) = compiled(test, &folder.0, &["-static"]) else {
        return;
    };
    let mut command = Command::new("/orders");
    let root = std::ffi::CString::new(folder.0.to_str().expect("text")).expect("a path");
    assert!(program.ends_with("orders"));
    // SAFETY: system calls alone, on a string made before the fork.
    unsafe {
        command.stdin(Stdio::null()).pre_exec(move || {
            let is_there = libc::unshare(libc::CLONE_NEWNS) == 0
                && libc::chroot(root.as_ptr()) == 0
                && libc::chdir(c"/".as_ptr()) == 0;
            if is_there {
                Ok(())
            } else {
                Err(std::io::Error::last_os_error())
            }
        });
    }
    let _storm = Running::start(&mut command);
    let seen = document(&run("diagnose --format json --duration 2s --source-lines"));
    let frames = user_frames(&seen);
    if frames.is_empty() && seen["locks"].as_array().is_none_or(Vec::is_empty) {
        eprintln!("live: skipped {test}: nobody waits for a lock on this machine");
        return;
    }
    assert!(
        has(&frames, "take_order", &format!("(orders) at {CALL}")),
        "{frames:?}"
    );
}
