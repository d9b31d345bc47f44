//! Counters in text.
//!
//! In: what a file holds or a command prints. Out: a counter. Refuses: to guess; text without the key, or without
//! a number behind it, is `None`.

/// The number that `text` begins with: `123`, `123 kB`, `1.5e6`. Fractions are cut off.
#[must_use]
pub fn counter(text: &str) -> Option<u64> {
    number(text.split_whitespace().next()?)
}

/// The number in the first line that reads `KEY value`, `KEY: value` or `KEY=value`.
#[must_use]
pub fn keyed_value(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let rest = line.trim_start().strip_prefix(key)?;
        let value = rest.trim_start_matches([':', '=']);
        let is_separate = value.len() < rest.len() || rest.starts_with(char::is_whitespace);
        is_separate.then(|| counter(value)).flatten()
    })
}

/// The sum over all lines of a control group's file: of `KEY=value` wherever it stands, or of `KEY value`.
#[must_use]
pub fn keyed_sum(text: &str, key: &str) -> Option<u64> {
    let of_line = |line: &str| {
        let mut words = line.split_whitespace();
        let mut first = words.clone();
        if first.next() == Some(key) {
            return first.next().and_then(number);
        }
        words.find_map(|word| number(word.strip_prefix(key)?.strip_prefix('=')?))
    };
    text.lines()
        .filter_map(of_line)
        .fold(None, |sum: Option<u64>, nr| {
            Some(sum.unwrap_or(0).saturating_add(nr))
        })
}

/// Keys that `text` has, for suggestions.
pub(super) fn keys(text: &str) -> Vec<&str> {
    let mut keys: Vec<&str> = text
        .lines()
        .flat_map(|line| {
            let first = line.split([':', '=', ' ', '\t']).find(|s| !s.is_empty());
            let pairs = line
                .split_whitespace()
                .filter_map(|word| Some(word.split_once('=')?.0));
            first.into_iter().chain(pairs)
        })
        .filter(|key| !key.chars().all(|c| c.is_ascii_digit()))
        .collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

fn number(word: &str) -> Option<u64> {
    if let Ok(value) = word.parse::<u64>() {
        return Some(value);
    }
    if !word.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let value = word.parse::<f64>().ok()?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked: finite, not negative and below 2^64"
    )]
    (value.is_finite() && (0.0..18_446_744_073_709_551_616.0).contains(&value))
        .then_some(value as u64)
}
