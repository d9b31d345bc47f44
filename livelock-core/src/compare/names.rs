//! Names that only one side has.
//!
//! In: two verdicts. Out: classes, locks and callers that appeared or vanished. Refuses: names of next to nothing, and
//! to call a name new that the other side has with a smaller share.

use std::collections::BTreeMap;

use super::report::{Appeared, NameChanges};
use crate::locks::path_function;
use crate::thresholds::{COMPARE_MIN_BURN_PCT, COMPARE_NR_NAMES};
use crate::verdict::{CauseClass, Verdict};

/// Share by name; `None` is always worth a line.
type Shares = BTreeMap<String, Option<f64>>;

pub(super) fn classes(a: &Verdict, b: &Verdict) -> NameChanges {
    changes(&classes_of(a), &classes_of(b))
}

pub(super) fn locks(a: &Verdict, b: &Verdict) -> NameChanges {
    changes(&locks_of(a), &locks_of(b))
}

pub(super) fn callers(a: &Verdict, b: &Verdict) -> NameChanges {
    changes(&callers_of(a), &callers_of(b))
}

/// The word that stands for a class in documents: its name in lower case with underscores.
pub(super) fn class_word(class: CauseClass) -> String {
    let mut word = String::new();
    for char in format!("{class:?}").chars() {
        if char.is_ascii_uppercase() && !word.is_empty() {
            word.push('_');
        }
        word.push(char.to_ascii_lowercase());
    }
    word
}

fn classes_of(verdict: &Verdict) -> Shares {
    let mut shares = Shares::new();
    for also in &verdict.cause.also {
        shares.insert(class_word(also.class), Some(also.share_pct));
    }
    if verdict.cause.class != CauseClass::None {
        shares.insert(class_word(verdict.cause.class), None);
    }
    shares
}

fn locks_of(verdict: &Verdict) -> Shares {
    let mut shares = Shares::new();
    for lock in &verdict.locks {
        add(&mut shares, &lock.name, lock.spin_pct());
    }
    shares
}

/// Functions that wait, with the burn of their locks by the share of their paths.
fn callers_of(verdict: &Verdict) -> Shares {
    let mut shares = Shares::new();
    for lock in &verdict.locks {
        for side in &lock.waiters {
            if let Some(function) = path_function(&side.stack) {
                add(
                    &mut shares,
                    function,
                    lock.spin_pct() * side.share_pct / 100.0,
                );
            }
        }
    }
    shares
}

fn add(shares: &mut Shares, name: &str, pct: f64) {
    let share = shares.entry(name.to_owned()).or_insert(Some(0.0));
    *share = share.map(|sum| sum + pct);
}

fn changes(a: &Shares, b: &Shares) -> NameChanges {
    NameChanges {
        appeared: only_in(b, a),
        vanished: only_in(a, b),
    }
}

fn only_in(here: &Shares, there: &Shares) -> Vec<Appeared> {
    let is_new = |(name, share): &(&String, &Option<f64>)| {
        !there.contains_key(*name) && share.is_none_or(|pct| pct >= COMPARE_MIN_BURN_PCT)
    };
    let mut only: Vec<Appeared> = here
        .iter()
        .filter(is_new)
        .map(|(name, share)| Appeared {
            name: name.clone(),
            share_pct: *share,
        })
        .collect();
    let rank = |one: &Appeared| one.share_pct.unwrap_or(f64::INFINITY);
    only.sort_by(|x, y| {
        rank(y)
            .total_cmp(&rank(x))
            .then_with(|| x.name.cmp(&y.name))
    });
    only.truncate(COMPARE_NR_NAMES);
    only
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_has_the_word_of_its_document() {
        for class in CauseClass::ALL {
            assert_eq!(serde_json::json!(class), class_word(class), "{class:?}");
        }
    }

    #[test]
    fn a_name_is_new_if_the_other_side_lacks_it_and_it_matters() {
        let shares = |pairs: &[(&str, Option<f64>)]| -> Shares {
            pairs
                .iter()
                .map(|&(name, share)| (name.to_owned(), share))
                .collect()
        };
        let a = shares(&[("both", Some(50.0)), ("gone", Some(3.0))]);
        let b = shares(&[
            ("both", Some(0.1)),
            ("small", Some(0.2)),
            ("new", Some(9.0)),
            ("cause", None),
        ]);
        let changes = changes(&a, &b);
        let names = |list: &[Appeared]| list.iter().map(|one| one.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&changes.appeared), ["cause", "new"]);
        assert_eq!(names(&changes.vanished), ["gone"]);
    }
}
