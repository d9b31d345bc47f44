//! The tables in docs/lock-names.md.
//!
//! In: the page and what the check found. Out: the page with the present tables. Refuses: a page without the marks
//! between which they stand.

use anyhow::Context as _;

use super::check::{Outcome, Row, Symbols};

const BEGIN: &str = "<!-- tables of cargo xtask dictionary -->\n";
const END: &str = "<!-- end of the tables -->\n";

/// The page with its tables made anew.
pub(super) fn in_page(
    page: &str,
    outcome: &Outcome,
    kernels: &[Symbols],
) -> anyhow::Result<String> {
    let marks = "the page has no marks for the tables";
    let (before, rest) = page.split_once(BEGIN).context(marks)?;
    let (_, after) = rest.split_once(END).context(marks)?;
    Ok(format!(
        "{before}{BEGIN}{}{END}{after}",
        tables(outcome, kernels)
    ))
}

/// How much was held against the kernels.
pub(super) fn counts(outcome: &Outcome) -> String {
    format!(
        "{} functions of {} locks, {} in which a CPU spins, idles or does something with a lock, and {} of detectors",
        outcome.nr_functions,
        outcome.locks.len(),
        outcome.nr_with_role,
        outcome.nr_patterns
    )
}

fn tables(outcome: &Outcome, kernels: &[Symbols]) -> String {
    let releases: Vec<&str> = kernels.iter().map(|k| k.release.as_str()).collect();
    let names: Vec<&str> = kernels.iter().map(|k| k.kernel.as_str()).collect();
    let names = names.join(" / ");
    format!(
        "{}, on {}.\n\n{}\n{}",
        counts(outcome),
        releases.join(", "),
        table(["role", "a CPU in it"], &names, &outcome.roles),
        table(["lock", "what it guards"], &names, &outcome.locks)
    )
}

fn table(titles: [&str; 2], names: &str, rows: &[Row]) -> String {
    let [name, meaning] = titles;
    let mut text = format!(
        "| {name} | {meaning} | functions in {names} | not everywhere |\n|---|---|---|---|\n"
    );
    for row in rows {
        let found: Vec<String> = row.nr_found.iter().map(usize::to_string).collect();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            row.name,
            row.meaning,
            found.join(" / "),
            row.special.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_tables_replace_those_before() {
        let row = |name: &str, meaning: &str| Row {
            name: name.to_owned(),
            meaning: meaning.to_owned(),
            nr_found: vec![2, 1],
            special: vec!["`f` (before 7.3)".to_owned()],
        };
        let outcome = Outcome {
            locks: vec![row("a.b", "a thing")],
            roles: vec![row("spin", "spins")],
            nr_functions: 2,
            ..Outcome::default()
        };
        let kernel = |name: &str| Symbols {
            kernel: name.to_owned(),
            release: format!("{name}.0"),
            functions: BTreeSet::new(),
        };
        let page = format!("above\n{BEGIN}old\n{END}below\n");
        let fresh = in_page(&page, &outcome, &[kernel("6.1"), kernel("7.3")]).unwrap();
        assert!(fresh.contains("| `a.b` | a thing | 2 / 1 | `f` (before 7.3) |\n"));
        assert!(fresh.contains("| `spin` | spins | 2 / 1 | `f` (before 7.3) |\n"));
        assert!(
            !fresh.contains("old") && fresh.ends_with("below\n"),
            "{fresh}"
        );
        assert!(in_page("no marks", &outcome, &[]).is_err());
    }
}
