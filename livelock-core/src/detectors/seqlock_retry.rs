//! Readers of a sequence lock that must start over because writers are too frequent: mounts, renames.
//!
//! In: spin on `mount_lock` and `rename_lock`, samples in their readers. Out: a detection. Refuses: to count a reader's work that was not repeated; samples cannot tell the two apart, so that this is where, not how much.

use super::facts::Facts;
use super::shared::place_or_work;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::SeqlockRetry,
    &[
        "mount_lock*", "rename_lock*",
    ],
    &[
        "lock_mount_hash", "__legitimize_mnt", "legitimize_mnt", "__lookup_mnt", "lookup_mnt",
        "prepend_path", "d_path", "__d_path", "is_subdir", "path_is_under", "d_move", "__d_move",
        "d_exchange", "attach_recursive_mnt", "umount_tree", "mnt_get_count", "mntput_no_expire",
        "mnt_want_write*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "throttle the writer: fewer mounts and unmounts at once, fewer renames of directories",
        "each write makes all readers start over",
        "mounts and renames take longer",
        "perf trace -s -e mount,umount2,move_mount,renameat2; wc -l /proc/self/mountinfo",
    ),
    (
        "keep paths short and mounts few where they are read often",
        "the longer a reader takes, the more often it is interrupted",
        "a change of the layout of files and containers",
        "wc -l /proc/self/mountinfo",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    place_or_work(
        detector,
        facts,
        "reading what is being changed: mounts or names",
    )
}
