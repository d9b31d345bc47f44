//! Transactions that are restarted over and over: wound/wait mutexes, btrees.
//!
//! In: samples in back-off and restart functions. Out: a detection. Refuses: transactions that commit; samples cannot count those, so that this is where, not how much.

use super::facts::Facts;
use super::shared::work;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::TransactionRestart,
    &[
    ],
    &[
        "ww_mutex_lock*", "__ww_mutex_*", "drm_modeset_backoff", "drm_modeset_lock*",
        "drm_exec_*", "ttm_eu_*", "dma_resv_lock*", "bch2_trans_begin", "bch2_trans_restart*",
        "__bch2_trans_commit", "bch2_btree_path_traverse*", "btrfs_commit_transaction",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "lower the number of tasks that change the same objects at once",
    "whoever is wounded gives up all its locks and starts over; beyond some number most do",
    "less parallelism on those objects",
    "livelock diagnose; perf trace -e 'bcachefs:*restart*'",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    work(detector, facts, "starting transactions over")
}
