//! Declared progress on this machine's kernel: exact counts, stalls, and what is refused.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::kernel_objects::{self, KernelObject};
use crate::tool::{Running, document, livelock, text};
use crate::turn;

/// A folder that goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let name = format!("livelock-live-{test}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for temporary files");
        Self(path)
    }

    fn join(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left over harms nobody.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// `diagnose --format json` with these arguments, while `load` runs.
fn diagnose(args: &[&str], load: impl FnOnce()) -> (Value, Option<i32>) {
    let mut command = livelock(["diagnose", "--format", "json"]);
    command
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().expect("livelock starts");
    // Attached to the tracepoints, and a moment for the first reading. On a machine under load both take many
    // times what they usually do.
    let is_attached = || {
        let held = kernel_objects::held_by(child.id());
        held.iter()
            .any(|object| object.name.starts_with("contention_"))
    };
    for _ in 0..200 {
        if is_attached() {
            break;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    std::thread::sleep(Duration::from_millis(1500));
    load();
    let output = child.wait_with_output().expect("livelock ends");
    (document(&output), output.status.code())
}

fn source(verdict: &Value, index: usize) -> &Value {
    &verdict["progress"]["declared"][index]
}

/// What a source counted in the whole run.
fn counted(verdict: &Value, index: usize) -> f64 {
    let rate = source(verdict, index)["rate_per_sec"].as_f64();
    let duration_ns = verdict["window"]["duration_ns"].as_f64();
    rate.expect("a rate") * duration_ns.expect("a duration") / 1e9
}

/// A program that calls a function of its own and hits a probe with a semaphore `N` times each.
fn program(folder: &Folder) -> Option<String> {
    const SOURCE: &str = r#"
#include <stdlib.h>
unsigned short shop_semaphore __attribute__((section(".probes"), used));
__attribute__((noinline)) void order_done(void) { __asm__ volatile("nop"); }
__attribute__((noinline)) void probe(void) {
  if (shop_semaphore) __asm__ volatile(
    "990: nop\n .pushsection .note.stapsdt,\"\",\"note\"\n .balign 4\n .4byte 992f-991f,994f-993f,3\n"
    "991: .asciz \"stapsdt\"\n 992: .balign 4\n 993: .8byte 990b\n .8byte 0\n .8byte shop_semaphore\n"
    ".asciz \"shop\"\n .asciz \"order__done\"\n .asciz \"\"\n 994: .balign 4\n .popsection\n" ::: "memory");
}
int main(int argc, char **argv) {
  for (int i = atoi(argv[1]); i > 0; i--) { order_done(); probe(); }
  return 0;
}
"#;
    let (source, program) = (folder.join("shop.c"), folder.join("shop"));
    std::fs::write(&source, SOURCE).expect("a source file");
    let cc = Command::new("cc")
        .args(["-O1", "-no-pie", "-o", &program, &source])
        .status();
    cc.is_ok_and(|status| status.success()).then_some(program)
}

#[test]
fn calls_in_short_lived_processes_are_counted_to_the_last() {
    let Some(_turn) = turn::attach("declared calls") else {
        return;
    };
    let folder = Folder::new("calls");
    let Some(program) = program(&folder) else {
        turn::skip("declared calls", "there is no C compiler");
        return;
    };
    let (nr_runs, nr_calls) = (20, 500);
    let function = format!("uprobe:{program}:order_done");
    let probe = format!("usdt:{program}:shop:order__done");
    let args = [
        "--duration",
        "12s",
        "--progress",
        &function,
        "--expect",
        "rate>=100",
        "--progress",
        &probe,
        "--progress",
        "tp:sched:sched_process_exit",
    ];
    let (verdict, _) = diagnose(&args, || {
        for _ in 0..nr_runs {
            let status = Command::new(&program).arg(nr_calls.to_string()).status();
            assert!(status.is_ok_and(|status| status.success()));
        }
    });
    let expected = f64::from(nr_runs * nr_calls);
    for index in [0, 1] {
        let nr = counted(&verdict, index);
        assert!(
            (nr - expected).abs() < 0.5,
            "{nr}: {}",
            source(&verdict, index)
        );
    }
    assert!(counted(&verdict, 2) >= f64::from(nr_runs), "{verdict}");
    assert_eq!(source(&verdict, 0)["spec"], function.as_str());
    assert_eq!(source(&verdict, 0)["name"], "shop:order_done");
    assert_eq!(source(&verdict, 0)["expectation"], "rate>=100");
}

#[test]
fn a_stopped_counter_is_seen_and_does_not_accuse_computation() {
    let Some((_turn, lab)) = turn::attach_with_lab("declared stall") else {
        return;
    };
    let folder = Folder::new("stall");
    let counter = folder.join("orders");
    std::fs::write(&counter, "7\n").expect("a counter");
    let _lab = Running::lab(&lab, "compute --threads 8 --duration 60s");
    let spec = format!("file:{counter}");
    let ticks = "exec:echo $(( $(date +%s%N) / 1000000 ))";
    let late = format!("exec:test -e {counter} || sleep 5; cat {counter}");
    let args = [
        "--duration",
        "6s",
        "--window",
        "1s",
        "--progress",
        &spec,
        "--progress",
        ticks,
        "--expect",
        "zero>3s",
        "--progress",
        &late,
    ];
    let (verdict, code) = diagnose(&args[..6], || ());
    let stalled = source(&verdict, 0);
    assert_eq!(stalled["state"], "stalled", "{stalled}");
    assert_eq!(stalled["rate_per_sec"], 0.0, "{stalled}");
    assert_eq!(verdict["status"], "busy", "{}", verdict["cause"]);
    assert_eq!(verdict["progress"]["state"], "stalled");
    assert_eq!(code, Some(0));
    let against = verdict["against"].as_array().expect("a list");
    assert!(
        against
            .iter()
            .any(|one| one["source"] == "declared_progress"),
        "{against:?}"
    );
    // One that moves keeps pace beside it; one that is late or failed is unknown, not zero.
    let (verdict, _) = diagnose(&args, || {
        std::fs::remove_file(&counter).expect("the counter")
    });
    assert_eq!(
        source(&verdict, 1)["state"],
        "keeps_pace",
        "{}",
        source(&verdict, 1)
    );
    let rate = source(&verdict, 1)["rate_per_sec"]
        .as_f64()
        .expect("a rate");
    assert!(
        (900.0..1100.0).contains(&rate),
        "milliseconds a second: {rate}"
    );
    assert_ne!(source(&verdict, 2)["state"], "keeps_pace");
    assert_eq!(verdict["progress"]["state"], "normal");
}

#[test]
fn what_does_not_exist_is_exit_code_2_and_says_what_to_type() {
    let Some(_turn) = turn::attach("declared refusals") else {
        return;
    };
    let this = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let script = format!("uprobe:{}:main", this.display());
    for (spec, said) in [
        (
            "tp:sched:sched_process_exitt",
            "did you mean `sched:sched_process_exit`",
        ),
        (
            "tp:nowhere:sched_process_exit",
            "did you mean `sched:sched_process_exit`",
        ),
        (&*script, "is not a program or library in ELF format"),
        (
            "uprobe:livelock-no-such-program:main",
            "type its absolute path",
        ),
        ("file:/proc/meminfo", "type file:PATH:KEY"),
        ("file:/proc/meminfo:MemFre", "did you mean `MemFree`?"),
        ("file:/proc/no-such-file", "cannot be read"),
        ("cgroup:/proc/stat:no_such_key", "has no key `no_such_key`"),
        ("exec:exit 3", "failed with exit status: 3"),
        ("exec:sleep 30", "type a longer --window"),
    ] {
        let output = livelock(["export", "--progress", spec])
            .output()
            .expect("livelock starts");
        let stderr = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{spec}: {stderr}");
        assert!(stderr.contains(said), "{spec}: {stderr}");
        assert_eq!(text(&output.stdout), "", "{spec}: nothing was observed");
    }
}

#[test]
fn probes_are_there_if_asked_for_and_go_away_with_the_process() {
    let Some(_turn) = turn::attach("declared probes after kill -9") else {
        return;
    };
    let counts = |object: &KernelObject| object.name.starts_with("declared_");
    for (args, is_asked_for) in [
        (
            &["export", "--progress", "tp:sched:sched_process_exit"][..],
            true,
        ),
        (&["export", "--progress", "file:/proc/stat:ctxt"][..], false),
        (&["export"][..], false),
    ] {
        let mut command = livelock(args);
        let mut running = Running::start(command.stdout(Stdio::piped()));
        let mut lines = running.lines();
        let header = lines.next();
        assert!(header.is_some_and(|line| line.is_ok()), "it has attached");
        let held: Vec<_> = kernel_objects::held_by(running.pid())
            .into_iter()
            .filter(counts)
            .collect();
        assert_eq!(!held.is_empty(), is_asked_for, "{args:?}: {held:?}");
        running.signal(libc::SIGKILL);
        running.wait();
        let is_gone = (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            let all = kernel_objects::all();
            held.iter().all(|object| !all.contains(object))
        });
        assert!(is_gone, "{held:?}");
    }
}
