//! Recordings of this machine: whole, killed, torn, bounded, triggered.

use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::tool::{Running, document, livelock, text};
use crate::turn;

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("recordings-{name}"));
        // What a failed run left behind.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    fn file(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).expect("a folder");
        let names = entries.flatten();
        let mut names: Vec<_> = names
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn tool(args: &[&str]) -> Output {
    livelock(args).output().expect("livelock starts")
}

fn replay(file: &str, args: &[&str]) -> Output {
    tool(&[&["replay", file], args].concat())
}

fn records(output: &Output) -> Vec<Value> {
    let lines = text(&output.stdout);
    let record = |line| serde_json::from_str(line).unwrap_or_else(|err| panic!("{err}: {line}"));
    lines.lines().map(record).collect()
}

/// Starts a recording and kills it when it has written some windows.
fn killed(file: &str) {
    let mut recording = Running::start(&mut livelock([
        "record", "-o", file, "--window", "200ms", "--quiet",
    ]));
    std::thread::sleep(Duration::from_millis(2500));
    recording.signal(libc::SIGKILL);
    recording.wait();
}

#[test]
fn a_replay_says_what_the_live_run_said_to_the_byte() {
    let Some((_turn, lab)) = turn::attach_with_lab("diagnose --record under fd-table") else {
        return;
    };
    let folder = Folder::new("identity");
    let file = folder.file("x.llrec");
    let _lab = Running::lab(&lab, "fd-table --threads 2 --duration 60s --pin");
    let args = ["diagnose", "--format", "json", "--duration", "3s"];
    let live = tool(&[&args[..], &["--record", &file]].concat());
    document(&live);
    let replayed = replay(&file, &["diagnose", "--format", "json"]);
    assert_eq!(text(&replayed.stdout), text(&live.stdout));
    assert_eq!(replayed.status.code(), live.status.code());
    assert_eq!(text(&replayed.stderr), "");

    let again = tool(&[&args[..], &["--record", &file]].concat());
    assert_eq!(again.status.code(), Some(1));
    assert!(
        text(&again.stderr).contains("--force"),
        "{}",
        text(&again.stderr)
    );
}

#[test]
fn a_recording_ends_with_a_summary_and_every_command_replays_it() {
    let Some(_turn) = turn::attach("record") else {
        return;
    };
    let folder = Folder::new("summary");
    let file = folder.file("x.llrec");
    let mut recording = Running::start(&mut livelock([
        "record", "-o", &file, "--window", "300ms", "--quiet",
    ]));
    std::thread::sleep(Duration::from_millis(2500));
    recording.signal(libc::SIGINT);
    assert_eq!(recording.wait().code(), Some(130));

    let exported = replay(&file, &["export"]);
    let records = records(&exported);
    assert_eq!(records[0]["record"], "header");
    assert_eq!(records[0]["window_ns"], 300_000_000);
    let last = &records[records.len() - 1];
    assert_eq!(
        (&last["record"], &last["ended_by"]),
        (&Value::from("summary"), &Value::from("interrupt"))
    );
    let nr_windows = records.iter().filter(|r| r["record"] == "window").count();
    assert_eq!(last["nr_windows"], nr_windows);
    assert_eq!(last["accounting"]["unaccounted"], 0, "{last}");
    assert_ne!(
        exported.status.code(),
        Some(130),
        "nobody interrupted the replay"
    );
    let watched = replay(&file, &["watch", "--plain"]);
    // Two lines of header, one of status if it was told, and one at the end.
    assert!(text(&watched.stdout).lines().count() >= nr_windows + 3);
}

#[test]
fn what_was_written_before_a_kill_replays() {
    let Some(_turn) = turn::attach("kill -9 of a recording") else {
        return;
    };
    let folder = Folder::new("killed");
    let file = folder.file("x.llrec");
    killed(&file);
    let replayed = replay(&file, &["diagnose", "--format", "json"]);
    let verdict = document(&replayed);
    assert!(
        verdict["window"]["nr_windows"].as_u64() >= Some(3),
        "{}",
        verdict["window"]
    );
    assert!(
        text(&replayed.stderr).contains("no summary"),
        "{}",
        text(&replayed.stderr)
    );
    let spots = verdict["blind_spots"].to_string();
    assert!(spots.contains("truncated-recording"), "{spots}");

    let bytes = std::fs::read(&file).expect("the recording");
    std::fs::write(&file, &bytes[..bytes.len() - 7]).expect("the recording");
    let torn = replay(&file, &["export"]);
    assert!(
        text(&torn.stderr).contains("cannot be read"),
        "{}",
        text(&torn.stderr)
    );
    let records = records(&torn);
    assert_eq!(records[records.len() - 1]["ended_by"], "truncated");
    let nr_windows = records[records.len() - 1]["nr_windows"].as_u64();
    let before = verdict["window"]["nr_windows"].as_u64().map(|nr| nr - 1);
    assert_eq!(nr_windows, before, "one window was torn");
}

