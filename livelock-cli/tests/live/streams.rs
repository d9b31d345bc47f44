//! What scripts that read `watch` and `export` rely on.

use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tool::{Running, assert_accounting_closes, livelock, number, run, text};
use crate::turn;

const WATCH: [&str; 4] = ["watch", "--json", "--window", "300ms"];

fn watch() -> Command {
    let mut command = livelock(WATCH);
    command.stdout(Stdio::piped());
    command
}

fn record(line: &str) -> Value {
    serde_json::from_str(line).unwrap_or_else(|err| panic!("no JSON ({err}): {line}"))
}

/// Lets it watch for some windows, ends it with a signal, and checks the whole stream.
fn end_with(signal: i32, code: i32, ended_by: &str) {
    let mut running = Running::start(&mut watch());
    let mut lines = running.lines();
    let mut next = || lines.next().and_then(Result::ok).map(|line| record(&line));
    let header = next().expect("a header");
    assert_eq!(header["record"], "header");
    assert_eq!(header["schema"], "livelock.stream/v1");
    let mut nr_windows = 0;
    while nr_windows < 3 {
        let record = next().expect("a window");
        nr_windows += u64::from(record["record"] == "window");
    }
    running.signal(signal);
    let mut last = Value::Null;
    while let Some(record) = next() {
        nr_windows += u64::from(record["record"] == "window");
        last = record;
    }
    assert_eq!(running.wait().code(), Some(code));
    assert_eq!(last["record"], "summary");
    assert_eq!(last["ended_by"], ended_by);
    assert_eq!(number(&last, "/nr_windows"), nr_windows);
    assert_accounting_closes(&last);
}

#[test]
fn an_interrupt_ends_the_stream_with_a_summary() {
    let Some(_turn) = turn::attach("SIGINT") else {
        return;
    };
    end_with(libc::SIGINT, 130, "interrupt");
}

#[test]
fn a_termination_ends_the_stream_with_a_summary() {
    let Some(_turn) = turn::attach("SIGTERM") else {
        return;
    };
    end_with(libc::SIGTERM, 143, "terminate");
}

#[test]
fn a_reader_that_goes_away_is_success() {
    let Some(_turn) = turn::attach("a closed pipe") else {
        return;
    };
    let mut command = watch();
    command.stderr(Stdio::piped());
    let mut running = Running::start(&mut command);
    let first = running.lines().next().and_then(Result::ok);
    assert_eq!(record(&first.expect("a header"))["record"], "header");
    assert_eq!(running.wait().code(), Some(0));
}

#[test]
fn an_export_has_a_beginning_and_an_end() {
    let Some(_turn) = turn::attach("export") else {
        return;
    };
    let output = run("export --format jsonl --window 300ms --duration 1500ms");
    let records: Vec<Value> = text(&output.stdout).lines().map(record).collect();
    let kinds: Vec<&str> = records
        .iter()
        .filter_map(|r| r["record"].as_str())
        .collect();
    assert_eq!(kinds.first(), Some(&"header"), "{}", text(&output.stderr));
    assert_eq!(kinds.last(), Some(&"summary"), "{kinds:?}");
    assert!(kinds.contains(&"verdict"), "{kinds:?}");
    assert_eq!(
        kinds.iter().filter(|kind| **kind == "window").count(),
        5,
        "{kinds:?}"
    );
    assert_eq!(records[records.len() - 1]["ended_by"], "duration");
}
