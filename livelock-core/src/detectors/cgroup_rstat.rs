//! Statistics of cgroups: flushing them takes one lock for all.
//!
//! In: spin on `cgroup_rstat_lock`, work in its flushes. Out: a detection. Refuses: one reader now and then.

use super::facts::Facts;
use super::shared::place_or_work;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::CgroupRstat,
    &[
        "cgroup_rstat_lock*", "rstat_base_lock*", "css_set_lock*",
    ],
    &[
        "cgroup_rstat_*", "css_rstat_*", "__css_rstat_*", "__cgroup_rstat_*",
        "mem_cgroup_flush_stats*", "__mem_cgroup_flush_stats", "mem_cgroup_css_rstat_flush",
        "do_flush_stats",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "read memory.stat and its like less often and from fewer agents",
        "each read flushes the counters of all CPUs below that cgroup under one lock",
        "coarser monitoring",
        "lsof 2>/dev/null | grep memory.stat; livelock diagnose",
    ),
    (
        "remove dead cgroups, upgrade to 6.16 or newer",
        "the flush walks every cgroup that changed; newer kernels have a lock per subsystem",
        "a reboot for the upgrade",
        "cat /proc/cgroups; uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    place_or_work(detector, facts, "flushing statistics of cgroups")
}
