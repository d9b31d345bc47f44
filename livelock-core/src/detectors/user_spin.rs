//! Threads of a process that spin in user space.
//!
//! In: user samples concentrated in loops with a pause or an atomic instruction, of several threads. Out: a detection. Refuses: to call it a live lock of the kernel; whether the process gets on only it can say.

use super::facts::{Facts, sampled, signal};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use std::collections::{BTreeMap, BTreeSet};

use crate::ids::Tgid;
use crate::ledger::profile::HotSpot;
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

#[derive(Default)]
struct Spinning<'a> {
    nr: u64,
    threads: BTreeSet<crate::ids::Pid>,
    comm: Option<&'a str>,
}

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let spins = |spot: &HotSpot| {
        spot.facts
            .is_some_and(|code| code.in_loop && (code.loop_has_pause || code.loop_has_atomic))
    };
    let mut by_process: BTreeMap<Tgid, Spinning<'_>> = BTreeMap::new();
    for (key, spot) in facts.profile.hot.iter().filter(|(_, spot)| spins(spot)) {
        if let Some(tgid) = key.tgid {
            let process = by_process.entry(tgid).or_default();
            process.nr += spot.nr;
            process.threads.extend(&spot.threads);
            process.comm = spot.comm.as_deref();
        }
    }
    let (tgid, process) = by_process.iter().max_by_key(|(_, process)| process.nr)?;
    let share = facts.of_samples(process.nr);
    if share < at::WORK_SHARE || process.threads.len() < 2 {
        return None;
    }
    let who = format!("process {} ({})", tgid.0, process.comm.unwrap_or("?"));
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
                (process.threads.len() as f64, "threads"),
                Some(2.0),
                EvidenceSource::Sampler,
                format!("{} threads of it were seen there", process.threads.len()),
            ),
        ],
        summary: format!(
            "{:.1} CPUs spin in user space, in {who}: no live lock of the kernel",
            facts.cpus(share)
        ),
    })
}
