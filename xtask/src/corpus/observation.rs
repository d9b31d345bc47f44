//! One scenario, diagnosed once.
//!
//! In: the files that the guest sent. Out: what of the verdict is scored. Refuses: to take a verdict
//! for one on a scenario that had ended, or never begun.

use std::fs;
use std::path::Path;

use livelock_core::verdict::{CauseClass, Confidence, LockSide, Status, Verdict};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::catalogue::{Kind, Maker, Oracle};
use super::plan::Task;
use super::replayed;
use super::truth::{self, Truth};
use crate::vm::console::Results;

/// A task and what came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Observation {
    pub(super) scenario: String,
    pub(super) run: u32,
    /// Class that the catalogue gives.
    pub(super) class: CauseClass,
    pub(super) kind: Kind,
    /// Worst status that the catalogue allows.
    pub(super) expected_status: Status,
    /// Of a boundary that must be told, what it must be called at least.
    #[serde(default)]
    pub(super) least_status: Option<Status>,
    /// How it is known whether a positive came about; null if that is not asked.
    #[serde(default)]
    pub(super) oracle: Option<Oracle>,
    /// A positive that these spinlocks cannot make: it must not be called a live lock.
    pub(super) is_control: bool,
    pub(super) outcome: Outcome,
}

/// What came of a task.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    /// There is a verdict on it.
    Measured(Box<Measured>),
    /// There is none.
    NotMeasured {
        /// Why.
        reason: String,
    },
}

/// What of a verdict is scored or read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    pub(super) status: Status,
    pub(super) confidence: Confidence,
    pub(super) class: CauseClass,
    pub(super) summary: String,
    pub(super) duration_ns: u64,
    pub(super) nr_windows: u32,
    pub(super) nr_no_progress: u32,
    pub(super) first_verdict_ns: Option<u64>,
    pub(super) busy_pct: Option<f64>,
    pub(super) burn_pct: Option<f64>,
    /// User share of busy time.
    pub(super) user_pct: Option<f64>,
    pub(super) omega: Option<f64>,
    /// What the tool cost, in percent of the guest's CPUs.
    pub(super) own_cost_pct: f64,
    /// Probe level at the end.
    pub(super) level: u8,
    /// First lock.
    pub(super) lock: Option<String>,
    /// Functions of the path that waits most for it, innermost first.
    pub(super) callers: Vec<String>,
    /// Functions of the path that holds it most, likewise; empty if nobody is named, null in reports of before it was kept.
    #[serde(default)]
    pub(super) holder: Option<Vec<String>>,
    /// What speaks for the verdict and its cause, for a human; null in reports of before it was kept.
    #[serde(default)]
    pub(super) evidence: Option<Vec<String>>,
    /// Waits that the books do not explain; 0 if they close.
    pub(super) unaccounted: i64,
    /// What the load achieved: the lab from its begin to its end, the module while it was observed.
    pub(super) ops_per_sec: Option<f64>,
    /// The same of one thread alone, measured before; null where it was not.
    #[serde(default)]
    pub(super) alone_ops_per_sec: Option<f64>,
    /// The books of the ground-truth module; null for loads of the lab.
    #[serde(default)]
    pub(super) truth: Option<Truth>,
    /// Time in the guest from the begin of the task to the end of its load.
    #[serde(default)]
    pub(super) guest_secs: Option<f64>,
    /// One-minute load average of the machine below the guest, when the task was over.
    #[serde(default)]
    pub(super) machine_load: Option<f64>,
    /// The lab's threads began to work only during the diagnosis.
    pub(super) is_late: bool,
    /// Whether the recording, replayed on this machine, gave the same verdict to the byte; null where nothing was recorded.
    #[serde(default)]
    pub(super) replays_alike: Option<bool>,
}

/// Reads the files of one scenario.
pub(super) fn observe(
    task: &Task,
    nr_cpus: u32,
    is_control: bool,
    files: &Results,
    program: Option<&Path>,
) -> Observation {
    let outcome = measure(task, nr_cpus, files, program).map_or_else(
        |reason| Outcome::NotMeasured { reason },
        |measured| Outcome::Measured(Box::new(measured)),
    );
    with_outcome(task, is_control, outcome)
}

/// A task that was never begun, or not to its end.
pub(super) fn not_measured(task: &Task, is_control: bool, reason: &str) -> Observation {
    let reason = reason.to_owned();
    with_outcome(task, is_control, Outcome::NotMeasured { reason })
}

fn with_outcome(task: &Task, is_control: bool, outcome: Outcome) -> Observation {
    Observation {
        scenario: task.scenario.name.clone(),
        run: task.run,
        class: task.scenario.class,
        kind: task.scenario.kind,
        expected_status: task.scenario.expected_status,
        least_status: task.scenario.least_status,
        oracle: task.scenario.oracle(),
        is_control,
        outcome,
    }
}

