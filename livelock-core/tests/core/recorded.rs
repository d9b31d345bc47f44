//! Recordings of real kernels, judged again.
//!
//! In: `tests/scenarios/*.llrec`, with `expected.json` beside them: what the lab's catalogue says of the load that was
//! recorded. Out: verdicts, compared. Refuses: a folder that is empty or has more positives than look-alikes.

use std::collections::BTreeSet;
use std::path::Path;

use livelock_core::recording::{EndedBy, Played, Player};
use livelock_core::verdict::{CauseClass, Status, Verdict};
use serde::Deserialize;

/// As in `livelock-lab list`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Positive,
    Boundary,
    LookAlike,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    file: String,
    kind: Kind,
    /// Of a positive the status, of others the worst that is allowed.
    status: Status,
    /// Judged if the verdict accuses somebody, and always where it is given for a look-alike or a boundary.
    class: Option<CauseClass>,
    /// The first lock of an accusation that is about one.
    lock: Option<String>,
    /// Locks of the first chain, if that must be a cycle.
    cycle: Option<Vec<String>>,
    /// What the program says instead, if it is known to be wrong.
    #[serde(default)]
    known_miss: Option<String>,
    /// Whether less than [`MIN_NAMED_PCT`] of what burns is known to have a name.
    #[serde(default)]
    known_unnamed: bool,
}

/// Which of these applies to one lock depends on how long CPUs lose their lock holders; the catalogue cannot know.
const ONE_LOCK: [CauseClass; 3] = [
    CauseClass::SpinCollapse,
    CauseClass::HolderPreemption,
    CauseClass::LongHold,
];

fn is_same(class: CauseClass, wanted: CauseClass) -> bool {
    class == wanted || (ONE_LOCK.contains(&class) && ONE_LOCK.contains(&wanted))
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios")
}

fn replay(bytes: &[u8]) -> (Verdict, EndedBy) {
    let mut player = Player::open(bytes).expect("a recording");
    let mut judge = player.opening().judge();
    let mut nr_windows = 0;
    while let Some(played) = player.play().expect("a frame") {
        match played {
            Played::Window {
                window, readings, ..
            } => {
                judge.declare(readings);
                judge.observe(&window, player.names());
                nr_windows += 1;
                if nr_windows % 10 == 0 {
                    let names = player.names();
                    let whole = [judge.verdict(names), judge.recent_verdict(names)];
                    let short = [judge.status(), judge.recent_status()];
                    assert_eq!(whole.map(|verdict| verdict.status), short);
                }
            }
            Played::Rest(rest) => judge.settle(&rest),
        }
    }
    (judge.verdict(player.names()), player.ended_by())
}

/// Status and class in the words of the document.
fn said(verdict: &Verdict) -> String {
    let word = |value: serde_json::Value| value.as_str().map(str::to_owned).expect("a word");
    let status = word(serde_json::json!(verdict.status));
    format!("{status} {}", word(serde_json::json!(verdict.cause.class)))
}

/// What is wrong with a verdict.
fn faults(expected: &Expected, verdict: &Verdict) -> Vec<String> {
    let mut faults = Vec::new();
    let status = verdict.status;
    let is_right = match expected.kind {
        Kind::Positive => status == expected.status,
        Kind::Boundary | Kind::LookAlike => {
            status != Status::CannotTell && status.severity() <= expected.status.severity()
        }
    };
    if !is_right {
        faults.push(format!(
            "status {status:?} instead of {:?}",
            expected.status
        ));
    }
    let is_accused = status.severity() >= Status::Contended.severity();
    let is_judged = is_accused || expected.kind != Kind::Positive;
    let class = verdict.cause.class;
    if let Some(wanted) = expected
        .class
        .filter(|&wanted| is_judged && !is_same(class, wanted))
    {
        faults.push(format!("class {class:?} instead of {wanted:?}"));
    }
    let lock = verdict.locks.first().map(|lock| lock.name.as_str());
    if is_accused && expected.lock.is_some() && lock != expected.lock.as_deref() {
        faults.push(format!("lock {lock:?} instead of {:?}", expected.lock));
    }
    if let Some(wanted) = &expected.cycle {
        let told = verdict.chains.first().filter(|chain| chain.is_cycle);
        let told: Option<Vec<String>> =
            told.map(|chain| chain.links.iter().map(|link| link.lock.clone()).collect());
        if told.as_ref() != Some(wanted) {
            faults.push(format!("cycle {told:?} instead of {wanted:?}"));
        }
    }
    if verdict.accounting.unaccounted != 0 {
        faults.push(format!("open books: {:?}", verdict.accounting));
    }
    faults
}

