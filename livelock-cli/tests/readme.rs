//! What the README shows is what the renderer prints for a verdict that was really given.
//!
//! In: `docs/examples/headline-verdict.json`, recorded in a guest. Out: pass or fail. Refuses: a README
//! that drifts from the program.

#[cfg(test)]
mod tests {
    use std::path::Path;

    use livelock_cli::render::{Style, verdict_text};
    use livelock_core::verdict::Verdict;

    fn text_of(path: &str) -> String {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        std::fs::read_to_string(root.join(path)).expect(path)
    }

    /// The fenced block after `mark`.
    fn block_after<'text>(text: &'text str, mark: &str) -> &'text str {
        let (_, tail) = text.split_once(mark).expect(mark);
        let (_, tail) = tail.split_once("```text\n").expect("a fenced block");
        tail.split_once("```").expect("its end").0
    }

    #[test]
    fn the_headline_is_what_the_program_prints() {
        let verdict: Verdict =
            serde_json::from_str(&text_of("docs/examples/headline-verdict.json"))
                .expect("a verdict");
        let printed = verdict_text(&verdict, Style::new(false, None));
        let readme = text_of("README.md");
        let shown = block_after(&readme, "<!-- headline -->");
        assert!(shown.lines().count() > 20, "the block is there to be read");
        assert!(
            printed.starts_with(shown),
            "README.md shows something else than the program prints:\n{printed}"
        );
    }
}
