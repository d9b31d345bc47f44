//! Timers that expire all the time.
//!
//! In: samples in timer functions, timer interrupts counted. Out: a detection. Refuses: the ordinary tick.

use super::facts::{Facts, sampled, signal};
use super::{Detection, Detector, Nature};
use crate::activity::HostCounter;
use crate::cause_class::CauseClass;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::TimerStorm,
    &[
    ],
    &[
        "hrtimer_interrupt", "__hrtimer_run_queues", "hrtimer_run_queues", "hrtimer_run_softirq",
        "run_timer_softirq", "__run_timers", "call_timer_fn", "it_real_fn", "timerfd_tmrproc",
        "posix_timer_fn", "posix_timer_event", "alarm_timer_*", "hrtimer_wakeup",
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "raise the interval of the timers, or let them have slack (timer_slack_ns, coarser intervals)",
    "an interval shorter than its own handling leaves no time for anything else",
    "timers fire later",
    "perf trace -s -e timer_settime,timerfd_settime,setitimer; grep LOC /proc/interrupts",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let per_sec = facts.rate(HostCounter::TimerInterrupts)?;
    let per_cpu = per_sec / facts.nr_cpus.max(1.0);
    let in_timers = facts
        .samples(detector.class)
        .map_or(0.0, |samples| facts.of_samples(samples.nr));
    // Of all kinds; ticks do not tell them apart, and samples hardly get into any.
    let in_interrupts = facts.of_busy(facts.books.hardirq_ns);
    let share = in_timers.max(in_interrupts);
    if per_cpu < at::TIMERS_PER_SEC_AND_CPU || share < at::PLACE_SHARE {
        return None;
    }
    let mut evidence = vec![signal(
        "timer_interrupts",
        (per_cpu, "1/s"),
        Some(at::TIMERS_PER_SEC_AND_CPU),
        EvidenceSource::ProgressCounters,
        format!("{per_cpu:.0} timer interrupts a second on each CPU"),
    )];
    if in_timers > 0.0 {
        evidence.push(sampled(facts, "timers", in_timers, at::PLACE_SHARE));
    }
    if in_interrupts > 0.0 {
        evidence.push(signal(
            "hardirq_share",
            (100.0 * in_interrupts, "%"),
            Some(100.0 * at::PLACE_SHARE),
            EvidenceSource::ProcStat,
            format!(
                "hard interrupts of all kinds take {:.0} % of busy time",
                100.0 * in_interrupts
            ),
        ));
    }
    let what = if in_timers >= in_interrupts {
        "handle timers"
    } else {
        "handle hard interrupts, of timers and others"
    };
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence,
        summary: format!(
            "{:.1} CPUs {what}: {per_cpu:.0} timer interrupts a second on each CPU",
            facts.cpus(share)
        ),
    })
}
