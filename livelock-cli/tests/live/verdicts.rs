//! What `diagnose` and `doctor` say about this machine.

use std::time::Duration;

use serde_json::Value;

use crate::tool::{Running, assert_accounting_closes, document, number, run, text};
use crate::turn;

/// The fields of `livelock.verdict/v1`. They are never renamed.
const V1: &[&str] = &[
    "/schema",
    "/status",
    "/confidence",
    "/cause/class",
    "/cause/summary",
    "/window/duration_ns",
    "/window/nr_windows",
    "/host",
    "/busy_pct",
    "/burn_pct",
    "/user_pct",
    "/progress",
    "/locks",
    "/chains",
    "/evidence",
    "/against",
    "/ruled_out",
    "/blind_spots",
    "/remedies",
    "/accounting/nr_begun",
    "/accounting/nr_completed",
    "/accounting/nr_in_flight",
    "/accounting/lost",
    "/self_cost/cpu_pct",
    "/self_cost/level",
    "/self_cost/stack_sampling",
];

/// The fields of each of `locks`.
const V1_LOCK: &[&str] = &[
    "/name",
    "/addr",
    "/kind",
    "/burn_pct",
    "/nr_waits",
    "/wait_ns/total",
    "/wait_ns/p50",
    "/wait_ns/p99",
    "/wait_ns/max",
    "/nr_in_flight",
    "/oldest_in_flight_ns",
    "/handoff_gap_ns",
    "/hold_ns",
    "/handover_pct",
    "/unknown_holder_pct",
    "/waiters",
    "/holders",
];

/// The fields of each of `waiters` and `holders`.
const V1_SIDE: &[&str] = &[
    "/share_pct",
    "/stack",
    "/comm",
    "/pid",
    "/tgid",
    "/cgroup",
    "/container_id",
    "/pod_uid",
    "/known_by",
    "/confidence",
    "/not_running",
];

/// Status and the exit codes that it may come with.
const EXIT_CODES: &[(&str, i32)] = &[
    ("healthy", 0),
    ("busy", 0),
    ("cannot_tell", 4),
    ("contended", 10),
    ("starved", 10),
    ("livelock", 11),
];

fn assert_has(document: &Value, pointers: &[&str]) {
    for pointer in pointers {
        assert!(
            document.pointer(pointer).is_some(),
            "no {pointer} in {document}"
        );
    }
}

fn array<'document>(document: &'document Value, name: &str) -> &'document Vec<Value> {
    document[name]
        .as_array()
        .unwrap_or_else(|| panic!("{name} is not an array in {document}"))
}

fn assert_is_v1(verdict: &Value) {
    assert_eq!(verdict["schema"], "livelock.verdict/v1");
    assert_has(verdict, V1);
    for lock in array(verdict, "locks") {
        assert_has(lock, V1_LOCK);
        // Unknown as a whole, where no hand-off was seen.
        if !lock["handoff_gap_ns"].is_null() {
            assert_has(lock, &["/handoff_gap_ns/p50", "/handoff_gap_ns/p99"]);
        }
        for side in ["waiters", "holders"] {
            for path in array(lock, side) {
                assert_has(path, V1_SIDE);
            }
        }
    }
}

fn assert_exit_code_fits(verdict: &Value, code: Option<i32>) {
    let status = &verdict["status"];
    let fitting = EXIT_CODES.iter().find(|(name, _)| *status == **name);
    let fitting = fitting.map(|(_, code)| *code);
    assert!(fitting.is_some(), "unknown status {status}");
    assert_eq!(code, fitting, "status {status}");
}

#[test]
fn a_verdict_on_this_host_is_complete_and_its_books_close() {
    let Some(_turn) = turn::attach("diagnose") else {
        return;
    };
    let output = run("diagnose --format json --duration 2s");
    let verdict = document(&output);
    assert_is_v1(&verdict);
    assert_accounting_closes(&verdict);
    assert_exit_code_fits(&verdict, output.status.code());
    assert_ne!(verdict["status"], "livelock", "{}", verdict["cause"]);
    assert!(number(&verdict, "/window/nr_windows") >= 3);
}

#[test]
fn two_threads_on_one_files_struct_are_named_and_not_accused() {
    let Some((_turn, lab)) = turn::attach_with_lab("diagnose under fd-table") else {
        return;
    };
    let _lab = Running::lab(&lab, "fd-table --threads 2 --duration 60s --pin");
    std::thread::sleep(Duration::from_millis(500));
    let output = run("diagnose --format json --duration 3s");
    let verdict = document(&output);
    assert_is_v1(&verdict);
    assert_accounting_closes(&verdict);
    assert_exit_code_fits(&verdict, output.status.code());
    let status = verdict["status"].as_str().unwrap_or_default();
    assert!(
        ["contended", "busy"].contains(&status),
        "{status}: {}",
        verdict["cause"]
    );
    // Two natively queued waiters hide from the tracepoints behind the pending bit.
    let burn_pct = verdict["burn_pct"].as_f64().unwrap_or_default();
    if burn_pct >= 1.0 {
        let top = &array(&verdict, "locks")[0];
        assert_eq!(top["name"], "files_struct.file_lock", "{top}");
        assert_eq!(top["kind"], "spinlock", "{top}");
        assert!(!array(top, "waiters").is_empty(), "{top}");
    }
}

/// Spinners of a mutex that must yield wait on the runqueue inside their spin phase. Taken for burn,
/// that made a live lock of a host that computed half of its time.
#[test]
fn many_threads_on_one_mutex_that_compute_are_not_accused() {
    let Some((_turn, lab)) = turn::attach_with_lab("diagnose under pipe-resize") else {
        return;
    };
    let _lab = Running::lab(&lab, "pipe-resize --threads 300 --duration 60s");
    std::thread::sleep(Duration::from_millis(500));
    let output = run("diagnose --format json --duration 4s");
    let verdict = document(&output);
    assert_is_v1(&verdict);
    assert_ne!(verdict["status"], "livelock", "{}", verdict["cause"]);
    let burn_pct = verdict["burn_pct"].as_f64().unwrap_or_default();
    let user_pct = verdict["time"]["user_pct"].as_f64().unwrap_or_default();
    assert!(
        burn_pct + user_pct <= 100.0,
        "{burn_pct} % burned and {user_pct} % in user mode"
    );
    for lock in array(&verdict, "locks") {
        let burn_pct = lock["burn_pct"].as_f64().unwrap_or_default();
        assert!(burn_pct <= 105.0, "{lock}");
    }
}

#[test]
fn the_doctor_loads_every_program() {
    let Some(_turn) = turn::attach("doctor") else {
        return;
    };
    let output = run("doctor --json");
    let report = document(&output);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(report["schema"], "livelock.doctor/v1");
    assert_eq!(report["can_observe"], true);
    let programs = array(&report, "programs");
    for name in ["contention_begin", "contention_end"] {
        assert!(
            programs.iter().any(|program| program["name"] == name),
            "no {name}"
        );
    }
    for program in programs {
        // The one file system that traces its transactions is not loaded on most hosts.
        let is_absent = program["reason"] == "bcachefs is not loaded";
        let expected = if is_absent { "absent" } else { "ok" };
        assert_eq!(program["result"], expected, "{program}");
        assert!(program["verified_insns"].is_u64(), "{program}");
    }
}
