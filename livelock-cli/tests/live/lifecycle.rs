//! A tool that is killed or stopped.

use std::collections::BTreeSet;
use std::process::Stdio;
use std::time::{Duration, Instant, SystemTime};

use crate::kernel_objects::{self, KernelObject, Kind};
use crate::tool::{Running, assert_accounting_closes, livelock, number, sum};
use crate::turn;

/// Kills at moments spread over this time: from the first instruction to well after the first window.
const LIFE: Duration = Duration::from_millis(1500);

/// How often it is killed.
const NR_KILLS: u32 = 6;

/// The kernel frees programs and maps after grace periods. Another tool on this machine that happens
/// to use the same names has this long to end.
const GRACE: Duration = Duration::from_secs(15);

fn watch() -> Running {
    let mut command = livelock(["watch", "--json", "--window", "300ms"]);
    Running::start(command.stdout(Stdio::piped()))
}

/// Names of what one session loads. Maps are not all held by a descriptor, so new ones are its own.
fn names_of_a_session(before: &BTreeSet<KernelObject>) -> BTreeSet<(Kind, String)> {
    let mut running = watch();
    let mut lines = running.lines();
    // Header and first window: everything is attached.
    let nr_lines = lines.by_ref().take(2).count();
    assert_eq!(nr_lines, 2, "it ended early");
    let held = kernel_objects::held_by(running.pid());
    let new: BTreeSet<_> = kernel_objects::all().difference(before).cloned().collect();
    assert!(held.is_subset(&new), "{held:?} are not all in {new:?}");
    let of_kind = |kind| new.iter().filter(|object| object.kind == kind).count();
    assert!(of_kind(Kind::Program) >= 3, "{new:?}");
    assert!(of_kind(Kind::Map) >= 3, "{new:?}");
    let names = new.into_iter().map(|object| (object.kind, object.name));
    names.collect()
}

#[test]
fn nothing_outlives_a_kill() {
    let Some(_turn) = turn::attach("kill -9") else {
        return;
    };
    let before = kernel_objects::all();
    let names = names_of_a_session(&before);
    for number in 0..NR_KILLS {
        let running = watch();
        let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let jitter = f64::from(since_epoch.unwrap_or_default().subsec_nanos()) / 1e9;
        std::thread::sleep(LIFE.mul_f64((f64::from(number) + jitter) / f64::from(NR_KILLS)));
        running.signal(libc::SIGKILL);
    }
    let killed = Instant::now();
    loop {
        let left: Vec<KernelObject> = kernel_objects::all()
            .difference(&before)
            .filter(|object| names.contains(&(object.kind, object.name.clone())))
            .cloned()
            .collect();
        if left.is_empty() {
            return;
        }
        assert!(killed.elapsed() < GRACE, "left behind: {left:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

#[test]
fn a_stopped_reader_loses_nothing_silently() {
    let Some((_turn, lab)) = turn::attach_with_lab("SIGSTOP under fd-table") else {
        return;
    };
    let _lab = Running::lab(&lab, "fd-table --duration 60s");
    let mut running = watch();
    let mut lines = running.lines();
    assert!(lines.next().is_some(), "it ended early");
    std::thread::sleep(Duration::from_millis(600));
    running.signal(libc::SIGSTOP);
    std::thread::sleep(Duration::from_secs(5));
    running.signal(libc::SIGCONT);
    std::thread::sleep(Duration::from_millis(600));
    running.signal(libc::SIGINT);
    let last = lines.map_while(Result::ok).last().expect("a summary");
    assert_eq!(running.wait().code(), Some(130));
    let summary: serde_json::Value = serde_json::from_str(&last).expect("JSON");
    assert_eq!(summary["record"], "summary", "{summary}");
    assert_accounting_closes(&summary);
    // Nobody emptied the rings for 5 s: 495 samples a CPU for 128 places. What did not fit is told,
    // and what is told adds up.
    let nr_samples = number(&summary, "/accounting/detail_lost/sample_ring_full");
    assert!(nr_samples >= 300, "{summary}");
    let nr_detail_lost = sum(&summary, "/accounting/detail_lost");
    assert_eq!(number(&summary, "/nr_detail_lost"), nr_detail_lost);
}
