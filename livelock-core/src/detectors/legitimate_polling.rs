//! Threads that poll because they were told to: busy polling of networks, disks and rings, halt polling.
//!
//! In: samples in their functions. Out: a detection. Refuses: to accuse them; a poller is busy by design.

use super::facts::{Facts, signal};
use super::shared::work;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::LegitimatePolling,
    &[
    ],
    &[
        "io_sq_thread", "__io_sq_thread", "io_do_iopoll", "napi_busy_loop*", "sk_busy_loop*",
        "blk_mq_poll", "bio_poll", "nvme_poll", "kvm_vcpu_halt", "kvm_vcpu_block",
        "kvm_vcpu_check_block", "vhost_net_busy_poll", "poll_idle", "ep_busy_loop",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "nothing, if it was meant; else turn the polling off (IORING_SETUP_SQPOLL, net.core.busy_poll, halt_poll_ns)",
        "a poller trades a CPU for latency",
        "latency, if it is turned off",
        "sysctl net.core.busy_poll net.core.busy_read; cat /sys/module/kvm/parameters/halt_poll_ns",
    ),
    (
        "let the program wait: calls that block, or a timeout for poll and epoll_wait",
        "a call that finds nothing costs as much as one that does, and asking faster brings nothing sooner than being woken",
        "the wake-up: some microseconds of latency",
        "perf trace -s",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let found = work(detector, facts, "polling, as they were told to");
    let found = found.or_else(|| by_calls(detector, facts))?;
    Some(Detection {
        nature: Nature::Exonerated,
        ..found
    })
}

/// Programs that ask the kernel for what is not there, again and again, and never sleep.
fn by_calls(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let report = facts.report?;
    let polls = report.polls.as_ref()?;
    let in_vain = polls.in_vain_pct / 100.0;
    let switches_a_poll = report.switches_per_sec? / polls.in_vain_per_sec.max(1.0);
    if in_vain < at::POLLS_IN_VAIN_SHARE || switches_a_poll > at::SWITCHES_A_POLL {
        return None;
    }
    // What user code does with an answer that is none is part of the polling, too, but may be more than that.
    let kernel = 1.0 - facts.of_busy(facts.books.user_ns);
    let text = format!(
        "{:.0} % of the system calls find nothing, {:.0} times a second, most of them {}",
        polls.in_vain_pct, polls.in_vain_per_sec, polls.name
    );
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share: in_vain * kernel,
        evidence: vec![signal(
            "polls_in_vain",
            (polls.in_vain_pct, "%"),
            Some(100.0 * at::POLLS_IN_VAIN_SHARE),
            EvidenceSource::Activity,
            text.clone(),
        )],
        summary: format!("{text}, and nobody sleeps in between"),
    })
}
