//! The frames that the documentation shows are those that the program draws.

use std::path::Path;

use crate::replayed::replay;
use crate::tmux::Tmux;

/// The fenced block after `mark` in a page.
fn shown_in(page: &str, mark: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(page);
    let text = std::fs::read_to_string(&path).expect(page);
    let (_, tail) = text.split_once(mark).expect(mark);
    let (_, tail) = tail.split_once("```text\n").expect("a fenced block");
    tail.split_once("```").expect("its end").0.to_owned()
}

fn trimmed(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    lines.join("\n").trim_end().to_owned()
}

#[test]
fn the_pages_show_what_a_terminal_shows() {
    let Some(tmux) = Tmux::start("the frames of the documentation", 100, 30) else {
        return;
    };
    let shows_page_at = |mark: &str| {
        let page = trimmed(&shown_in("docs/watch.md", mark));
        let what = format!("frame that docs/watch.md shows at {mark}");
        tmux.wait_until(&what, |shown| trimmed(shown) == page);
    };
    tmux.run(&replay("--color never"));
    tmux.wait_for("recording over");
    shows_page_at("<!-- overview -->");
    tmux.keys("Enter");
    shows_page_at("<!-- lock -->");
    tmux.keys("q");
    assert_eq!(tmux.exit_code().0, 11);
}