fn measure(
    task: &Task,
    nr_cpus: u32,
    files: &Results,
    program: Option<&Path>,
) -> Result<Measured, String> {
    let (load, words) = match task.scenario.made_by {
        Maker::Lab => ("lab", "lab_stderr"),
        Maker::Module(_) => ("module", "insmod_stderr"),
    };
    let Some(code) = files.number::<i32>("exit_code") else {
        return Err(format!(
            "the {load} did not start: {}",
            last_line(files, words)
        ));
    };
    if files.text("outlived").is_none() {
        return Err(format!(
            "the {load} ended during the diagnosis: {}",
            last_line(files, words)
        ));
    }
    if files.bytes("verdict").is_empty() {
        return Err(format!(
            "diagnose ended with {code} and no verdict: {}",
            last_line(files, "diagnose_stderr")
        ));
    }
    let verdict: Verdict = serde_json::from_slice(files.bytes("verdict"))
        .map_err(|err| format!("the verdict cannot be read: {err}"))?;
    let mut measured = match &task.scenario.made_by {
        Maker::Lab => of_lab(verdict, files),
        Maker::Module(module) => {
            let truth = truth::read(module, &verdict, files, nr_cpus)?;
            Measured {
                ops_per_sec: Some(truth.ops_per_sec),
                alone_ops_per_sec: truth::ops_per_sec(files, "alone"),
                truth: Some(truth),
                ..from_verdict(verdict)
            }
        }
    };
    measured.guest_secs = between(files, "started", "finished");
    measured.machine_load = machine_load();
    measured.replays_alike = program.and_then(|program| replayed::is_alike(program, files));
    Ok(measured)
}

/// What else the machine had to do, the guest included; a collapse gets deeper and a diagnosis slower with it.
fn machine_load() -> Option<f64> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    text.split_whitespace().next()?.parse().ok()
}

fn of_lab(verdict: Verdict, files: &Results) -> Measured {
    let read = |name| -> Value { serde_json::from_slice(files.bytes(name)).unwrap_or(Value::Null) };
    let (lab, alone) = (read("lab"), read("alone"));
    let lab_secs = lab["duration_ns"].as_f64().map(|ns| ns / 1e9);
    let observed_secs = between(files, "begin", "end_of_diagnosis");
    Measured {
        ops_per_sec: lab["ops_per_sec"].as_f64(),
        alone_ops_per_sec: alone["ops_per_sec"].as_f64(),
        is_late: lab_secs
            .zip(observed_secs)
            .is_some_and(|(lab, observed)| lab < observed),
        ..from_verdict(verdict)
    }
}

/// Seconds between two looks at the guest's clock.
fn between(files: &Results, from: &str, to: &str) -> Option<f64> {
    Some(files.number::<f64>(to)? - files.number::<f64>(from)?)
}

fn from_verdict(verdict: Verdict) -> Measured {
    let first_lock = verdict.locks.first();
    Measured {
        status: verdict.status,
        confidence: verdict.confidence,
        class: verdict.cause.class,
        duration_ns: verdict.window.duration_ns,
        nr_windows: verdict.window.nr_windows,
        nr_no_progress: verdict.window.nr_no_progress,
        first_verdict_ns: verdict.window.first_verdict_ns,
        busy_pct: verdict.busy_pct,
        burn_pct: verdict.burn_pct,
        user_pct: verdict.user_pct,
        omega: verdict.omega,
        own_cost_pct: verdict.self_cost.cpu_pct,
        level: verdict.self_cost.level,
        lock: first_lock.map(|lock| lock.name.clone()),
        callers: functions(first_lock.and_then(|lock| lock.waiters.first())),
        holder: Some(functions(first_lock.and_then(|lock| lock.holders.first()))),
        evidence: Some(verdict.evidence.iter().map(|it| it.text.clone()).collect()),
        unaccounted: verdict.accounting.unaccounted,
        ops_per_sec: None,
        alone_ops_per_sec: None,
        truth: None,
        guest_secs: None,
        machine_load: None,
        is_late: false,
        replays_alike: None,
        summary: verdict.cause.summary,
    }
}

/// Those of a path, innermost first.
fn functions(side: Option<&LockSide>) -> Vec<String> {
    side.map(|side| side.stack.iter().map(|frame| function(frame)).collect())
        .unwrap_or_default()
}

/// The name in `name+0xoffset`.
pub(super) fn function(frame: &str) -> String {
    frame
        .split_once('+')
        .map_or(frame, |(name, _)| name)
        .to_owned()
}