#[test]
fn a_bound_on_size_holds_and_both_pieces_replay() {
    let Some((_turn, lab)) = turn::attach_with_lab("record --max-size under fd-table") else {
        return;
    };
    let folder = Folder::new("pieces");
    let file = folder.file("x.llrec");
    let _lab = Running::lab(&lab, "fd-table --threads 2 --duration 60s");
    let output = tool(&[
        "record",
        "-o",
        &file,
        "-d",
        "10s",
        "--window",
        "100ms",
        "--max-size",
        "256K",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(
        folder.names(),
        ["x.llrec", "x.llrec.1"],
        "{}",
        text(&output.stderr)
    );
    let size = |name| std::fs::metadata(folder.file(name)).expect("a file").len();
    assert!(size("x.llrec") + size("x.llrec.1") <= (256 << 10) + 1024);
    for (name, end) in [("x.llrec.1", "continued"), ("x.llrec", "duration")] {
        let exported = replay(&folder.file(name), &["export"]);
        assert_eq!(text(&exported.stderr), "");
        let records = records(&exported);
        assert_eq!(records[records.len() - 1]["ended_by"], end);
        let first = records
            .iter()
            .find(|r| r["record"] == "window")
            .expect("a window");
        assert!(
            first["busy_pct"].is_number(),
            "the first window has a begin: {first}"
        );
    }
}

#[test]
fn a_flight_recorder_without_an_incident_writes_nothing() {
    let Some(_turn) = turn::attach("record --ring") else {
        return;
    };
    let folder = Folder::new("flight");
    let file = folder.file("x.llrec");
    let output = tool(&[
        "record",
        "-o",
        &file,
        "-d",
        "2s",
        "--window",
        "300ms",
        "--ring",
        "10s",
        "--trigger",
        "status=livelock",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(
        text(&output.stderr).contains("nothing was written"),
        "{}",
        text(&output.stderr)
    );
    assert_eq!(folder.names(), Vec::<String>::new());
}

/// A real-time task that keeps a CPU starves others on any machine; if too few of them want it, nothing is written.
#[test]
fn a_flight_recorder_writes_the_lead_up_of_an_incident() {
    let Some((_turn, lab)) = turn::attach_with_lab("record --ring under rt-spin") else {
        return;
    };
    let folder = Folder::new("incident");
    let file = folder.file("x.llrec");
    let _lab = Running::lab(&lab, "rt-spin --threads 2 --duration 20s");
    std::thread::sleep(Duration::from_millis(500));
    let output = tool(&[
        "record",
        "-o",
        &file,
        "-d",
        "9s",
        "--ring",
        "10s",
        "--trigger",
        "status>=contended",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let names = folder.names();
    let Some(name) = names.first() else {
        turn::skip("the incident", "nobody starved beside the real-time tasks");
        return;
    };
    assert!(
        name.starts_with("x-2") && name.ends_with("Z.llrec"),
        "{name}"
    );
    let replayed = replay(&folder.file(name), &["diagnose", "--format", "json"]);
    assert_eq!(text(&replayed.stderr), "");
    let verdict = document(&replayed);
    let code = replayed.status.code();
    assert!(code == Some(10) || code == Some(11), "{}", verdict["cause"]);
}

#[test]
fn what_is_no_recording_is_refused_with_a_reason() {
    let folder = Folder::new("refusals");
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.file(name);
        std::fs::write(&path, bytes).expect("a file");
        path
    };
    let preamble = livelock_core::recording::preamble();
    let newer = [&preamble[..8], &2_u32.to_le_bytes()].concat();
    for (file, words) in [
        (folder.file("missing"), "No such file"),
        (
            write("text", b"{\"schema\": \"livelock.verdict/v1\"}"),
            "not a recording",
        ),
        (write("empty", b""), "ends before its first frame"),
        (write("newer", &newer), "newer one"),
        (
            write("damaged", &[&preamble[..], &[7; 99]].concat()),
            "the first frame is damaged",
        ),
    ] {
        let output = replay(&file, &["diagnose"]);
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{file}: {stderr}");
        assert!(stderr.contains(words), "{file}: {stderr}");
        assert_eq!(text(&output.stdout), "", "{file}");
    }
}

#[test]
fn a_recording_goes_through_pipes() {
    let Some(_turn) = turn::attach("record -o -") else {
        return;
    };
    let recorded = tool(&[
        "record", "-o", "-", "-d", "2s", "--window", "300ms", "--quiet",
    ]);
    assert_eq!(
        recorded.status.code(),
        Some(0),
        "{}",
        text(&recorded.stderr)
    );
    let folder = Folder::new("pipes");
    let file = folder.file("x.llrec");
    std::fs::write(&file, &recorded.stdout).expect("a file");
    // A reader that leaves after the header.
    let mut command = livelock(["replay", &file, "export"]);
    let mut running = Running::start(command.stdout(Stdio::piped()));
    let first = running
        .lines()
        .next()
        .and_then(Result::ok)
        .expect("a header");
    assert!(first.contains("\"record\":\"header\""), "{first}");
    assert_eq!(running.wait().code(), Some(0));
}
