//! Thundering herd: many are woken for what one can take.
//!
//! In: spin on wait queues and epoll, system calls that come back with EAGAIN (probe level 1). Out: a detection. Refuses: wake-ups of one.

use super::facts::{Facts, signal};
use super::shared::place_or_work;
use super::{Detection, Detector};
use crate::cause_class::CauseClass;
use crate::probes::Probe;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::ThunderingHerd,
    &[
        "eventpoll.*", "wait_queue_head.lock",
    ],
    &[
        "ep_poll_callback", "ep_send_events", "ep_poll", "do_epoll_wait", "ep_start_scan",
        "ep_done_scan", "__wake_up_common", "__wake_up_common_lock", "__wake_up",
        "__wake_up_sync_key", "prepare_to_wait*", "finish_wait", "add_wait_queue*",
        "remove_wait_queue", "autoremove_wake_function", "ep_autoremove_wake_function",
        "inet_csk_accept",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "let one be woken: EPOLLEXCLUSIVE, SO_REUSEPORT with a socket per worker, fewer waiters per file",
    "everybody who waits takes the queue's lock, wakes, finds nothing and waits again",
    "a change of the program; load over sockets is less even",
    "perf trace -s -e epoll_wait,accept4; livelock diagnose",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let mut found = place_or_work(detector, facts, "waking and being woken")?;
    let results = facts.seen_by(Probe::SysExit)?.all_syscalls();
    let retried = results.nr_retry as f64 / results.nr().max(1) as f64;
    // Without failing calls a crowded queue is just a crowded queue.
    if retried < at::RETRY_SHARE {
        return None;
    }
    found.evidence.push(signal(
        "retried_syscalls",
        (100.0 * retried, "%"),
        Some(100.0 * at::RETRY_SHARE),
        EvidenceSource::Activity,
        format!(
            "{:.0} % of the system calls came back to be tried again",
            100.0 * retried
        ),
    ));
    Some(found)
}
