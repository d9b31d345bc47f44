//! A recorded live lock, looked at.

use std::path::{Path, PathBuf};

use crate::tmux::Tmux;

/// A live lock of Debian's 6.1 with 6 CPUs.
pub(crate) fn recording() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../livelock-core/tests/scenarios/6.1-6-fd-table-1.llrec")
}

/// The command that replays it full-screen, with `options` behind.
pub(crate) fn replay(options: &str) -> String {
    let program = env!("CARGO_BIN_EXE_livelock");
    let recording = recording();
    format!("{program} replay {} watch {options}", recording.display())
}

#[test]
fn a_live_lock_is_seen_searched_frozen_and_written() {
    let Some(tmux) = Tmux::start("full screen of a recording", 100, 30) else {
        return;
    };
    tmux.run(&replay("--color never"));
    let over = tmux.wait_for("recording over");
    assert!(tmux.is_full_screen());
    for text in [
        " LIVE LOCK ",
        "high confidence, since",
        "files_struct.file_lock",
        "X spin",
        "burn",
        "progress",
        "q quit",
    ] {
        assert!(over.contains(text), "no {text:?} in:\n{over}");
    }

    tmux.keys("?");
    tmux.wait_for("write a report");
    tmux.keys("Escape");
    tmux.wait_for("q quit");

    tmux.keys("/ z z z Enter");
    tmux.wait_for("none of the");
    tmux.keys("Escape");
    tmux.wait_for("locks by");
    tmux.keys("Enter");
    let lock = tmux.wait_for("lock 1 of");
    assert!(
        lock.contains("waiting") && lock.contains("holding"),
        "{lock}"
    );
    // An escape and what follows it at once are one key to a program that reads late.
    tmux.keys("Escape");
    tmux.wait_for("locks by");
    tmux.keys("BTab Enter");
    tmux.wait_for("time(utc)");
    tmux.keys("Escape");
    tmux.wait_for("locks by");
    tmux.keys("[ [");
    tmux.wait_for("FROZEN, 2 newer");

    tmux.keys("w");
    let written = tmux.wait_for("wrote livelock-");
    tmux.keys("[ ] w");
    tmux.wait_for("-2.html");
    let mut names: Vec<String> = std::fs::read_dir(tmux.folder())
        .expect("the folder")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with("livelock-"))
        .collect();
    names.sort();
    assert_eq!(names.len(), 6, "{names:?}\n{written}");
    let text = std::fs::read_to_string(tmux.folder().join(&names[5])).expect("a report");
    assert!(text.starts_with("LIVE LOCK"), "{text}");
    let json = names
        .iter()
        .find(|name| name.ends_with("Z.json"))
        .expect("a document");
    let json = std::fs::read_to_string(tmux.folder().join(json)).expect("a document");
    let verdict: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(verdict["status"], "livelock");

    let page = names.iter().find(|name| name.ends_with("Z.html"));
    let page = std::fs::read_to_string(tmux.folder().join(page.expect("a page"))).expect("a page");
    assert!(page.contains("<h1>LIVE LOCK</h1>"), "{page}");

    tmux.keys("q");
    let (code, shown) = tmux.exit_code();
    assert_eq!(code, 11, "{shown}");
    assert!(shown.contains("# ended by q after"), "{shown}");
    assert!(shown.contains("# livelock (confidence high)"), "{shown}");
}

#[test]
fn it_fits_every_size_while_it_is_resized() {
    let Some(tmux) = Tmux::start("resizing", 80, 24) else {
        return;
    };
    tmux.run(&replay("--ascii"));
    tmux.wait_for("recording over");
    for (width, height) in [(200u16, 50u16), (60, 12), (120, 40), (80, 24)] {
        tmux.resize(width, height);
        let shown = tmux.wait_until("frame of this size", |shown| {
            let rows: Vec<&str> = shown.lines().collect();
            let rule = rows.iter().find(|row| row.starts_with("-"));
            // Until it is drawn anew, the emulator shows a part of the frame before.
            rows.first()
                .is_some_and(|row| row.starts_with(" LIVE LOCK "))
                && rows.len() == usize::from(height)
                && rule.is_some_and(|rule| rule.len() == usize::from(width))
                && rows.last().is_some_and(|row| row.contains("q quit"))
        });
        assert!(shown.is_ascii(), "{shown}");
    }
    tmux.resize(30, 8);
    tmux.wait_for("is too small");
    tmux.keys("q");
    assert_eq!(tmux.exit_code().0, 11);
}

#[test]
fn colours_can_be_had_and_left() {
    let Some(tmux) = Tmux::start("colours", 80, 24) else {
        return;
    };
    // What `capture-pane -e` writes for the red behind a spinning CPU.
    let has_background = |painted: &str| painted.contains("\u{1b}[48;5;1m");
    for (command, is_painted) in [
        (replay(""), true),
        (format!("NO_COLOR=1 {}", replay("")), false),
        (format!("NO_COLOR=1 {}", replay("--color always")), true),
        (replay("--color never"), false),
    ] {
        tmux.run(&command);
        tmux.wait_for("recording over");
        let painted = tmux.painted();
        assert_eq!(
            has_background(&painted),
            is_painted,
            "{command}:\n{painted}"
        );
        tmux.keys("q");
        assert_eq!(tmux.exit_code().0, 11);
    }
}

#[test]
fn without_a_terminal_it_prints_lines() {
    let Some(tmux) = Tmux::start("a pipe behind watch", 100, 30) else {
        return;
    };
    tmux.run(&format!("{} | tail -n 3", replay("")));
    let (code, shown) = tmux.exit_code();
    assert_eq!(code, 0, "of tail: {shown}");
    assert!(shown.contains("# the time is over after"), "{shown}");
    tmux.run(&format!("TERM=dumb {}", replay("")));
    let (code, shown) = tmux.exit_code();
    assert_eq!(code, 11, "{shown}");
    assert!(shown.contains("# the time is over after"), "{shown}");
    tmux.run(&replay("--plain"));
    assert_eq!(tmux.exit_code().0, 11);
}
