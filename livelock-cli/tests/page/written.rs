//! What is written, of several recordings.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// 6 CPUs spin on one file table.
pub(crate) const COLLAPSE: &str = "7.3-6-fd-table-1.llrec";
/// Nobody waits.
const IDLE: &str = "6.18-2-idle.llrec";
/// Mutexes, whose waiters sleep.
const MUTEX: &str = "6.18-2-mutex-contended.llrec";

fn recording(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../livelock-core/tests/scenarios")
        .join(name)
}

fn livelock(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_livelock"))
        .args(words)
        .stdin(Stdio::null())
        .output()
        .expect("the program")
}

/// The page of a recording.
pub(crate) fn page(name: &str) -> String {
    let path = recording(name);
    let output = livelock(&["report", path.to_str().expect("a path"), "-o", "-"]);
    String::from_utf8(output.stdout).expect("UTF-8")
}

#[test]
fn the_page_says_what_diagnose_says_and_the_exit_code_too() {
    for name in [COLLAPSE, IDLE, MUTEX] {
        let path = recording(name);
        let path = path.to_str().expect("a path");
        let verdict = livelock(&["replay", path, "diagnose", "--format", "json"]);
        let report = livelock(&["report", path, "-o", "-"]);
        assert_eq!(report.status.code(), verdict.status.code(), "{name}");
        let verdict: serde_json::Value = serde_json::from_slice(&verdict.stdout).expect("JSON");
        let page = String::from_utf8(report.stdout).expect("UTF-8");
        let word = verdict["status"]
            .as_str()
            .expect("a status")
            .replace('_', " ");
        let title = match word.as_str() {
            "livelock" => "LIVE LOCK".to_owned(),
            word => word.to_uppercase(),
        };
        assert!(
            page.contains(&format!("<h1>{title}</h1>")),
            "{name}: {title}"
        );
        let host = verdict["host"]["kernel_release"]
            .as_str()
            .expect("a kernel");
        assert!(page.contains(host), "{name}: {host}");
    }
}

#[test]
fn both_ways_to_ask_for_it_write_the_same_but_for_the_command() {
    let path = recording(COLLAPSE);
    let path = path.to_str().expect("a path");
    let without_command = |output: Output| {
        let page = String::from_utf8(output.stdout).expect("UTF-8");
        let (before, rest) = page.split_once("<dt>this page</dt>").expect("the command");
        let (_, after) = rest.split_once("</dd>").expect("its end");
        format!("{before}{after}")
    };
    let one = without_command(livelock(&["report", path, "-o", "-"]));
    let other = without_command(livelock(&["replay", path, "report", "-o", "-"]));
    assert!(one == other, "the pages differ");
}

#[test]
fn pages_of_all_recordings_are_small_and_ask_for_nothing() {
    const MAX_BYTES: usize = 600 << 10;
    let folder = recording("");
    let mut nr = 0;
    for entry in std::fs::read_dir(folder).expect("recordings") {
        let name = entry.expect("an entry").file_name();
        let name = name.to_str().expect("a name");
        if !name.ends_with(".llrec") {
            continue;
        }
        let page = page(name);
        assert!(page.len() < MAX_BYTES, "{name}: {} bytes", page.len());
        for outside in ["src=", "href=\"h", "href='h", "@import", "<link", "<script"] {
            assert!(!page.contains(outside), "{name}: {outside}");
        }
        nr += 1;
    }
    assert!(nr >= 40, "only {nr} recordings");
}

#[test]
fn it_says_what_it_wrote_and_keeps_quiet_about_a_closed_pipe() {
    let folder = std::env::temp_dir().join(format!("livelock-page-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let to = folder.join("page.html");
    let path = recording(IDLE);
    let output = livelock(&[
        "report",
        path.to_str().expect("a path"),
        "-o",
        to.to_str().expect("a path"),
    ]);
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stdout.is_empty());
    let said = String::from_utf8(output.stderr).expect("UTF-8");
    assert!(
        said.contains("wrote") && said.contains("page.html"),
        "{said}"
    );
    assert!(
        std::fs::read_to_string(&to)
            .expect("the page")
            .starts_with("<!DOCTYPE html>")
    );
    std::fs::remove_dir_all(&folder).expect("the folder");

    let mut child = Command::new(env!("CARGO_BIN_EXE_livelock"))
        .arg("report")
        .arg(recording(COLLAPSE))
        .args(["-o", "-"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    drop(child.stdout.take());
    let ended = child.wait_with_output().expect("an end");
    assert_eq!(ended.status.code(), Some(0), "a closed pipe is success");
    assert!(
        ended.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&ended.stderr)
    );
}
