//! What may have been meant.
//!
//! In: a name that does not exist, and those that do. Out: the few that are most like it. Refuses: names that are
//! nothing like it.

/// Suggestions in a message.
const MAX_SUGGESTIONS: usize = 3;
/// Likeness from which a name may have been meant; clap uses 0.7 for its few options, and a libc has thousands.
pub(crate) const MIN_LIKENESS: f64 = 0.85;

/// The names most like `wanted`, best first.
pub(crate) fn nearest<'a>(wanted: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    // Of `shop::order::done` symbol tables hold `…4shop5order4done…`.
    let last = wanted.rsplit("::").next().unwrap_or(wanted);
    let mangled = wanted
        .contains("::")
        .then(|| format!("{}{last}", last.len()));
    let score = |name: &str| {
        let is_part = wanted.len() > 2 && name.contains(wanted);
        let is_mangled = mangled.as_ref().is_some_and(|part| name.contains(part));
        let likeness = strsim::jaro_winkler(wanted, name);
        // Shorter names that hold it all are nearer to it.
        if is_part || is_mangled {
            1.0 + 1.0 / (1.0 + name.len() as f64)
        } else {
            likeness
        }
    };
    let mut scored: Vec<(f64, &str)> = names
        .filter(|name| !name.is_empty())
        .map(|name| (score(name), name))
        .filter(|(score, _)| *score >= MIN_LIKENESS)
        .collect();
    scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    scored.dedup_by(|a, b| a.1 == b.1);
    let best = scored.into_iter().take(MAX_SUGGESTIONS);
    best.map(|(_, name)| name.to_owned()).collect()
}

/// `; did you mean …?`, or nothing.
pub(crate) fn suggestion(nearest: &[String]) -> String {
    match nearest {
        [] => String::new(),
        [one] => format!("; did you mean `{one}`?"),
        [rest @ .., last] => format!("; did you mean `{}` or `{last}`?", rest.join("`, `")),
    }
}
