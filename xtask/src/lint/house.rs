//! Rules of this house that no other tool checks.
//!
//! In: every Rust file of the repository. Out: all violations at once. Refuses: an exception that is
//! not listed here with its reason, and a listed one that is no longer needed.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

/// A file has one reason to change; past this many lines it usually has two.
const MAX_LINES: usize = 400;

/// Files that may be longer, and why.
const LONG_FILES: &[(&str, &str)] = &[];

/// Folders without sources of ours, by the end of their path.
const SKIPPED: &[&str] = &["target", "fuzz/corpus", "fuzz/artifacts"];

/// Checks every Rust file.
pub(super) fn check(root: &Path) -> anyhow::Result<()> {
    eprintln!("lint: rules of the house");
    let mut files = Vec::new();
    collect(root, &mut files)?;
    files.sort();
    let mut violations = Vec::new();
    for path in &files {
        let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
        let text = fs::read_to_string(path)
            .with_context(|| format!("failed to read {}", path.display()))?;
        let found = violations_in(&name, &text, LONG_FILES);
        violations.extend(found.into_iter().map(|what| format!("{name}: {what}")));
    }
    for (name, _) in LONG_FILES {
        if !root.join(name).is_file() {
            violations.push(format!("{name}: listed as long, but not there"));
        }
    }
    if violations.is_empty() {
        return Ok(());
    }
    bail!(
        "rules of the house are broken:\n  {}",
        violations.join("\n  ")
    )
}

fn collect(dir: &Path, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = fs::read_dir(dir).with_context(|| format!("failed to read {}", dir.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("failed to read {}", dir.display()))?;
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let kind = entry
            .file_type()
            .with_context(|| format!("failed to look at {}", path.display()))?;
        if kind.is_dir()
            && !name.starts_with('.')
            && !SKIPPED.iter().any(|skipped| path.ends_with(skipped))
        {
            collect(&path, files)?;
        } else if kind.is_file() && name.ends_with(".rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn violations_in(name: &str, text: &str, long_files: &[(&str, &str)]) -> Vec<String> {
    let mut violations = Vec::new();
    if !text.starts_with("//!") {
        violations.push(
            "does not open with `//!`: what comes in, what goes out, what it refuses".to_owned(),
        );
    }
    let nr_lines = text.lines().count();
    let is_listed = long_files.iter().any(|(listed, _)| *listed == name);
    if nr_lines > MAX_LINES && !is_listed {
        violations.push(format!(
            "{nr_lines} lines; split it below {MAX_LINES}, or list it with a reason in xtask/src/lint/house.rs"
        ));
    }
    if nr_lines <= MAX_LINES && is_listed {
        violations.push(format!(
            "{nr_lines} lines are few enough; take it off the list in xtask/src/lint/house.rs"
        ));
    }
    for (number, line) in (1..).zip(text.lines()) {
        if is_allow(line) {
            violations.push(format!(
                "line {number}: `allow`; write `#[expect(lint, reason = \"…\")]`, which tells when it is no longer needed"
            ));
        }
    }
    violations
}

/// Is this an attribute that allows a lint, alone or within another attribute?
fn is_allow(line: &str) -> bool {
    let line = line.trim_start();
    let is_attribute = line.starts_with("#[") || line.starts_with("#![");
    line.starts_with("allow(") || (is_attribute && line.contains("allow("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_follows_the_rules_passes() {
        let text = "//! In, out, refuses.\n#[expect(dead_code, reason = \"x\")]\nfn allow() { allow_all(1) }\n";
        assert_eq!(violations_in("a.rs", text, &[]), Vec::<String>::new());
    }

    #[test]
    fn each_rule_is_told() {
        assert_eq!(violations_in("a.rs", "use std::fs;\n", &[]).len(), 1);
        for line in [
            "#[allow(dead_code)]",
            "#![cfg_attr(test, allow(unused))]",
            "    allow(unused),",
        ] {
            let text = format!("//! In.\n{line}\n");
            assert_eq!(violations_in("a.rs", &text, &[]).len(), 1, "{line}");
        }
        let lines = |nr: usize| format!("//! In.\n{}", "\n".repeat(nr - 1));
        assert_eq!(violations_in("a.rs", &lines(MAX_LINES), &[]).len(), 0);
        assert_eq!(violations_in("a.rs", &lines(MAX_LINES + 1), &[]).len(), 1);
        let listed = &[("a.rs", "a table")];
        assert_eq!(
            violations_in("a.rs", &lines(MAX_LINES + 1), listed).len(),
            0
        );
        assert_eq!(violations_in("a.rs", &lines(MAX_LINES), listed).len(), 1);
    }
}
