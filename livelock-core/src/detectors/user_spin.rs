//! Threads that spin in user space.
//!
//! In: user samples concentrated in loops with a pause, or in tight ones with an atomic instruction, of several threads or forked processes. Out: a detection. Refuses: to call it a live lock of the kernel; whether the process gets on only it can say.

use super::facts::{Facts, sampled, signal};
use super::loops::user_spinners;
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::thresholds as at;
use crate::verdict::EvidenceSource;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::UserSpin,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[(
    "let waiters sleep after a short spin (futex, mutex, condition), and run no more spinners than CPUs",
    "a spinner whose owner does not run burns the CPU that the owner needs",
    "a wake-up of some microseconds for each wait that is longer than the spin",
    "perf top -p <pid>; livelock diagnose --progress file:/path/to/a/counter",
)];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let spinning = user_spinners(facts.profile)?;
    let share = facts.of_samples(spinning.nr());
    if share < at::WORK_SHARE {
        return None;
    }
    let (who, nr_threads) = (spinning.who(), spinning.threads().len());
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![
            sampled(
                facts,
                &format!("short loops of {who} that wait or retry"),
                share,
                at::WORK_SHARE,
            ),
            signal(
                "spinning_threads",
                (nr_threads as f64, "threads"),
                Some(2.0),
                EvidenceSource::Sampler,
                format!("{nr_threads} threads of {who} were seen there"),
            ),
        ],
        summary: format!(
            "{:.1} CPUs spin in user space, in {who}: no live lock of the kernel",
            facts.cpus(share)
        ),
    })
}
