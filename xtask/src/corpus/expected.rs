//! Expectations beside the recordings, as the unit tests read them.
//!
//! In: a report whose diagnoses were recorded. Out: `expected.json`: what the catalogue says of each recording, and what
//! the tool got wrong. Refuses: to make an expectation of what the tool said.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use livelock_core::verdict::{CauseClass, Status};
use serde::Serialize;

use super::catalogue::{Kind, word};
use super::class;
use super::observation::{Measured, Outcome};
use super::oracle;
use super::report::{Cell, Judged, Report};
use super::score::Grade;

/// Name of the file.
const FILE: &str = "expected.json";

/// One line of it.
#[derive(Debug, PartialEq, Serialize)]
struct Expected {
    file: String,
    kind: Kind,
    status: Status,
    /// Null where it is not judged.
    class: Option<CauseClass>,
    /// Null: by hand, where the name is known beforehand.
    lock: Option<String>,
    /// What the tool said instead; the test holds that it still does.
    #[serde(skip_serializing_if = "Option::is_none")]
    known_miss: Option<String>,
}

/// Name of a recording or of a verdict, without extension.
pub(super) fn stem(kernel: &str, nr_cpus: u32, scenario: &str, run: u32) -> String {
    // A colon in a file name is a host for some programs.
    let scenario = scenario.replace(':', "-");
    format!("{kernel}-{nr_cpus}-{scenario}-{run}")
}

/// Writes `expected.json` into `dir`.
pub(super) fn write(dir: &Path, report: &Report) -> anyhow::Result<()> {
    let all: Vec<Expected> = report
        .cells
        .iter()
        .flat_map(|cell| cell.observations.iter().filter_map(|it| expected(cell, it)))
        .filter(|it| dir.join(&it.file).is_file())
        .collect();
    let lines: Result<Vec<String>, _> = all.iter().map(serde_json::to_string).collect();
    let lines = lines.context("failed to write the expectations")?;
    let text = format!("[\n  {}\n]\n", lines.join(",\n  "));
    let path = dir.join(FILE);
    fs::write(&path, text).with_context(|| format!("failed to write {}", path.display()))
}

fn expected(cell: &Cell, judged: &Judged) -> Option<Expected> {
    let seen = &judged.observation;
    let Outcome::Measured(measured) = &seen.outcome else {
        return None;
    };
    // A control says nothing about the catalogue, nor does a live lock that did not come about, or may have where none should.
    if seen.is_control || oracle::is_not_made(seen) || oracle::is_harmful_boundary(seen) {
        return None;
    }
    // The class of a boundary is what it is there for, whoever is accused.
    let class_is_right = match seen.kind {
        Kind::Boundary => class::is_right_of_all(seen),
        Kind::Positive | Kind::LookAlike => judged.class_is_right,
    };
    let stem = stem(&cell.kernel, cell.nr_cpus, &seen.scenario, seen.run);
    Some(Expected {
        file: format!("{stem}.llrec"),
        kind: seen.kind,
        status: seen.expected_status,
        class: class_is_right.map(|_| seen.class),
        lock: None,
        known_miss: miss(judged, class_is_right, measured),
    })
}

fn miss(judged: &Judged, class_is_right: Option<bool>, measured: &Measured) -> Option<String> {
    let is_right = judged.grade == Grade::Right && class_is_right != Some(false);
    (!is_right).then(|| format!("{} {}", word(measured.status), word(measured.class)))
}

#[cfg(test)]
mod tests {
    use super::super::observation::Observation;
    use super::super::report::Report;
    use super::*;

    /// A collapse that was called `status`.
    fn report(status: Status) -> Report {
        let observation: Observation = serde_json::from_value(serde_json::json!({
            "scenario": "fd-table", "run": 1, "class": "spin_collapse", "kind": "positive",
            "expected_status": "livelock", "is_control": false,
            "outcome": {"measured": {
                "status": status, "confidence": "high", "class": "long_hold", "summary": "",
                "duration_ns": 1, "nr_windows": 1, "nr_no_progress": 1, "first_verdict_ns": null,
                "busy_pct": null, "burn_pct": null, "user_pct": null, "omega": null,
                "own_cost_pct": 0.0, "level": 0, "lock": null, "callers": [], "unaccounted": 0,
                "ops_per_sec": null, "is_late": false
            }}
        }))
        .expect("an observation");
        let mut report = Report::new(5, false);
        report.add("6.1", 4, vec![observation]);
        report
    }

    fn line(status: Status) -> Expected {
        let cells = report(status).cells;
        expected(&cells[0], &cells[0].observations[0]).expect("a line")
    }

    #[test]
    fn an_expectation_is_the_catalogue_s() {
        let right = line(Status::Livelock);
        assert_eq!(right.file, "6.1-4-fd-table-1.llrec");
        assert_eq!(right.class, Some(CauseClass::SpinCollapse));
        assert_eq!((right.status, right.known_miss), (Status::Livelock, None));
        assert_eq!(
            stem("7.3", 8, "truth:spin-hot", 2),
            "7.3-8-truth-spin-hot-2"
        );
        let missed = line(Status::Contended);
        assert_eq!(missed.status, Status::Livelock);
        assert_eq!(missed.known_miss.as_deref(), Some("contended long_hold"));
    }
}
