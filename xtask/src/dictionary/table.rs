//! The table in docs/lock-names.md.
//!
//! In: the page and what the check found. Out: the page with the present table. Refuses: a page without the marks
//! between which the table stands.

use anyhow::Context as _;

use super::check::{Outcome, Symbols};

const BEGIN: &str = "<!-- table of cargo xtask dictionary -->\n";
const END: &str = "<!-- end of the table -->\n";

/// The page with its table made anew.
pub(super) fn in_page(
    page: &str,
    outcome: &Outcome,
    kernels: &[Symbols],
) -> anyhow::Result<String> {
    let marks = "the page has no marks for the table";
    let (before, rest) = page.split_once(BEGIN).context(marks)?;
    let (_, after) = rest.split_once(END).context(marks)?;
    Ok(format!(
        "{before}{BEGIN}{}{END}{after}",
        table(outcome, kernels)
    ))
}

fn table(outcome: &Outcome, kernels: &[Symbols]) -> String {
    let releases: Vec<&str> = kernels.iter().map(|k| k.release.as_str()).collect();
    let names: Vec<&str> = kernels.iter().map(|k| k.kernel.as_str()).collect();
    let mut text = format!(
        "{} functions of {} locks, and {} of detectors and spin loops, on {}.\n\n",
        outcome.nr_functions,
        outcome.rows.len(),
        outcome.nr_patterns,
        releases.join(", ")
    );
    text.push_str(&format!(
        "| lock | what it guards | functions in {} | not everywhere |\n|---|---|---|---|\n",
        names.join(" / ")
    ));
    for row in &outcome.rows {
        let found: Vec<String> = row.nr_found.iter().map(usize::to_string).collect();
        text.push_str(&format!(
            "| `{}` | {} | {} | {} |\n",
            row.name,
            row.object,
            found.join(" / "),
            row.special.join(", ")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::check::Row;
    use super::*;

    #[test]
    fn the_table_replaces_the_one_before() {
        let outcome = Outcome {
            rows: vec![Row {
                name: "a.b".to_owned(),
                object: "a thing".to_owned(),
                nr_found: vec![2, 1],
                special: vec!["`f` (before 7.3)".to_owned()],
            }],
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
        assert!(
            !fresh.contains("old") && fresh.ends_with("below\n"),
            "{fresh}"
        );
        assert!(in_page("no marks", &outcome, &[]).is_err());
    }
}
