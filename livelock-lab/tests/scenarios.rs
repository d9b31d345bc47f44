//! Every scenario, run for a moment by the built program.
//!
//! In: `livelock-lab list --json`. Out: each scenario that this machine can run achieves something,
//! and leaves no folder behind. Refuses: to skip silently; a scenario that lacks something must have
//! said so in its needs, and is printed as `lab: skipped NAME: reason`.

use std::process::{Command, Output};

use serde_json::Value;

/// Exit code where something is missing.
const EXIT_MISSING: i32 = 3;

/// Real-time throttling leaves the starved peers 50 ms of each second: long enough to see one.
const RT_DURATION: &str = "1200ms";
const DURATION: &str = "300ms";

/// Set to run also what writes to the kernel's log and its console.
const KERNEL_LOG_SWITCH: &str = "LIVELOCK_LAB_KERNEL_LOG";

fn lab(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_livelock-lab"))
        .args(args)
        .output()
        .unwrap()
}

fn catalog() -> Vec<Value> {
    let list = lab(&["list", "--json"]);
    assert!(list.status.success());
    serde_json::from_slice(&list.stdout).unwrap()
}

fn leftovers() -> Vec<String> {
    ["/dev/shm", "/tmp"]
        .iter()
        .filter_map(|folder| std::fs::read_dir(folder).ok())
        .flat_map(|entries| entries.flatten())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| name.starts_with("livelock-lab-"))
        .filter(|name| {
            let pid = name.trim_start_matches("livelock-lab-");
            !std::path::Path::new(&format!("/proc/{pid}")).exists()
        })
        .collect()
}

/// Does the scenario ask for something that machines may lack?
fn is_choosy(needs: &Value) -> bool {
    needs
        .as_object()
        .unwrap()
        .iter()
        .any(|(need, wanted)| need != "vm_native_spinlocks" && wanted == &Value::Bool(true))
}

#[test]
fn every_scenario_achieves_something_and_cleans_up() {
    let mut failures = Vec::new();
    let mut nr_run = 0;
    for scenario in catalog() {
        let name = scenario["name"].as_str().unwrap();
        let needs = &scenario["needs"];
        if needs["kernel_log"] == true && std::env::var_os(KERNEL_LOG_SWITCH).is_none() {
            println!("lab: skipped {name}: set {KERNEL_LOG_SWITCH} to fill the kernel's log");
            continue;
        }
        let duration = if needs["rt"] == true {
            RT_DURATION
        } else {
            DURATION
        };
        let output = lab(&[name, "--threads", "2", "--duration", duration]);
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.code() == Some(EXIT_MISSING) {
            println!("lab: skipped {name}: {}", complaint.trim_end());
            if !is_choosy(needs) || !complaint.contains("; ") {
                failures.push(format!("{name} lacks what it did not ask for: {complaint}"));
            }
            continue;
        }
        nr_run += 1;
        let report: Value = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        let achieved = report["nr_ops"].as_u64().unwrap_or(0) > 0 && report["scenario"] == name;
        if !output.status.success() || !achieved || !complaint.is_empty() {
            failures.push(format!("{name}: {report}, {complaint}"));
        }
    }
    let leftovers = leftovers();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(leftovers.is_empty(), "left behind: {leftovers:?}");
    assert!(nr_run > 0);
}

#[test]
fn the_list_says_everything() {
    for scenario in catalog() {
        for key in ["name", "description", "class", "expected_status", "kind"] {
            assert!(scenario[key].is_string(), "{key} of {scenario}");
        }
        let needs = scenario["needs"].as_object().unwrap();
        assert!(needs["nr_cpus_min"].as_u64().unwrap() >= 1);
        assert!(
            needs
                .iter()
                .filter(|(need, _)| *need != "nr_cpus_min")
                .all(|(_, wanted)| wanted.is_boolean())
        );
    }
}

#[test]
fn an_end_signal_still_gives_a_report() {
    let lab = Command::new(env!("CARGO_BIN_EXE_livelock-lab"))
        .args(["idle", "--threads", "2", "--duration", "60s"])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let killed = Command::new("kill")
        .args(["-TERM", &lab.id().to_string()])
        .status()
        .unwrap();
    assert!(killed.success());
    let output = lab.wait_with_output().unwrap();
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["schema"], "livelock.lab/v1");
}