/// The last words of a program, which are its error if it has one.
fn last_line(files: &Results, name: &str) -> String {
    let text = files.text(name).unwrap_or_default();
    text.lines()
        .next_back()
        .unwrap_or("it said nothing")
        .to_owned()
}

#[cfg(test)]
pub(super) mod tests {
    use std::sync::Arc;

    use super::super::catalogue::tests::scenario;
    use super::*;

    const VERDICT: &[u8] = include_bytes!("../../../docs/examples/headline-verdict.json");

    fn files(entries: &[(&str, &[u8])]) -> Results {
        let mut files = Results::default();
        for (name, content) in entries {
            files.insert((*name).to_owned(), content.to_vec());
        }
        files
    }

    fn outcome(entries: &[(&str, &[u8])]) -> Outcome {
        let task = Task {
            run: 1,
            scenario: Arc::new(scenario(
                "fd-table",
                CauseClass::SpinCollapse,
                Kind::Positive,
            )),
        };
        observe(&task, 4, false, &files(entries), None).outcome
    }

    fn reason(entries: &[(&str, &[u8])]) -> String {
        match outcome(entries) {
            Outcome::NotMeasured { reason } => reason,
            Outcome::Measured(measured) => panic!("measured: {measured:?}"),
        }
    }

    const WHOLE: &[(&str, &[u8])] = &[
        ("exit_code", b"11\n"),
        ("outlived", b"1\n"),
        ("verdict", VERDICT),
        (
            "lab",
            br#"{"duration_ns": 7000000000, "ops_per_sec": 162.5}"#,
        ),
        ("alone", br#"{"ops_per_sec": 90000.0}"#),
        ("begin", b"12.50\n"),
        ("end_of_diagnosis", b"18.25\n"),
    ];

    #[test]
    fn what_is_scored_comes_out_of_the_verdict() {
        let Outcome::Measured(measured) = outcome(WHOLE) else {
            panic!("not measured");
        };
        assert_eq!(measured.status, Status::Livelock);
        assert_eq!(measured.lock.as_deref(), Some("files_struct.file_lock"));
        assert_eq!(measured.callers[0], "_raw_spin_lock");
        assert!(["alloc_fd", "close_fd"].contains(&measured.callers[1].as_str()));
        let holder = measured.holder.expect("kept");
        assert_eq!(holder[..2], ["_raw_spin_lock", "close_fd"]);
        let evidence = measured.evidence.expect("kept");
        assert!(evidence[0].starts_with("tracepoints see"), "{evidence:?}");
        let document: serde_json::Value = serde_json::from_slice(VERDICT).expect("a document");
        let told_ns = document["window"]["first_verdict_ns"].as_u64();
        assert!(told_ns.is_some_and(|ns| ns > 1_000_000_000));
        assert_eq!(measured.first_verdict_ns, told_ns);
        assert_eq!(measured.ops_per_sec, Some(162.5));
        assert_eq!(measured.alone_ops_per_sec, Some(90000.0));
        assert!(!measured.is_late);
    }

    #[test]
    fn what_stands_beside_the_cause_is_not_scored() {
        let mut document: Value = serde_json::from_slice(VERDICT).expect("a document");
        let also = "0.4 CPUs retry in alloc_path";
        document["cause"]["also"] = serde_json::json!([
            {"class": "trylock_retry", "share_pct": 40.0, "summary": also}
        ]);
        let verdict = serde_json::from_value(document).expect("a verdict");
        let measured = from_verdict(verdict);
        assert_eq!(measured.class, CauseClass::HolderPreemption);
        let text = serde_json::to_string(&measured).expect("text");
        assert!(!text.contains(also), "{text}");
    }

    #[test]
    fn a_lab_that_begins_late_is_told() {
        let mut entries = WHOLE.to_vec();
        entries[3].1 = br#"{"duration_ns": 5000000000}"#;
        let Outcome::Measured(measured) = outcome(&entries) else {
            panic!("not measured");
        };
        assert!(measured.is_late);
    }

    #[test]
    fn what_is_missing_is_the_reason() {
        let words = b"livelock-lab: pwrite-disk: no disk; mount one\n";
        assert!(reason(&[("lab_stderr", words)]).contains("no disk; mount one"));
        assert!(reason(&[("exit_code", b"0"), ("verdict", VERDICT)]).contains("during"));
        assert!(reason(&[("exit_code", b"137"), ("outlived", b"1")]).contains("137"));
        let broken = &[
            ("exit_code", &b"0"[..]),
            ("outlived", b"1"),
            ("verdict", b"{"),
        ];
        assert!(reason(broken).contains("cannot be read"));
    }
}
