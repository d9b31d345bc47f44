//! One bucket of the futex hash.
//!
//! In: spin on `futex_hash_bucket.lock`. Out: a detection. Refuses: futex waits that sleep.

use super::Detector;
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::FutexBucket,
    &[
        "futex_hash_bucket.lock",
    ],
    &[
        "futex_*", "__futex_*", "do_futex",
        "handle_futex_death",
    ],
    REMEDIES,
);

const REMEDIES: &[super::Row] = &[
    (
        "let fewer threads wait on one futex word: shard the condition, or use one eventfd or queue per worker",
        "all waiters of a word share one hash bucket and its lock",
        "a change of the program",
        "livelock diagnose",
    ),
    (
        "on 6.17 or newer give the process its own futex hash (PR_FUTEX_HASH), on older kernels upgrade",
        "unrelated futexes collide in the global hash",
        "a change of the program, or a reboot for the upgrade; some memory a process",
        "uname -r",
    ),
];