#[test]
fn every_recording_is_judged_as_its_load_deserves() {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("expected.json");
    let all: Vec<Expected> = serde_json::from_str(&text).expect("expectations");
    assert!(!all.is_empty(), "there is no recording");
    let nr = |is_wanted: fn(Kind) -> bool| all.iter().filter(|e| is_wanted(e.kind)).count();
    let nr_look_alikes = nr(|kind| kind == Kind::LookAlike);
    assert!(
        nr_look_alikes >= nr(|kind| kind == Kind::Positive),
        "fewer look-alikes than positives"
    );
    let mut wrong = Vec::new();
    for expected in &all {
        let bytes = std::fs::read(folder().join(&expected.file))
            .unwrap_or_else(|err| panic!("{}: {err}", expected.file));
        let (verdict, ended_by) = replay(&bytes);
        let mut faults = faults(expected, &verdict);
        if ended_by != EndedBy::Duration {
            faults.push(format!("it ended by {ended_by:?}"));
        }
        if let Some(miss) = &expected.known_miss {
            // Wrong in this way and no other: a new accusation must not hide behind it.
            let said = said(&verdict);
            if faults.is_empty() || said != *miss || verdict.accounting.unaccounted != 0 {
                wrong.push(format!("{}: {said}, known was {miss}", expected.file));
            }
            continue;
        }
        wrong.extend(
            faults
                .into_iter()
                .map(|fault| format!("{}: {fault} ({})", expected.file, verdict.cause.summary)),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// In percent of all CPUs. Below it, a handful of waits of a few microseconds decides what share has a name.
const MIN_BURN_PCT: f64 = 0.5;
/// In percent of what locks burn.
const MIN_NAMED_PCT: f64 = 95.0;

#[test]
fn what_burns_has_the_name_of_its_kind() {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("expected.json");
    let all: Vec<Expected> = serde_json::from_str(&text).expect("expectations");
    let (mut nr_judged, mut unnamed) = (0, Vec::new());
    for expected in &all {
        let bytes = std::fs::read(folder().join(&expected.file)).expect("a recording");
        let (verdict, _) = replay(&bytes);
        let burn_pct: f64 = verdict.locks.iter().map(|lock| lock.burn_pct).sum();
        let Some(named_pct) = verdict.named_burn_pct else {
            assert!(burn_pct == 0.0, "{}: {burn_pct} %", expected.file);
            continue;
        };
        println!(
            "{}: burn {burn_pct:.2} %, named {named_pct:.1} %",
            expected.file
        );
        if burn_pct < MIN_BURN_PCT {
            continue;
        }
        nr_judged += 1;
        if expected.known_unnamed {
            assert!(named_pct < MIN_NAMED_PCT, "{}: named", expected.file);
        } else if named_pct < MIN_NAMED_PCT {
            let worst = verdict
                .locks
                .iter()
                .find(|lock| !lock.name_source.names_class());
            unnamed.push(format!(
                "{}: {named_pct:.1} % of {burn_pct:.2} %, without {:?}",
                expected.file,
                worst.map(|lock| (&lock.name, lock.waiters.first().map(|side| &side.stack)))
            ));
        }
    }
    assert!(nr_judged >= 15, "only {nr_judged} recordings burn anything");
    assert!(unnamed.is_empty(), "{}", unnamed.join("\n"));
}

#[test]
fn each_recording_has_one_expectation() {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("expected.json");
    let all: Vec<Expected> = serde_json::from_str(&text).expect("expectations");
    let listed: BTreeSet<String> = all.iter().map(|e| e.file.clone()).collect();
    assert_eq!(listed.len(), all.len(), "one is listed twice");
    let there: BTreeSet<String> = std::fs::read_dir(folder())
        .expect("the folder")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .filter(|name| name.ends_with(".llrec"))
        .collect();
    assert_eq!(there, listed);
}

/// Scenarios of the lab and modes of the module, as recordings are named.
fn scenarios() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = |path: &str| std::fs::read_to_string(root.join(path)).expect("a list");
    let list =
        text("livelock-lab/src/snapshots/livelock_lab__catalog__tests__the_list_as_json.snap");
    let lab = list.splitn(3, "---\n").nth(2).expect("a snapshot");
    let names = |text: &str| -> Vec<String> {
        let rows: Vec<serde_json::Value> = serde_json::from_str(text).expect("a list");
        let name = |row: &serde_json::Value| row["name"].as_str().map(str::to_owned);
        rows.iter().filter_map(name).collect()
    };
    let modes = names(&text("livelock-truth/modes.json"));
    let modes = modes.into_iter().map(|mode| format!("truth-{mode}"));
    names(lab).into_iter().chain(modes).collect()
}

#[test]
fn each_scenario_has_left_a_recording() {
    let text = std::fs::read_to_string(folder().join("expected.json")).expect("expected.json");
    let all: Vec<Expected> = serde_json::from_str(&text).expect("expectations");
    let has = |scenario: &str| {
        all.iter().any(|expected| {
            let name = expected.file.splitn(3, '-').nth(2).unwrap_or("");
            let name = name.trim_end_matches(".llrec");
            let (first, run) = name.rsplit_once('-').unwrap_or((name, ""));
            name == scenario || (first == scenario && run.parse::<u32>().is_ok())
        })
    };
    let lacking: Vec<String> = scenarios().into_iter().filter(|name| !has(name)).collect();
    assert!(lacking.is_empty(), "no recording of {}", lacking.join(", "));
}
