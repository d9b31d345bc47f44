//! Receive live lock: packets are taken off the wire and thrown away.
//!
//! In: interrupt time, packets processed, dropped and delivered. Out: a detection. Refuses: traffic that arrives; then interrupt time is work.

use super::facts::{Facts, sampled, signal};
use super::{Detection, Detector, Nature};
use crate::activity::HostCounter;
use crate::cause_class::CauseClass;
use crate::ledger::waste::{delivered_share, softirq_busy_share};
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::ReceiveLivelock,
    &[
    ],
    &[
        "net_rx_action", "__napi_poll", "process_backlog", "__netif_receive_skb*",
        "netif_receive_skb*", "napi_gro_receive", "ip_rcv", "ip_local_deliver*",
        "udp_queue_rcv_skb*", "udp_rcv", "__udp4_lib_rcv", "__udp_enqueue_schedule_skb",
        "udp_unicast_rcv_skb", "tcp_v4_rcv", "run_ksoftirqd",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "drop early what nobody reads: XDP, a hardware filter, a rate limit at the sender",
        "each packet costs most of its CPU before it is dropped",
        "what is dropped is lost earlier, not more of it",
        "cat /proc/net/softnet_stat; nstat -az UdpRcvbufErrors",
    ),
    (
        "give the reader a CPU that receives nothing: spread queues (RSS, RPS), threaded NAPI",
        "receiving comes before reading on the same CPU",
        "a CPU that receives nothing is one less for receiving",
        "cat /proc/interrupts /proc/softirqs; ethtool -l <dev>",
    ),
    (
        "moderate interrupts: gro_flush_timeout and napi_defer_hard_irqs",
        "larger batches leave time between them",
        "latency of tens of microseconds",
        "cat /sys/class/net/*/gro_flush_timeout",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let per_sec = facts.rate(HostCounter::PacketsProcessed)?;
    let delivered = delivered_share(facts.counters, facts.activity)?;
    let sampled_share = facts
        .samples(detector.class)
        .map_or(0.0, |samples| facts.of_samples(samples.nr));
    let share = softirq_busy_share(facts.books).max(sampled_share);
    if per_sec < at::PACKETS_PER_SEC || share < at::PLACE_SHARE || delivered > at::DELIVERED_SHARE {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Place,
        share,
        evidence: vec![
            signal(
                "delivered_share",
                (100.0 * delivered, "%"),
                Some(100.0 * at::DELIVERED_SHARE),
                EvidenceSource::ProgressCounters,
                format!(
                    "{per_sec:.0} packets a second are received, {:.0} % of them get to somebody",
                    100.0 * delivered
                ),
            ),
            sampled(facts, "receiving packets", sampled_share, at::PLACE_SHARE),
        ],
        summary: format!(
            "{:.1} CPUs receive {per_sec:.0} packets a second to throw {:.0} % of them away",
            facts.cpus(share),
            100.0 * (1.0 - delivered)
        ),
    })
}
