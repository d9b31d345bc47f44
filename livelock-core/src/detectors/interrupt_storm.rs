//! Interrupts, hard or soft, take most of the CPU.
//!
//! In: ticks in interrupts, handlers of devices that were timed, the busiest line and vector. Out: a detection. Refuses: samples; the counts of interrupts say what the stack of one cannot.

use super::facts::{Facts, signal};
use super::{Detection, Detector, Nature};
use crate::activity::HostCounter;
use crate::cause_class::CauseClass;
use crate::ledger::interrupts::device_cpus;
use crate::probes::Probe;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::InterruptStorm,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "find the line or vector named here, and quiet, moderate or move it (driver, irqbalance, smp_affinity, coalescing)",
    "interrupt work comes before all other work",
    "latency of that device, if interrupts are moderated",
    "cat /proc/interrupts /proc/softirqs",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let ticks = facts.of_busy(facts.books.hardirq_ns + facts.books.softirq_ns);
    let timed = timed_share(facts);
    let share = (ticks + timed.unwrap_or(0.0)).min(1.0);
    if share < at::INTERRUPT_SHARE {
        return None;
    }
    let most = most(facts);
    let per_sec = facts.rate(HostCounter::DeviceInterrupts).unwrap_or(0.0);
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![signal(
            "interrupt_share",
            (100.0 * share, "%"),
            Some(100.0 * at::INTERRUPT_SHARE),
            timed.map_or(EvidenceSource::ProcStat, |_| EvidenceSource::Activity),
            format!(
                "{:.0} % of busy time is spent in interrupts ({per_sec:.0} of devices a second; most: {most})",
                100.0 * share
            ),
        )],
        summary: format!(
            "{:.1} CPUs are busy with interrupts; most: {most}",
            facts.cpus(share)
        ),
    })
}

/// The busiest line of a device and the busiest vector, as far as they are known.
fn most(facts: &Facts<'_>) -> String {
    let line = facts.counters.by_line.iter().max_by_key(|(_, nr)| **nr);
    let line = line.filter(|(_, nr)| **nr > 0);
    let vector = facts
        .seen_by(Probe::SoftirqExit)
        .and_then(|activity| activity.softirqs.iter().max_by_key(|(_, time)| time.ns));
    let known: Vec<String> = [
        line.map(|(line, nr)| format!("line {line} with {nr}")),
        vector
            .map(|(vector, time)| format!("vector {vector:?} for {:.0} ms", time.ns as f64 / 1e6)),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !known.is_empty() {
        known.join(", ")
    } else if facts.books.softirq_ns > facts.books.hardirq_ns
        && facts.seen_by(Probe::SoftirqExit).is_none()
    {
        "soft interrupts, whose vectors were not looked at".to_owned()
    } else {
        "no device line known".to_owned()
    }
}

/// Handlers of devices as share of busy time, where ticks do not see them. One that came while a CPU idled may count as idle to
/// the kernel: the share is at most what there was of busy time.
fn timed_share(facts: &Facts<'_>) -> Option<f64> {
    let busy_cpus = facts.books.occupied_share()? * facts.nr_cpus;
    let cpus = device_cpus(facts.activity?)?;
    (facts.books.hardirq_unseen_ns > 0 && busy_cpus > 0.0).then(|| (cpus / busy_cpus).min(1.0))
}
