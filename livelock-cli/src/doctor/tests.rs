//! Snapshots of a host that works and of one that does not.

use super::*;
use crate::exit::Exit;
use crate::host::{Check, CheckId, CheckState};
use crate::render::Style;
use crate::render::specimen::{host, livelock};

fn check(id: CheckId, title: &'static str, state: CheckState) -> Check {
    let is_ok = state == CheckState::Ok;
    Check {
        id,
        title,
        state,
        found: "what was found".to_owned(),
        costs: (!is_ok)
            .then(|| "stacks are addresses, and spinning is not recognised in samples".to_owned()),
        remedy: (state == CheckState::Missing).then(|| "run as root".to_owned()),
    }
}

fn report(capability: CheckState, outcome: ProgramOutcome) -> DoctorReport {
    let program = ProgramCheck {
        name: "contention_begin".to_owned(),
        hook: "tp_btf/contention_begin".to_owned(),
        verified_insns: (outcome == ProgramOutcome::Ok).then_some(1234),
        outcome,
    };
    let checks = vec![
        check(CheckId::LoadPrograms, "load BPF programs", capability),
        check(
            CheckId::DataNames,
            "names of static locks",
            CheckState::Degraded,
        ),
        check(CheckId::Cgroups, "cgroup v2", CheckState::Ok),
    ];
    DoctorReport::new(host(), checks, vec![program], livelock().blind_spots)
}

fn failed() -> ProgramOutcome {
    ProgramOutcome::Failed {
        reason: "operation not permitted".to_owned(),
    }
}

#[test]
fn a_host_that_can_be_observed() {
    let report = report(CheckState::Ok, ProgramOutcome::Ok);
    assert_eq!(report.exit(), Exit::Fine);
    insta::assert_snapshot!("text", doctor_text(&report, Style::new(false, None)));
    insta::assert_snapshot!("json", doctor_json(&report).expect("JSON"));
}

#[test]
fn a_host_that_cannot() {
    let report = report(CheckState::Missing, failed());
    assert_eq!(report.exit(), Exit::NotObservable);
    insta::assert_snapshot!("text_cannot", doctor_text(&report, Style::new(false, None)));
}

#[test]
fn what_there_is_nothing_to_attach_to_has_a_reason_and_is_no_failure() {
    let mut report = report(CheckState::Ok, ProgramOutcome::Ok);
    report.programs.push(ProgramCheck {
        name: "trans_restart".to_owned(),
        hook: "probe level 1, transactions".to_owned(),
        outcome: ProgramOutcome::Absent {
            reason: "bcachefs is not loaded".to_owned(),
        },
        verified_insns: Some(56),
    });
    let text = doctor_text(&report, Style::new(false, None));
    let line = "absent  trans_restart on probe level 1, transactions: bcachefs is not loaded";
    assert!(text.contains(line) && !text.contains("failed"), "{text}");
    let json = doctor_json(&report).expect("JSON");
    assert!(json.contains(r#""result": "absent""#), "{json}");
    assert_eq!(report.exit(), Exit::Fine);
}

#[test]
fn no_program_left_is_no_observation() {
    assert_eq!(report(CheckState::Ok, failed()).exit(), Exit::NotObservable);
}
