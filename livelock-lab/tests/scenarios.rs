//! Every scenario, run for a moment by the built program.
//!
//! In: `livelock-lab list --json`. Out: each scenario that this machine can run achieves something,
//! and leaves no folder behind. Refuses: to skip silently; a scenario that lacks something must have
//! said so in its needs, and is printed as `lab: skipped NAME: reason`.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::Value;

/// Exit code where something is missing.
const EXIT_MISSING: i32 = 3;

/// Real-time throttling leaves the starved peers 50 ms of each second: long enough to see two.
const RT_DURATION: &str = "2200ms";
const DURATION: &str = "300ms";

/// For a scenario that did nothing in [`DURATION`]: a single `sync` takes seconds on a disk with much to write.
const LONG_DURATION: &str = "8s";

/// Set to run also what writes to the kernel's log and its console.
const KERNEL_LOG_SWITCH: &str = "LIVELOCK_LAB_KERNEL_LOG";
/// The same for the scenario that sets the clock source of the machine.
const CLOCK_SWITCH: &str = "LIVELOCK_LAB_CLOCK_SOURCE";

fn lab(args: &[&str]) -> anyhow::Result<Output> {
    Command::new(env!("CARGO_BIN_EXE_livelock-lab"))
        .args(args)
        .output()
        .context("failed to run the lab")
}

fn catalog() -> anyhow::Result<Vec<Value>> {
    let list = lab(&["list", "--json"])?;
    assert!(list.status.success());
    serde_json::from_slice(&list.stdout).context("failed to read the list")
}

/// Written past the test harness, which hides what a test that passes prints.
fn say_skipped(name: &str, reason: &str) {
    let line = format!("lab: skipped {name}: {}\n", reason.trim_end());
    io::stderr().write_all(line.as_bytes()).unwrap_or_default();
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
            !Path::new(&format!("/proc/{pid}")).exists()
        })
        .collect()
}

/// Does the scenario ask for something that machines may lack?
fn is_choosy(needs: &Value) -> bool {
    needs.as_object().is_some_and(|needs| {
        needs
            .iter()
            .any(|(need, wanted)| need != "vm_native_spinlocks" && wanted == &Value::Bool(true))
    })
}

fn report_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or(Value::Null)
}

fn nr_ops(report: &Value) -> Option<u64> {
    report["nr_ops"].as_u64()
}

/// What is wrong with a run, if anything.
fn fault_of(name: &str, needs: &Value) -> anyhow::Result<Option<String>> {
    let duration = if needs["rt"] == true {
        RT_DURATION
    } else {
        DURATION
    };
    let mut output = lab(&[name, "--threads", "2", "--duration", duration])?;
    if nr_ops(&report_of(&output)) == Some(0) {
        output = lab(&[name, "--threads", "2", "--duration", LONG_DURATION])?;
    }
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.code() == Some(EXIT_MISSING) {
        say_skipped(name, &complaint);
        let says_what_to_do = complaint.contains("; ");
        let allowed = is_choosy(needs) && says_what_to_do;
        return Ok((!allowed).then(|| format!("{name} lacks something unannounced: {complaint}")));
    }
    let report = report_of(&output);
    let achieved = nr_ops(&report) > Some(0) && report["scenario"] == name;
    let fine = output.status.success() && achieved && complaint.is_empty();
    Ok((!fine).then(|| format!("{name}: {report}, {complaint}")))
}

#[test]
fn every_scenario_achieves_something_and_cleans_up() -> anyhow::Result<()> {
    let mut faults = Vec::new();
    for scenario in catalog()? {
        let name = scenario["name"].as_str().context("no name")?;
        let needs = &scenario["needs"];
        if needs["kernel_log"] == true && std::env::var_os(KERNEL_LOG_SWITCH).is_none() {
            say_skipped(
                name,
                &format!("set {KERNEL_LOG_SWITCH} to fill the kernel's log"),
            );
            continue;
        }
        if needs["slow_clocksource"] == true && std::env::var_os(CLOCK_SWITCH).is_none() {
            say_skipped(
                name,
                &format!("set {CLOCK_SWITCH} to set the machine's clock source"),
            );
            continue;
        }
        faults.extend(fault_of(name, needs)?);
    }
    let leftovers = leftovers();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    assert!(leftovers.is_empty(), "left behind: {leftovers:?}");
    Ok(())
}

#[test]
fn the_list_says_everything() -> anyhow::Result<()> {
    for scenario in catalog()? {
        for key in ["name", "description", "class", "expected_status", "kind"] {
            assert!(scenario[key].is_string(), "{key} of {scenario}");
        }
        let needs = scenario["needs"].as_object().context("no needs")?;
        for (need, wanted) in needs {
            if need == "nr_cpus_min" {
                assert!(wanted.as_u64() >= Some(1), "{scenario}");
            } else if need == "kernel_modules" {
                let names = wanted.as_array().context("no list of modules")?;
                assert!(names.iter().all(Value::is_string), "{scenario}");
            } else {
                assert!(wanted.is_boolean(), "{need} of {scenario}");
            }
        }
    }
    Ok(())
}

#[test]
fn an_end_signal_still_gives_a_report() -> anyhow::Result<()> {
    let lab = Command::new(env!("CARGO_BIN_EXE_livelock-lab"))
        .args(["idle", "--threads", "2", "--duration", "60s"])
        .stdout(Stdio::piped())
        .spawn()?;
    thread::sleep(Duration::from_millis(500));
    let killed = Command::new("kill")
        .args(["-TERM", &lab.id().to_string()])
        .status()?;
    assert!(killed.success());
    let output = lab.wait_with_output()?;
    assert!(output.status.success());
    let report: Value = serde_json::from_slice(&output.stdout)?;
    assert_eq!(report["schema"], "livelock.lab/v1");
    Ok(())
}
