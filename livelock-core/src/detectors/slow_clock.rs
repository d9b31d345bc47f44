//! CPUs read a clock that lies outside of them: the HPET or the ACPI timer.
//!
//! In: samples at instructions of the functions that read it. Out: a detection. Refuses: waste; whoever asks for the time
//! gets it, only slowly.

use super::facts::{Facts, sampled};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::spin_functions::is_slow_clock;
use crate::thresholds as at;

/// The class. It has no functions: what a stack is typical of is who asks for the time, not the clock.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::SlowClock,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "use another clock source, tsc or the hypervisor's own, if the host offers one that is stable",
        "a CPU reads its time stamp counter in nanoseconds, a clock on the bus in microseconds and one CPU at a time",
        "a clock source that is not stable lets time jump",
        "cd /sys/devices/system/clocksource/clocksource0 && cat current_clocksource available_clocksource",
    ),
    (
        "find out why the kernel gave tsc up, in firmware or in the settings of the virtual machine",
        "it falls back to a slow clock when counters of CPUs disagree, or seem to",
        "a reboot",
        "dmesg | grep -iE 'tsc|clocksource|hpet'",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let spots = facts.profile.hot.iter().filter_map(|(key, spot)| {
        let function = spot.function.as_deref().filter(|f| is_slow_clock(f))?;
        key.tgid.is_none().then_some((function, spot.nr))
    });
    let (mut nr, mut most, mut name) = (0, 0, None);
    for (function, nr_there) in spots {
        nr += nr_there;
        if nr_there > most {
            (most, name) = (nr_there, Some(function));
        }
    }
    let share = facts.of_samples(nr);
    let name = name.filter(|_| share >= at::WORK_SHARE)?;
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![sampled(facts, name, share, at::WORK_SHARE)],
        summary: format!("{:.1} CPUs read a slow clock ({name})", facts.cpus(share)),
    })
}
