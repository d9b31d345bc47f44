//! Threads that poll because they were told to: busy polling of networks, disks and rings, halt polling.
//!
//! In: samples in their functions. Out: a detection. Refuses: to accuse them; a poller is busy by design.

use super::facts::Facts;
use super::shared::work;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;

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

const REMEDIES: &[super::Row] = &[(
    "nothing, if it was meant; else turn the polling off (IORING_SETUP_SQPOLL, net.core.busy_poll, halt_poll_ns)",
    "a poller trades a CPU for latency",
    "latency, if it is turned off",
    "sysctl net.core.busy_poll net.core.busy_read; cat /sys/module/kvm/parameters/halt_poll_ns",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let found = work(detector, facts, "polling, as they were told to")?;
    Some(Detection {
        nature: Nature::Exonerated,
        ..found
    })
}
