//! Each class of causes has its page, and what the page says is what the program does.
//!
//! In: docs/verdicts, the detectors, their thresholds, the lab's catalogue. Out: nothing. Refuses: names, numbers and
//! expectations that only one side has.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use livelock_core::detectors::{DETECTORS, Detector};
use livelock_core::verdict::CauseClass;

const SECTIONS: &[&str] = &["Mechanism", "Signals", "Looks like it", "Remedy"];

fn name(class: CauseClass) -> String {
    let json = serde_json::to_string(&class).expect("a class");
    json.trim_matches('"').to_owned()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn page(class: &str) -> String {
    read(&root().join(format!("docs/verdicts/{class}.md")))
}

/// The text without its line breaks.
fn flat(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What stands under a heading.
fn section<'p>(page: &'p str, title: &str) -> Option<&'p str> {
    let (_, rest) = page.split_once(&format!("\n## {title}\n"))?;
    Some(rest.split("\n## ").next().unwrap_or(rest))
}

/// Names in back-ticks that follow `lead` in a row.
fn listed(text: &str, lead: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for part in text.split(lead).skip(1) {
        let mut rest = part.trim_start_matches([':', ' ']);
        while let Some((name, after)) = rest.strip_prefix('`').and_then(|it| it.split_once('`')) {
            found.insert(name.to_owned());
            let next = after.strip_prefix(", ").or(after.strip_prefix(" and "));
            rest = next.or(after.strip_prefix(" or ")).unwrap_or("");
        }
    }
    found
}

fn names(of: &[&str]) -> BTreeSet<String> {
    of.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn classes_and_pages_agree() {
    let folder = root().join("docs/verdicts");
    let index = read(&folder.join("README.md"));
    let mut wanted: BTreeSet<String> = CauseClass::ALL.into_iter().map(name).collect();
    assert_eq!(wanted.len(), CauseClass::ALL.len());
    for class in &wanted {
        let page = page(class);
        for section in SECTIONS {
            assert!(page.contains(section), "{class} lacks {section}");
        }
        assert!(
            index.contains(&format!("({class}.md)")),
            "{class} is not in the index"
        );
    }
    wanted.insert("README".to_owned());
    for file in std::fs::read_dir(folder).expect("the folder").flatten() {
        let path = file.path();
        let stem = path
            .file_stem()
            .map(|stem| stem.to_string_lossy().into_owned());
        assert!(
            stem.is_some_and(|stem| wanted.contains(&stem)),
            "{}",
            path.display()
        );
    }
}

#[test]
fn pages_list_the_functions_and_locks_of_their_detectors() {
    for detector in DETECTORS {
        let class = name(detector.class);
        let page = page(&class);
        let signals = flat(section(&page, "Signals").expect("signals"));
        let functions = listed(&signals, "one of");
        assert_eq!(functions, names(detector.functions), "{class}");
        assert_eq!(listed(&signals, "Names:"), names(detector.locks), "{class}");
    }
}

#[test]
fn pages_give_the_remedies_of_their_detectors() {
    let is_there = |page: &str, text: &str| page.contains(&flat(text).to_lowercase());
    for Detector {
        class, remedies, ..
    } in DETECTORS
    {
        let page = flat(&page(&name(*class))).to_lowercase();
        for (action, reason, _, confirm) in *remedies {
            assert!(is_there(&page, action), "{class:?}: {action}");
            assert!(is_there(&page, reason), "{class:?}: {reason}");
            let command = format!("`{confirm}`");
            assert!(is_there(&page, &command), "{class:?}: {confirm}");
        }
    }
}

/// Constants of `src/thresholds*`, with what they are set to.
fn thresholds() -> BTreeMap<String, String> {
    let sources = root().join("livelock-core/src");
    let parts = std::fs::read_dir(sources.join("thresholds")).expect("the folder");
    let mut files: Vec<PathBuf> = parts.flatten().map(|part| part.path()).collect();
    files.push(sources.join("thresholds.rs"));
    let mut found = BTreeMap::new();
    for file in files {
        let source = read(&file);
        for constant in source.split("pub const ").skip(1) {
            let (name, rest) = constant.split_once(':').expect("a type");
            let (_, rest) = rest.split_once('=').expect("a value");
            let (value, _) = rest.split_once(';').expect("an end");
            found.insert(name.to_owned(), value.trim().to_owned());
        }
    }
    found
}

/// The number that a constant has, of itself or by the name of another.
fn number(constants: &BTreeMap<String, String>, name: &str) -> Option<f64> {
    let value = constants.get(name)?;
    let digits = value.replace('_', "").parse().ok();
    digits.or_else(|| number(constants, value))
}

#[test]
fn pages_give_the_thresholds_of_their_detectors() {
    let constants = thresholds();
    for class in CauseClass::ALL.into_iter().map(name) {
        let page = page(&class);
        let table = section(&page, "Thresholds").unwrap_or("");
        let mut given = BTreeSet::new();
        for row in table.lines().filter_map(|line| line.strip_prefix("| `")) {
            let (constant, rest) = row.split_once("` | ").expect("a constant");
            let (value, _) = rest.split_once(" | ").expect("a value");
            let value: f64 = value.replace('_', "").parse().expect("a number");
            let is = number(&constants, constant);
            assert_eq!(is, Some(value), "{class}: {constant}");
            given.insert(constant.to_owned());
        }
        let detector = root().join(format!("livelock-core/src/detectors/{class}.rs"));
        if !detector.exists() {
            continue;
        }
        for used in read(&detector).split("at::").skip(1) {
            let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
            let constant: String = used.chars().take_while(|c| is_name(*c)).collect();
            assert!(given.contains(&constant), "{class} lacks {constant}");
        }
    }
}

/// Kind and worst status of the lab's scenarios, as its own snapshot of `list --json` has them.
fn catalogue() -> BTreeMap<String, (String, String)> {
    let list = "livelock-lab/src/snapshots/livelock_lab__catalog__tests__the_list_as_json.snap";
    let snapshot = read(&root().join(list));
    let json = snapshot.splitn(3, "---\n").nth(2).expect("a snapshot");
    let all: Vec<serde_json::Value> = serde_json::from_str(json).expect("scenarios");
    let word = |scenario: &serde_json::Value, key: &str| {
        let word = scenario.get(key).and_then(|word| word.as_str());
        word.expect("a word").to_owned()
    };
    all.iter()
        .map(|it| {
            (
                word(it, "name"),
                (word(it, "kind"), word(it, "expected_status")),
            )
        })
        .collect()
}

#[test]
fn pages_expect_of_the_lab_what_its_catalogue_does() {
    let catalogue = catalogue();
    assert!(catalogue.len() > 50, "{}", catalogue.len());
    let mut shown = BTreeSet::new();
    for class in CauseClass::ALL.into_iter().map(name) {
        let page = flat(&page(&class));
        for part in page.split("`livelock-lab ").skip(1) {
            let (scenario, rest) = part.split_once('`').expect("a name");
            let (kind, status) = catalogue
                .get(scenario)
                .unwrap_or_else(|| panic!("{class}: no scenario {scenario}"));
            let expected = format!(" ({kind}, at worst `{status}`)");
            assert!(rest.starts_with(&expected), "{class}: {scenario}{expected}");
            shown.insert(scenario.to_owned());
        }
    }
    let all: BTreeSet<String> = catalogue.into_keys().collect();
    assert_eq!(shown, all, "a scenario is on no page");
}
