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
        "nf_conntrack_*", "nf_conncount_*",
    ],
    &[
        "nf_conntrack_*", "__nf_conntrack_*", "nf_ct_*", "early_drop*", "gc_worker",
        "nf_nat_*", "nf_conncount_*", "__nf_conncount_*", "neigh_*",
    ],
    REMEDIES,
)
.by(detect);

/// Of rules that count connections: reason, cost and command of the remedy, which that by the lock's name shares.
pub(crate) const COUNTING: (&str, &str, &str) = (
    "a rule that counts keeps a list, which is walked with its lock held",
    "a limit for each address is another limit than one for all",
    "nft list ruleset | grep -i 'ct count'; iptables-save | grep -i connlimit",
);

const REMEDIES: &[super::Row] = &[
    (
        "exempt what needs no tracking (notrack), raise nf_conntrack_buckets and nf_conntrack_max, lower timeouts",
        "a full table is walked for something to drop with its lock held",
        "exempt traffic has no stateful rules and no NAT; larger tables take memory",
        "cat /proc/sys/net/netfilter/nf_conntrack_count /proc/net/stat/nf_conntrack",
    ),
    (
        "if the path has nf_conncount, count connections by address instead of all in one (a set of `ct count`, connlimit with a mask), or limit their rate",
        COUNTING.0,
        COUNTING.1,
        COUNTING.2,
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    place_or_work(detector, facts, "tracking connections")
}
