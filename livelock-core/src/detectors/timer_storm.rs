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
    let share = facts
        .samples(detector.class)
        .map_or(0.0, |samples| facts.of_samples(samples.nr))
        .max(facts.of_busy(facts.books.hardirq_ns));
    if per_cpu < at::TIMERS_PER_SEC_AND_CPU || share < at::PLACE_SHARE {
        return None;
    }
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![
            signal(
                "timer_interrupts",
                (per_cpu, "1/s"),
                Some(at::TIMERS_PER_SEC_AND_CPU),
                EvidenceSource::ProgressCounters,
                format!("{per_cpu:.0} timer interrupts a second on each CPU"),
            ),
            sampled(facts, "timers", share, at::PLACE_SHARE),
        ],
        summary: format!(
            "{:.1} CPUs handle timers: {per_cpu:.0} interrupts a second on each CPU",
            facts.cpus(share)
        ),
    })
}
