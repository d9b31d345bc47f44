//! Scopes of tasks on this machine's kernel: storms outside are not counted, storms inside are, forks are followed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::tool::{Running, assert_accounting_closes, document, livelock, number, text};
use crate::turn;

/// A control group that goes away with the test.
struct Group(PathBuf);

impl Group {
    /// Below the root; `None` with a printed reason if there can be none.
    fn new(test: &str) -> Option<Self> {
        let mounts = fs::read_to_string("/proc/self/mounts").expect("/proc/self/mounts");
        let of_version2 = |line: &str| {
            let mut words = line.split(' ').skip(1);
            let mount = words.next()?;
            (words.next()? == "cgroup2").then(|| PathBuf::from(mount))
        };
        let Some(mount) = mounts.lines().find_map(of_version2) else {
            turn::skip(test, "cgroup v2 is not mounted");
            return None;
        };
        let directory = mount.join(format!("livelock-live-{}", std::process::id()));
        match fs::create_dir(&directory) {
            Ok(()) => Some(Self(directory)),
            Err(error) => {
                turn::skip(test, &format!("no control group can be made: {error}"));
                None
            }
        }
    }

    /// Its path as in `/proc/PID/cgroup`.
    fn path(&self) -> String {
        let name = self.0.file_name().expect("a name");
        format!("/{}", name.to_string_lossy())
    }

    /// A group inside.
    fn below(&self, name: &str) -> Self {
        let directory = self.0.join(name);
        fs::create_dir(&directory).expect("a group below");
        Self(directory)
    }

