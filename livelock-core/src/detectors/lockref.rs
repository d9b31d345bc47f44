//! References to one directory entry: lockref and path walks.
//!
//! In: spin on `d_lockref`, samples in lockref and path-walk functions. Out: a detection. Refuses: path walks that do not spin.

use super::Detector;
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::Lockref,
    &[
        "dentry.*",
    ],
    &[
        "lockref_*", "__lockref_*", "legitimize_path", "try_to_unlazy*", "complete_walk",
        "fast_dput", "dput", "lock_for_kill", "d_walk", "shrink_dentry_list", "__dentry_kill",
        "d_alloc", "d_lookup", "__d_lookup",
    ],
    REMEDIES,
);

const REMEDIES: &[super::Row] = &[
    (
        "let workers use directories and files of their own instead of one shared deep path",
        "each open and close of a path takes and drops a reference on every entry that leaves the lock-free walk",
        "a change of the layout of files",
        "perf trace -s -e openat; livelock diagnose",
    ),
    (
        "trim negative entries: echo 2 > /proc/sys/vm/drop_caches in a quiet moment, or limit the cgroup",
        "walks over millions of negative entries hold the lock for long",
        "look-ups are slow until the caches are warm again",
        "cat /proc/sys/fs/dentry-state",
    ),
];
