//! A page of this machine, and this machine compared with its own past.

use std::path::Path;

use crate::tool::{document, run, text};
use crate::turn;

#[test]
fn a_page_is_written_of_this_host_and_it_is_compared_with_a_recording() {
    let Some(_turn) = turn::attach("report and compare") else {
        return;
    };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = |name: &str| folder.join(name).display().to_string();

    let page = file("live.html");
    let output = run(&format!("report live -d 1500ms -w 200ms -o {page}"));
    assert!(
        matches!(output.status.code(), Some(0 | 4 | 10 | 11)),
        "{}",
        text(&output.stderr)
    );
    let html = std::fs::read_to_string(&page).expect("the page");
    assert!(html.contains("report live -d 1500ms"), "the command");
    assert!(
        html.contains("--duration 1500ms --window 200ms"),
        "the same again"
    );

    let recording = file("past.llrec");
    run(&format!("record -q -d 2s -w 200ms -o {recording}"));
    let output = run(&format!("compare {recording} live -d 2s -w 200ms --json"));
    let compared = document(&output);
    assert_eq!(compared["schema"], "livelock.compare/v1");
    assert_eq!(compared["a"]["kind"], "recording");
    assert_eq!(compared["b"]["kind"], "live");
    assert_eq!(
        compared["a"]["host"]["hostname"],
        compared["b"]["host"]["hostname"]
    );
    let expected = match compared["outcome"].as_str() {
        Some("better" | "different" | "no_difference") => 0,
        Some("worse" | "mixed") => 10,
        Some("cannot_tell") => 4,
        other => panic!("{other:?}"),
    };
    assert_eq!(output.status.code(), Some(expected));
    let _ = std::fs::remove_dir_all(&folder);
}