    /// Runs a command of the shell in it.
    fn run(&self, command: &str) -> Running {
        let procs = self.0.join("cgroup.procs");
        shell(&format!("echo $$ > {} && {command}", procs.display()))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // Whoever ran in it was killed, and is gone in a moment.
        for _ in 0..100 {
            if fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

fn shell(command: &str) -> Running {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    Running::start(&mut shell)
}

/// `diagnose` of a scope: the document, and what it said on the side.
fn diagnose(scope: [&str; 2], duration: &str) -> (Value, String) {
    let output = livelock(["diagnose", "--format", "json", "--duration", duration])
        .args(scope)
        .output()
        .expect("livelock starts");
    let verdict = document(&output);
    assert_accounting_closes(&verdict);
    (verdict, text(&output.stderr))
}

fn begun(verdict: &Value) -> u64 {
    number(verdict, "/accounting/nr_begun")
}

fn storm(lab: &Path) -> String {
    format!("exec {} fd-table --threads 4 --duration 60s", lab.display())
}

#[test]
fn a_control_group_counts_its_own_waits_and_those_below_it() {
    let test = "scope: control group";
    let Some((_turn, lab)) = turn::attach_with_lab(test) else {
        return;
    };
    let Some(group) = Group::new(test) else {
        return;
    };
    let inside = group.below("inside");
    let outside = shell(&storm(&lab));
    std::thread::sleep(Duration::from_millis(500));
    let (verdict, _) = diagnose(["--cgroup", &group.path()], "2s");
    assert_eq!(begun(&verdict), 0, "{}", verdict["accounting"]);
    assert_eq!(verdict["status"], "healthy", "{}", verdict["cause"]);
    assert_eq!(verdict["scope"]["cgroup"], group.path().as_str());
    assert!(verdict["time"]["steal_pct"].is_null());
    drop(outside);

    let _storm = inside.run(&storm(&lab));
    std::thread::sleep(Duration::from_millis(500));
    for typed in [group.path(), group.0.display().to_string()] {
        let (verdict, _) = diagnose(["--cgroup", &typed], "2s");
        assert!(begun(&verdict) > 0, "{typed}: {}", verdict["accounting"]);
        assert!(
            verdict["busy_pct"].as_f64() > Some(0.0),
            "{}",
            verdict["time"]
        );
        assert_eq!(verdict["scope"]["cgroup"], group.path().as_str());
        let sources = verdict["progress"]["tokens_per_sec"].as_object();
        assert!(sources.is_some_and(|tokens| !tokens.contains_key("packets")));
    }
}

#[test]
fn a_process_counts_its_own_waits_only() {
    let Some((_turn, lab)) = turn::attach_with_lab("scope: process") else {
        return;
    };
    let storm = shell(&storm(&lab));
    let bystander = shell("exec sleep 60");
    std::thread::sleep(Duration::from_millis(500));
    let (verdict, _) = diagnose(["--pid", &bystander.pid().to_string()], "2s");
    assert_eq!(begun(&verdict), 0, "{}", verdict["accounting"]);
    assert_eq!(verdict["status"], "healthy", "{}", verdict["cause"]);
    let (verdict, _) = diagnose(["--pid", &storm.pid().to_string()], "2s");
    assert!(begun(&verdict) > 0, "{}", verdict["accounting"]);
    assert_eq!(number(&verdict, "/scope/pid"), u64::from(storm.pid()));
    assert!(
        verdict["busy_pct"].as_f64() > Some(0.0),
        "{}",
        verdict["time"]
    );
}

#[test]
fn processes_forked_later_belong_to_the_tree_also_without_their_parent() {
    let Some((_turn, lab)) = turn::attach_with_lab("scope: forks") else {
        return;
    };
    // The shell in between ends at once, so that only the fork tells whose the storm is.
    let tree = shell(&format!(
        "sleep 2; sh -c '{} fd-table --threads 4 --duration 3s & exit'; sleep 60",
        lab.display()
    ));
    let (verdict, _) = diagnose(["--pid", &tree.pid().to_string()], "6s");
    assert!(begun(&verdict) > 0, "{}", verdict["accounting"]);
    assert!(
        verdict["busy_pct"].as_f64() > Some(1.0),
        "{}",
        verdict["time"]
    );
}

#[test]
fn a_tree_of_short_lives_is_booked_whole() {
    let Some(_turn) = turn::attach("scope: short lives") else {
        return;
    };
    let tree = shell("while :; do sh -c 'i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done'; done");
    let began = std::time::Instant::now();
    let (verdict, _) = diagnose(["--pid", &tree.pid().to_string()], "3s");
    // What their parent says they spent, in CPUs; others may use this machine as well.
    let spent_cpus = reaped_secs(tree.pid()) / began.elapsed().as_secs_f64();
    if spent_cpus < 0.3 {
        turn::skip("scope: short lives", "others use this machine");
        return;
    }
    // The tree could use two CPUs at most: one a process.
    let least_pct = 100.0 * spent_cpus / 2.0;
    assert!(
        verdict["busy_pct"].as_f64() > Some(least_pct),
        "{spent_cpus} CPUs, {}",
        verdict["time"]
    );
    assert!(
        verdict["user_pct"].as_f64() > Some(20.0),
        "{}",
        verdict["time"]
    );
}

/// CPU time of the children that `pid` has reaped: `cutime` and `cstime`, proc_pid_stat(5).
fn reaped_secs(pid: u32) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, rest) = stat.rsplit_once(')').expect("a name");
    let words = rest.split_ascii_whitespace().skip(13).take(2);
    let ticks: u64 = words.map(|word| word.parse::<u64>().expect("ticks")).sum();
    // SAFETY: takes a number.
    let user_hz = unsafe { libc::sysconf(libc::_SC_CLK_TCK) };
    ticks as f64 / user_hz as f64
}

#[test]
fn system_calls_of_the_scope_are_seen_at_probe_level_1() {
    let Some((_turn, lab)) = turn::attach_with_lab("scope: level 1") else {
        return;
    };
    let calls = format!(
        "exec {} futex-words --threads 4 --duration 60s",
        lab.display()
    );
    let busy = shell(&calls);
    let pid = busy.pid().to_string();
    let again = |verdict: &Value| verdict["activity"]["errnos_per_sec"]["11"].as_f64();
    // Level 1 comes where CPUs are busy, and hardly with user code; others may use this machine as well.
    let is_suspicious = |verdict: &Value| {
        verdict["busy_pct"].as_f64() > Some(90.0) && verdict["user_pct"].as_f64() < Some(40.0)
    };
    for (scope, is_of_tasks) in [(["--pid", &pid], true), (["--max-level", "1"], false)] {
        let (verdict, _) = diagnose(scope, "4s");
        if !is_suspicious(&verdict) {
            let others = format!("others use this machine: busy {}", verdict["busy_pct"]);
            turn::skip("scope: level 1", &others);
            continue;
        }
        assert!(again(&verdict) > Some(1000.0), "{scope:?}: {verdict}");
        let groups = verdict["activity"]["groups"].as_array().expect("groups");
        let names: Vec<_> = groups.iter().map(|group| &group["group"]).collect();
        assert!(names.iter().any(|name| *name == "syscalls"), "{names:?}");
        if is_of_tasks {
            let interrupts = &verdict["activity"]["softirqs"];
            assert!(interrupts.is_null(), "they belong to no task");
        }
    }
    let bystander = shell("exec sleep 60");
    let (verdict, _) = diagnose(["--pid", &bystander.pid().to_string()], "2s");
    assert!(verdict["activity"].is_null(), "{}", verdict["activity"]);
}

#[test]
fn a_process_that_ends_meanwhile_ends_nothing_else() {
    let Some(_turn) = turn::attach("scope: ends meanwhile") else {
        return;
    };
    let mut short = shell("exec sleep 1");
    let pid = short.pid().to_string();
    let reaper = std::thread::spawn(move || short.wait());
    let (verdict, said) = diagnose(["--pid", &pid], "3s");
    assert!(said.contains("no task any more"), "{said}");
    assert_eq!(verdict["status"], "healthy", "{}", verdict["cause"]);
    assert!(reaper.join().is_ok());
}

#[test]
fn a_scope_that_does_not_exist_is_exit_code_2() {
    let Some(_turn) = turn::attach("scope: refusals") else {
        return;
    };
    for (scope, said) in [
        (["--cgroup", "/livelock/no/such/group"], "type"),
        (["--cgroup", "/"], "leave --cgroup out"),
        (["--pid", "4194303"], "there is no process 4194303"),
    ] {
        for job in ["diagnose", "export", "watch"] {
            let output = livelock([job])
                .args(scope)
                .output()
                .expect("livelock starts");
            let stderr = text(&output.stderr);
            assert_eq!(output.status.code(), Some(2), "{job} {scope:?}: {stderr}");
            assert!(stderr.contains(said), "{job} {scope:?}: {stderr}");
            assert_eq!(text(&output.stdout), "", "nothing was observed");
        }
    }
}
