//! One cache line that everybody modifies atomically, without any lock.
//!
//! In: samples at, and right behind, one atomic instruction, on several CPUs; in the kernel and in user space. Out: a detection. Refuses: atomics of traced locks, and single threads.

use std::collections::BTreeMap;

use super::facts::{Facts, sampled};
use super::loops::{Line, Sampled, lines, user_loops};
use super::{Detection, Detector, Nature};
use crate::cause_class::CauseClass;
use crate::ids::Tgid;
use crate::thresholds as at;

/// The class.
#[rustfmt::skip] // lists of names
pub(super) const DETECTOR: Detector = Detector::place(
    CauseClass::AtomicHotLine,
    &[
    ],
    &[
    ],
    REMEDIES,
)
.by(detect);

const REMEDIES: &[super::Row] = &[
    (
        "split the counter or flag: per-CPU or per-thread parts, summed up when read",
        "an atomic needs the cache line for itself, so that all CPUs together do one at a time",
        "a change of the program; reading the sum gets dearer",
        "perf record -a sleep 5 && perf annotate --stdio; perf c2c record -a sleep 5 && perf c2c report --stdio",
    ),
    (
        "in the kernel: upgrade, or avoid the feature (autogroup, deep cgroups, one mm for hundreds of threads)",
        "known hot lines have been split one by one",
        "a reboot, or doing without that feature",
        "uname -r",
    ),
];

fn detect(detector: &Detector, facts: &Facts<'_>) -> Option<Detection> {
    let (line, whose) = hottest(facts)?;
    let share = facts.of_samples(line.nr);
    if share < at::HOT_INSTRUCTION_SHARE {
        return None;
    }
    let text = format!(
        "one atomic instruction at {} in {whose}, from {} CPUs",
        line.addr,
        line.cpus.len()
    );
    Some(Detection {
        class: detector.class,
        nature: Nature::Work,
        share,
        evidence: vec![sampled(facts, &text, share, at::HOT_INSTRUCTION_SHARE)],
        summary: format!(
            "{:.1} CPUs queue for one cache line: an atomic instruction in {whose}",
            facts.cpus(share)
        ),
    })
}

/// The atomic instruction that was sampled most, of those that several threads execute on several CPUs, and whose it is.
fn hottest<'a>(facts: &Facts<'a>) -> Option<(Line<'a>, String)> {
    let mut by_space: BTreeMap<Option<Tgid>, Vec<Sampled<'a>>> = BTreeMap::new();
    for (key, spot) in &facts.profile.hot {
        let is_lock = spot
            .function
            .as_deref()
            .is_some_and(crate::spin_functions::is_spin);
        if let Some(code) = spot.facts.filter(|_| !is_lock) {
            let addr = key.addr;
            let space = by_space.entry(key.tgid).or_default();
            space.push(Sampled { addr, spot, code });
        }
    }
    let by_space = by_space
        .into_iter()
        .map(|(tgid, spots)| (tgid.map(|tgid| format!("process {}", tgid.0)), spots));
    // Memory of processes is their own, but where they retry: those have somebody in their way.
    let by_comm = user_loops(facts.profile)
        .into_iter()
        .filter(|them| them.processes.len() >= 2)
        .map(|them| {
            let name = format!("{} processes", them.processes.len());
            (Some(name), them.spots)
        });
    by_space
        .chain(by_comm)
        .flat_map(|(name, spots)| {
            let whose = move |line: &Line<'_>| match (&name, line.function) {
                (None, Some(function)) => format!("{function} of the kernel"),
                (None, None) => "the kernel".to_owned(),
                (Some(name), _) => format!("{name} ({})", line.comm.unwrap_or("?")),
            };
            lines(&spots).into_iter().map(move |line| {
                let whose = whose(&line);
                (line, whose)
            })
        })
        .filter(|(line, _)| line.cpus.len() >= 2 && line.threads.len() >= 2)
        .max_by_key(|(line, _)| line.nr)
}
