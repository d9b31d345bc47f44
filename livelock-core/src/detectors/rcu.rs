//! Read-copy-update: callbacks in masses, forced grace periods.
//!
//! In: samples in its callbacks and grace periods, spin on its nodes. Out: a detection. Refuses: ordinary grace periods.

use super::facts::Facts;
use super::shared::place_or_work;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::Rcu,
    &[
        "rcu_node.lock", "rcu_state*",
    ],
    &[
        "rcu_do_batch", "rcu_core*", "rcu_cblist_*", "rcu_nocb_*", "synchronize_rcu_expedited*",
        "rcu_exp_*", "wait_rcu_exp_gp", "rcu_gp_*", "rcu_report_*",
        "note_gp_changes", "__call_rcu_common", "call_rcu*", "srcu_*", "kvfree_call_rcu",
        "kfree_rcu_*", "rcu_segcblist_*",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "find who frees or synchronises so often (its path is in the evidence), and let it batch",
    "each expedited grace period interrupts all CPUs, and callbacks in masses run for as long as they were queued",
    "freed memory stays in use until the batch is done",
    "grep RCU /proc/softirqs; perf trace -s -e membarrier; perf record -a -g -e 'rcu:*' sleep 1",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    place_or_work(detector, facts, "callbacks and grace periods of RCU")
}
