//! A page fault that does not get past itself.
//!
//! In: faults of one task at one address, over and over, or next to no faults that take CPUs for long and spin (probe level 1). Out: a
//! detection. Refuses: many faults at many addresses; those are progress.

use super::facts::{Facts, signal};
use super::shared::place;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::probes::Probe;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::FaultLoop,
    &[
    ],
    &[
        "handle_userfault", "do_user_addr_fault", "handle_mm_fault", "__handle_mm_fault",
        "exc_page_fault", "asm_exc_page_fault", "fault_in_readable", "fault_in_writeable",
        "fault_in_iov_iter_readable", "fixup_user_fault",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "kill the task named here, or stop handing it a buffer that maps the file it writes to",
        "the fault handler and its caller disagree whether the page can be had, and both start over",
        "that task's work",
        "cat /proc/<pid>/stack; perf trace -F all -p <pid>",
    ),
    (
        "upgrade the kernel",
        "loops of faulting in have been fixed one by one",
        "a reboot",
        "uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    same_address(detector, facts).or_else(|| inside(detector, facts))
}

/// Faults that start over inside the kernel: few come in, and each takes CPUs for long, spinning on the way.
fn inside(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let activity = facts.seen_by(Probe::PageFaultUser)?;
    let per_sec = facts.activity_rate(Probe::PageFaultUser, activity.nr_faults)?;
    let sampled_share = facts.of_samples(facts.samples(detector.class)?.nr);
    let cpus = facts.cpus(sampled_share);
    let ns_per_fault = 1e9 * cpus / per_sec.max(1.0);
    let found = place(detector, facts)?;
    if ns_per_fault < at::FAULT_CPU_NS as f64 {
        return None;
    }
    let text =
        format!("{cpus:.1} CPUs are in page faults, of which only {per_sec:.0} begin a second");
    let long = signal(
        "cpu_time_per_fault",
        (ns_per_fault, "ns"),
        Some(at::FAULT_CPU_NS as f64),
        EvidenceSource::Activity,
        text.clone(),
    );
    Some(Detection {
        evidence: found.evidence.into_iter().chain([long]).collect(),
        summary: text,
        ..found
    })
}

/// One thread that faults at one address.
fn same_address(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let activity = facts.seen_by(Probe::PageFaultUser)?;
    let per_sec = facts.activity_rate(Probe::PageFaultUser, activity.nr_same_faults)?;
    let pid = activity.same_fault_pid?;
    let repeated = activity.nr_same_faults as f64 / activity.nr_faults.max(1) as f64;
    let share = facts.profile.vain_fault_share(&activity.faults_by_cpu);
    let by_cpu = activity.faults_by_cpu.values();
    let nr_cpus = by_cpu.filter(|(same, all)| *same as f64 >= at::MAJORITY * (*all).max(1) as f64);
    let who = match nr_cpus.count() {
        0 | 1 => format!("the threads of one CPU (thread {} is one)", pid.0),
        nr => format!("threads on {nr} CPUs (thread {} is one)", pid.0),
    };
    if per_sec < at::SAME_FAULTS_PER_SEC || repeated < at::MAJORITY || share < at::PLACE_SHARE {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Place,
        share,
        evidence: vec![signal(
            "same_faults",
            (per_sec, "1/s"),
            Some(at::SAME_FAULTS_PER_SEC),
            EvidenceSource::Activity,
            format!("{who} fault {per_sec:.0} times a second at one address"),
        )],
        summary: format!(
            "{who} fault at one address {per_sec:.0} times a second and do not get past it"
        ),
    })
}
