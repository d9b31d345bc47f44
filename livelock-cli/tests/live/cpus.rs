//! Scopes of CPUs on this machine's kernel: what another CPU achieves is not theirs, live and replayed.

use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tool::{Running, assert_accounting_closes, document, livelock, text};
use crate::turn;

/// Two CPUs of this machine; `None` with a printed reason.
fn two_cpus(test: &str) -> Option<[String; 2]> {
    let taskset = Command::new("taskset").args(["-cp", "1"]).output();
    if !taskset.is_ok_and(|output| output.status.success()) {
        turn::skip(test, "there is no `taskset` to pin a load with");
        return None;
    }
    let stat = std::fs::read_to_string("/proc/stat").expect("/proc/stat");
    let numbers = stat.lines().filter_map(|line| {
        let number = line.split(' ').next()?.strip_prefix("cpu")?;
        (!number.is_empty()).then(|| number.to_owned())
    });
    let cpus: Vec<String> = numbers.take(2).collect();
    let two = cpus.try_into().ok();
    if two.is_none() {
        turn::skip(test, "this machine has one CPU");
    }
    two
}

/// Forks and faults all the time, there.
fn load_on(cpu: &str) -> Running {
    let mut command = Command::new("taskset");
    command
        .args(["-c", cpu, "sh", "-c", "while :; do /bin/true; done"])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Running::start(&mut command)
}

fn is_crowded() -> bool {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let one_minute = load.split(' ').next().and_then(|word| word.parse().ok());
    one_minute.is_none_or(|load: f64| load > 2.0)
}

fn tokens(verdict: &Value) -> &Value {
    &verdict["progress"]["tokens_per_sec"]
}

#[test]
fn tokens_of_a_cpu_are_its_own_and_the_same_when_replayed() {
    let test = "scope: CPUs";
    let Some(_turn) = turn::attach(test) else {
        return;
    };
    let Some([loaded, other]) = two_cpus(test) else {
        return;
    };
    let was_crowded = is_crowded();
    let _load = load_on(&loaded);
    let recording = Path::new(env!("CARGO_TARGET_TMPDIR")).join("scope-cpus.llrec");
    let recording = recording.display().to_string();
    let mut rates = Vec::new();
    for cpu in [&loaded, &other] {
        let _ = std::fs::remove_file(&recording);
        let output = livelock(["diagnose", "--format", "json", "--duration", "2s"])
            .args(["--cpu", cpu, "--record", &recording])
            .output()
            .expect("livelock starts");
        let verdict = document(&output);
        assert_accounting_closes(&verdict);
        let seen = tokens(&verdict).as_object().expect("tokens by source");
        for host_only in ["forks", "block_completions"] {
            assert!(!seen.contains_key(host_only), "{seen:?}");
        }
        let cpus: Vec<_> = verdict["cpus"]
            .as_array()
            .expect("CPUs")
            .iter()
            .map(|entry| entry["cpu"].to_string())
            .collect();
        assert_eq!(cpus, [cpu.as_str()]);
        let replayed = livelock(["replay", &recording, "diagnose", "--format", "json"])
            .output()
            .expect("livelock starts");
        let replayed = document(&replayed);
        assert_eq!(tokens(&replayed), tokens(&verdict));
        assert_eq!(replayed["cpus"], verdict["cpus"]);
        let spots = verdict["blind_spots"].as_array().expect("blind spots");
        if let Some(spot) = spots.iter().find(|spot| spot["id"] == "uncounted-cpus") {
            assert!(!seen.contains_key("page_faults"), "{seen:?}");
            turn::skip(test, &spot["what"].to_string());
            return;
        }
        rates.push(tokens(&verdict)["page_faults"].as_f64());
    }
    let _ = std::fs::remove_file(&recording);
    if was_crowded {
        turn::skip(test, "others use this machine");
        return;
    }
    let [Some(there), Some(elsewhere)] = rates[..] else {
        panic!("page faults were not counted: {rates:?}");
    };
    assert!(there > 4.0 * elsewhere, "{rates:?}");
}

#[test]
fn every_window_of_a_stream_tells_of_each_cpu() {
    let Some(_turn) = turn::attach("stream: CPUs") else {
        return;
    };
    let output = livelock(["export", "--duration", "1s", "--window", "300ms"])
        .output()
        .expect("livelock starts");
    let lines = text(&output.stdout);
    let records = lines
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let windows: Vec<Value> = records
        .filter(|record| record["record"] == "window")
        .collect();
    assert!(!windows.is_empty());
    for window in windows {
        let cpus = window["cpus"].as_array().expect("CPUs");
        assert!(!cpus.is_empty());
        for cpu in cpus {
            let fields = cpu.as_object().expect("an object");
            let seen: f64 = fields
                .iter()
                .filter(|(name, _)| name.ends_with("_pct"))
                .filter_map(|(_, pct)| pct.as_f64())
                .sum();
            // Ticks and the clock of windows are not the same.
            assert!((80.0..=120.0).contains(&seen), "{cpu}");
        }
    }
}
