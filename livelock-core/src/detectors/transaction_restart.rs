//! Transactions that are restarted over and over: wound/wait mutexes, btrees.
//!
//! In: samples in back-off and restart functions. Out: a detection. Refuses: functions of transactions that commit, and numbers; samples cannot count restarts.

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
        "__ww_mutex_wound", "__ww_mutex_die", "__ww_mutex_kill", "drm_modeset_backoff",
        "drm_exec_lock_contended", "ttm_eu_backoff_reservation", "bch2_trans_restart*",
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
