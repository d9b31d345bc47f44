//! Connection tracking and its tables.
//!
//! In: spin on its locks, samples in its functions. Out: a detection. Refuses: tracking that keeps up.

use super::facts::Facts;
use super::shared::place_or_work;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::Conntrack,
    &[
        "nf_conntrack_*",
    ],
    &[
        "nf_conntrack_*", "__nf_conntrack_*", "nf_ct_*", "early_drop*", "gc_worker",
        "clean_from_lists", "nf_nat_*", "neigh_*", "dst_gc_*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "exempt what needs no tracking (notrack), raise nf_conntrack_buckets and nf_conntrack_max, lower timeouts",
    "a full table is walked for something to drop with its lock held",
    "cat /proc/sys/net/netfilter/nf_conntrack_count /proc/net/stat/nf_conntrack",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    place_or_work(detector, facts, "tracking connections")
}
