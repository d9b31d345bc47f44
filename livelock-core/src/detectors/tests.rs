//! The detectors as data: nothing claimed twice, nothing without a page or a remedy.

use std::collections::BTreeSet;

use super::shared::matches;
use super::{DETECTORS, class_of_function, class_of_lock};
use crate::cause_class::CauseClass;
use crate::lock_dictionary::dictionary;

#[test]
fn each_class_has_one_detector() {
    let classes: BTreeSet<CauseClass> = DETECTORS.iter().map(|d| d.class).collect();
    assert_eq!(classes.len(), DETECTORS.len());
}

#[test]
fn no_function_is_typical_of_two_classes() {
    let all = || {
        DETECTORS
            .iter()
            .flat_map(|d| d.functions.iter().map(move |f| (d.class, *f)))
    };
    for (class, pattern) in all() {
        let name = pattern.trim_end_matches('*');
        for (other, other_pattern) in all() {
            let is_same = class == other;
            assert!(
                is_same || !matches(other_pattern, name),
                "{pattern} of {class:?} is {other_pattern} of {other:?} as well"
            );
        }
    }
}

#[test]
fn no_lock_belongs_to_two_classes() {
    for lock in dictionary().locks() {
        let classes: Vec<_> = DETECTORS
            .iter()
            .filter(|d| d.locks.iter().any(|p| matches(p, &lock.name)))
            .map(|d| d.class)
            .collect();
        assert!(classes.len() <= 1, "{}: {classes:?}", lock.name);
    }
}

#[test]
fn every_remedy_says_why_what_it_costs_and_how_to_confirm() {
    for detector in DETECTORS {
        // Those of a collapse are its lock's.
        let is_of_lock = detector.class == CauseClass::SpinCollapse;
        let class = detector.class;
        assert_eq!(detector.remedies.is_empty(), is_of_lock, "{class:?}");
        for (action, reason, cost, confirm) in detector.remedies {
            assert!(!action.is_empty() && !reason.is_empty());
            assert!(!cost.is_empty() && !confirm.is_empty());
        }
    }
}

#[test]
fn names_find_their_class() {
    assert_eq!(
        class_of_function("futex_q_lock"),
        Some(CauseClass::FutexBucket)
    );
    assert_eq!(
        class_of_function("smp_call_function_many_cond"),
        Some(CauseClass::IpiStorm)
    );
    assert_eq!(class_of_function("vfs_read"), None);
    assert_eq!(class_of_lock("dentry.d_lockref"), Some(CauseClass::Lockref));
    assert_eq!(class_of_lock("files_struct.file_lock"), None);
}
