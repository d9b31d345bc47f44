//! `livelock compare`: recordings of one load and of different loads, documents, exit codes.
//!
//! In: the program, recordings of real kernels. Out: pass or fail. Refuses: pairs that are not named after their loads.

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::process::{Command, Output};

    use serde_json::Value;

    fn folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../livelock-core/tests/scenarios")
    }

    fn compare(a: &Path, b: &Path, words: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_livelock"))
            .arg("compare")
            .args([a, b])
            .args(words)
            .output()
            .expect("the program")
    }

    fn document(a: &Path, b: &Path) -> (Value, Option<i32>) {
        let output = compare(a, b, &["--json"]);
        let document = serde_json::from_slice(&output.stdout).expect("JSON");
        (document, output.status.code())
    }

    fn recordings() -> Vec<PathBuf> {
        let mut all: Vec<PathBuf> = std::fs::read_dir(folder())
            .expect("recordings")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|ending| ending == "llrec"))
            .collect();
        all.sort();
        assert!(all.len() >= 40, "only {} recordings", all.len());
        all
    }

    #[test]
    fn every_recording_is_no_different_from_itself() {
        let mut nr = 0;
        for path in recordings() {
            let (document, code) = document(&path, &path);
            let outcome = document["outcome"].as_str().expect("a word");
            if document["a"]["nr_windows"].as_u64() < Some(5) {
                assert_eq!(
                    (outcome, code),
                    ("cannot_tell", Some(4)),
                    "{}",
                    path.display()
                );
                continue;
            }
            nr += 1;
            assert_eq!(
                (outcome, code),
                ("no_difference", Some(0)),
                "{}",
                path.display()
            );
            for part in ["classes", "locks", "callers"] {
                assert_eq!(
                    document[part]["appeared"],
                    serde_json::json!([]),
                    "{}",
                    path.display()
                );
            }
            assert_eq!(
                document["caveats"].as_array().map_or(9, |all| {
                    // What was lost is told of both sides, and nothing else can differ.
                    all.iter()
                        .filter(|caveat| caveat["id"] != "lost_events")
                        .count()
                }),
                0,
                "{}",
                path.display()
            );
        }
        assert!(nr >= 30, "only {nr} have windows enough");
    }

    #[test]
    fn a_live_lock_is_worse_than_a_look_alike_and_the_look_alike_better() {
        let look_alikes = [
            "6.1-6-futex-words-1",
            "6.1-6-unix-pingpong-1",
            "6.1-6-pipe-pingpong-1",
        ];
        let live_locks = [
            "6.1-6-fd-table-1",
            "6.1-6-futex-bucket-1",
            "6.1-6-kill-one-1",
        ];
        let path = |name: &str| folder().join(format!("{name}.llrec"));
        for good in look_alikes {
            for bad in live_locks {
                let (document, code) = self::document(&path(good), &path(bad));
                assert_eq!(
                    (document["outcome"].as_str(), code),
                    (Some("worse"), Some(10)),
                    "{good}, {bad}"
                );
                let appeared = &document["classes"]["appeared"];
                assert!(
                    appeared.as_array().is_some_and(|all| !all.is_empty()),
                    "{good}, {bad}: {appeared}"
                );
                let (document, code) = self::document(&path(bad), &path(good));
                assert_eq!(
                    (document["outcome"].as_str(), code),
                    (Some("better"), Some(0)),
                    "{bad}, {good}"
                );
            }
        }
    }

    #[test]
    fn other_kernels_and_cpus_are_told() {
        let (document, _) = document(
            &folder().join("6.18-2-futex-words.llrec"),
            &folder().join("6.1-6-futex-words-1.llrec"),
        );
        let caveats = document["caveats"].as_array().expect("a list");
        for id in ["other_kernel", "other_cpus"] {
            assert!(
                caveats.iter().any(|caveat| caveat["id"] == id),
                "{id}: {caveats:?}"
            );
        }
    }

    #[test]
    fn documents_can_be_compared_and_other_files_cannot() {
        let scratch = std::env::temp_dir().join(format!("livelock-compare-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).expect("a folder");
        let recording = folder().join("6.1-6-fd-table-1.llrec");
        let verdict = Command::new(env!("CARGO_BIN_EXE_livelock"))
            .arg("replay")
            .arg(&recording)
            .args(["diagnose", "--format", "json"])
            .output()
            .expect("the program");
        let path = scratch.join("verdict.json");
        std::fs::write(&path, &verdict.stdout).expect("a document");
        let (compared, code) = document(&path, &recording);
        assert_eq!(
            (compared["outcome"].as_str(), code),
            (Some("no_difference"), Some(0))
        );
        assert_eq!(compared["a"]["kind"], "verdict");
        assert!(compared["changes"][0]["p_value"].is_null());

        let text = scratch.join("text.txt");
        for (content, words) in [
            ("neither", "neither a recording nor a verdict document"),
            ("\u{1}\u{5}5", "neither a recording nor a verdict document"),
            (
                "{\"record\": \"header\"}\n{\"record\": \"summary\"}\n",
                "a stream of `export`",
            ),
            (
                "{\"schema\": \"livelock.verdict/v9\"}",
                "it is livelock.verdict/v9",
            ),
            ("{\"schema\": \"livelock.verdict/v1\"}", "missing field"),
            ("{}", "no verdict document"),
        ] {
            std::fs::write(&text, content).expect("a file");
            let output = compare(&recording, &text, &[]);
            assert_eq!(output.status.code(), Some(1));
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(said.contains(words), "{said}");
        }
        std::fs::remove_dir_all(&scratch).expect("the folder");
    }

    /// A recording, a symbolic and a hard link to it, and a recording of another name.
    fn linked(name: &str) -> (PathBuf, [PathBuf; 3], PathBuf) {
        let scratch = std::env::temp_dir().join(format!("livelock-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&scratch).expect("a folder");
        let [one, symbolic, hard, other] =
            ["one.llrec", "symbolic", "hard", "other.llrec"].map(|name| scratch.join(name));
        std::fs::copy(folder().join("6.1-6-fd-table-1.llrec"), &one).expect("a copy");
        std::fs::copy(folder().join("6.18-2-idle.llrec"), &other).expect("a copy");
        std::os::unix::fs::symlink(&one, &symbolic).expect("a link");
        std::fs::hard_link(&one, &hard).expect("a link");
        (scratch, [one, symbolic, hard], other)
    }

    #[test]
    fn no_output_destroys_what_it_is_made_of() {
        let (scratch, names, other) = linked("destroys");
        let one = &names[0];
        let before = std::fs::read(one).expect("a recording");
        let other_name = other.to_str().expect("UTF-8");
        for name in &names {
            for words in [
                vec!["report", "ONE"],
                vec!["report", "-"],
                vec!["replay", "ONE", "report"],
                vec!["replay", "ONE", "diagnose"],
                vec!["replay", "-", "diagnose"],
                vec!["replay", "ONE", "export"],
                vec!["replay", "ONE", "export", "--format", "csv"],
                vec!["compare", "ONE", other_name],
                vec!["compare", other_name, "ONE"],
            ] {
                let words = words.into_iter().map(|word| match word {
                    "ONE" => one.as_os_str(),
                    _ => word.as_ref(),
                });
                let output = Command::new(env!("CARGO_BIN_EXE_livelock"))
                    .args(words.clone())
                    .arg("-o")
                    .arg(name)
                    .stdin(std::fs::File::open(one).expect("a recording"))
                    .output()
                    .expect("the program");
                let words: Vec<_> = words.collect();
                assert_eq!(output.status.code(), Some(2), "{words:?}");
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(said.contains("type another name"), "{words:?}: {said}");
                let now = std::fs::read(one).expect("a recording");
                assert!(now == before, "{words:?} wrote to it");
            }
        }
        // A name that is there and is nobody's input is replaced as before.
        let output = Command::new(env!("CARGO_BIN_EXE_livelock"))
            .arg("report")
            .arg(one)
            .arg("-o")
            .arg(&other)
            .output()
            .expect("the program");
        assert_eq!(output.status.code(), Some(11));
        let page = std::fs::read(&other).expect("a page");
        assert!(page.starts_with(b"<!DOCTYPE html>") || page.starts_with(b"<!doctype html>"));
        std::fs::remove_dir_all(&scratch).expect("the folder");
    }

    #[test]
    fn the_first_line_is_the_answer() {
        let recording = folder().join("6.1-6-fd-table-1.llrec");
        let idle = folder().join("6.18-2-idle.llrec");
        for (a, b, word) in [
            (&idle, &recording, "WORSE"),
            (&recording, &recording, "NO DIFFERENCE"),
        ] {
            let output = compare(a, b, &[]);
            let text = String::from_utf8(output.stdout).expect("UTF-8");
            assert!(text.starts_with(word), "{text}");
            assert_eq!(
                compare(a, b, &[]).stdout,
                text.as_bytes(),
                "the same bytes again"
            );
        }
    }

    #[test]
    fn the_page_shows_what_is_printed() {
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/compare.md");
        let page = std::fs::read_to_string(page).expect("the page");
        let (_, shown) = page
            .split_once("$ livelock compare 6.1-6-unix-pingpong-1.llrec 6.1-6-fd-table-1.llrec\n")
            .expect("the example");
        let (shown, _) = shown.split_once("```").expect("its end");
        let output = Command::new(env!("CARGO_BIN_EXE_livelock"))
            .current_dir(folder())
            .args([
                "compare",
                "6.1-6-unix-pingpong-1.llrec",
                "6.1-6-fd-table-1.llrec",
            ])
            .output()
            .expect("the program");
        assert_eq!(String::from_utf8(output.stdout).expect("UTF-8"), shown);
    }
}
