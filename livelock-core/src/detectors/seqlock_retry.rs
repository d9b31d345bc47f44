//! Readers of a sequence lock that must start over because writers are too frequent: mounts, renames.
//!
//! In: spin on `mount_lock` and `rename_lock`, samples in their readers; reads of any sequence counter that were counted. Out: a detection. Refuses: to call a reader's work repeated that was not counted; samples cannot tell the two apart, so that they say where, not how much.

use super::facts::{Facts, sampled};
use super::shared::{attempts, failed, place_or_work};
use super::{Detection, Detector, Nature};
use crate::attempts::AttemptKind;
use crate::cause_class::CauseClass;
use crate::thresholds as at;

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
        "find who writes what the named function reads, and let it write less often or in batches",
        "a read that takes longer than the pause between two writes never ends",
        "what is written is seen later",
        "livelock diagnose --format json; perf record -a -g sleep 1",
    ),
    (
        "keep paths short and mounts few where they are read often",
        "the longer a reader takes, the more often it is interrupted",
        "a change of the layout of files and containers",
        "wc -l /proc/self/mountinfo",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let what = "reading what is being changed: mounts or names";
    let named = place_or_work(detector, facts, what);
    let counted = counted(detector, facts);
    match (counted, named) {
        // What was counted is sure.
        (Some(counted), Some(named))
            if named.nature == Nature::Place && named.share > counted.share =>
        {
            Some(named)
        }
        (Some(counted), _) => Some(counted),
        (None, named) => named,
    }
}

/// Reads were counted, and start over.
fn counted(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let share = facts.profile.tried_in_vain(AttemptKind::SeqRead);
    if share < at::PLACE_SHARE {
        return None;
    }
    let (functions, rates) = attempts(facts, AttemptKind::SeqRead);
    let nr = format!(
        "{:.0} guarded reads a second where they were counted, of which {:.0} need not start over",
        rates.tried_per_sec, rates.succeeded_per_sec
    );
    let text = format!("{functions}, in reads that start over");
    Some(Detection {
        class: detector.class,
        nature: Nature::Place,
        share,
        evidence: vec![
            sampled(facts, &text, share, at::PLACE_SHARE),
            failed(
                rates,
                at::READS_FAILED_SHARE,
                format!("{nr}, in {functions}"),
            ),
        ],
        summary: format!(
            "{:.1} CPUs read again and again in {functions}: {nr}",
            facts.cpus(share)
        ),
    })
}
