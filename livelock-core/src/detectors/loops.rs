//! Loops that wait or retry in user space, and atomic instructions, as samples and the machine code tell them.
//!
//! In: sampled instructions with what their code is like. Out: who spins; which atomic instruction was sampled how
//! often. Refuses: instructions whose code nobody looked at, but where a forked sibling has the same code.

use std::collections::{BTreeMap, BTreeSet};

use crate::attempts::AttemptKind;
use crate::cause_class::CauseClass;
use crate::code::{AtomicOp, AtomicPlace, CodeFacts};
use crate::ids::{CodeAddr, CpuId, Pid, Tgid};
use crate::ledger::profile::{HotSpot, Profile};
use crate::ledger::waste::retries;
use crate::thresholds as at;

/// Bytes of the longest instruction of x86-64 (Intel SDM, volume 2, 2.3.11): the next one begins within them. Those of
/// arm64 have four.
const LONGEST_INSTRUCTION_BYTES: u64 = 15;

/// A sampled instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sampled<'a> {
    pub(super) addr: CodeAddr,
    pub(super) spot: &'a HotSpot,
    pub(super) code: CodeFacts,
}

/// Threads that spin in the loops of one program.
#[derive(Clone, Debug, Default)]
pub(super) struct Spinning<'a> {
    pub(super) processes: BTreeSet<Tgid>,
    pub(super) spots: Vec<Sampled<'a>>,
}

impl Spinning<'_> {
    pub(super) fn nr(&self) -> u64 {
        self.spots.iter().map(|sampled| sampled.spot.nr).sum()
    }

    pub(super) fn threads(&self) -> BTreeSet<Pid> {
        let spots = self.spots.iter();
        spots.flat_map(|it| it.spot.threads.clone()).collect()
    }

    /// The process, or how many there are, with the name of the command.
    pub(super) fn who(&self) -> String {
        let mut comms = self.spots.iter().filter_map(|it| it.spot.comm.as_deref());
        let comm = comms.next().unwrap_or("?");
        match (self.processes.len(), self.processes.first()) {
            (1, Some(tgid)) => format!("process {} ({comm})", tgid.0),
            (nr, _) => format!("{nr} processes ({comm})"),
        }
    }
}

/// Whether code waits or retries: a loop with a pause, or a tight one with an atomic instruction.
fn spins(code: &CodeFacts) -> bool {
    let is_tight = code
        .loop_len_bytes
        .is_some_and(|len| len <= at::TIGHT_LOOP_BYTES);
    code.in_loop && (code.loop_has_pause || (code.loop_has_atomic && is_tight))
}

/// Those of several threads that spin in user space: of one process, or of siblings that were forked with one layout and
/// wait for one another in shared memory.
pub(super) fn user_loops(profile: &Profile) -> Vec<Spinning<'_>> {
    let mut by_process: BTreeMap<Tgid, Spinning<'_>> = BTreeMap::new();
    let mut by_place: BTreeMap<(&str, CodeAddr), Vec<(Tgid, &HotSpot)>> = BTreeMap::new();
    for (key, spot) in &profile.hot {
        let Some(tgid) = key.tgid else {
            continue;
        };
        if let Some(code) = spot.facts.filter(spins) {
            let addr = key.addr;
            let process = by_process.entry(tgid).or_default();
            process.processes.insert(tgid);
            process.spots.push(Sampled { addr, spot, code });
        }
        if let Some(comm) = spot.comm.as_deref() {
            let place = by_place.entry((comm, key.addr)).or_default();
            place.push((tgid, spot));
        }
    }
    let mut by_comm: BTreeMap<&str, Spinning<'_>> = BTreeMap::new();
    for ((comm, addr), siblings) in by_place.iter().filter(|(_, all)| all.len() >= 2) {
        // Their code is the same, and was perhaps looked at in one of them only.
        let mut codes = siblings.iter().filter_map(|(_, spot)| spot.facts);
        if let Some(code) = codes.next().filter(spins) {
            let all = by_comm.entry(comm).or_default();
            all.processes.extend(siblings.iter().map(|(tgid, _)| *tgid));
            let addr = *addr;
            let spots = siblings.iter();
            all.spots
                .extend(spots.map(|(_, spot)| Sampled { addr, spot, code }));
        }
    }
    let found = by_process.into_values().chain(by_comm.into_values());
    found.filter(|them| them.threads().len() >= 2).collect()
}

/// Those that were sampled most.
pub(super) fn user_spinners(profile: &Profile) -> Option<Spinning<'_>> {
    user_loops(profile)
        .into_iter()
        .max_by_key(|spinning| spinning.nr())
}

/// Samples of one atomic instruction, with those that skidded onto the instruction behind it.
#[derive(Clone, Debug)]
pub(super) struct Line<'a> {
    /// Where it was sampled.
    pub(super) addr: CodeAddr,
    op: AtomicOp,
    pub(super) nr: u64,
    pub(super) cpus: BTreeSet<CpuId>,
    pub(super) threads: BTreeSet<Pid>,
    pub(super) function: Option<&'a str>,
    pub(super) comm: Option<&'a str>,
}

impl<'a> Line<'a> {
    const fn new(addr: CodeAddr, op: AtomicOp) -> Self {
        Self {
            addr,
            op,
            nr: 0,
            cpus: BTreeSet::new(),
            threads: BTreeSet::new(),
            function: None,
            comm: None,
        }
    }

    fn add(&mut self, spot: &'a HotSpot) {
        self.nr += spot.nr;
        self.cpus.extend(&spot.cpus);
        self.threads.extend(&spot.threads);
        self.function = self.function.or(spot.function.as_deref());
        self.comm = self.comm.or(spot.comm.as_deref());
    }
}

/// The atomic instructions among the sampled instructions of one address space, or of several with the same layout.
pub(super) fn lines<'a>(spots: &[Sampled<'a>]) -> Vec<Line<'a>> {
    let at_place = |wanted| {
        spots.iter().filter_map(move |it| {
            let near = it.code.atomic.filter(|near| near.place == wanted)?;
            Some((it.addr, it.spot, near.op))
        })
    };
    let mut hit: BTreeMap<CodeAddr, Line<'a>> = BTreeMap::new();
    for (addr, spot, op) in at_place(AtomicPlace::At) {
        let line = hit.entry(addr).or_insert_with(|| Line::new(addr, op));
        line.add(spot);
    }
    // Of some atomic instructions only the one behind was sampled.
    let mut behind: BTreeMap<CodeAddr, Line<'a>> = BTreeMap::new();
    for (addr, spot, op) in at_place(AtomicPlace::After) {
        let first = CodeAddr(addr.0.saturating_sub(LONGEST_INSTRUCTION_BYTES));
        let before = hit.range_mut(first..addr).next_back();
        match before.filter(|(_, line)| line.op == op) {
            Some((_, line)) => line.add(spot),
            None => behind
                .entry(addr)
                .or_insert_with(|| Line::new(addr, op))
                .add(spot),
        }
    }
    hit.into_values().chain(behind.into_values()).collect()
}

/// Share of busy samples at one atomic instruction, if that is what looks like waiting or retrying of `class`: it is tried again at once, most
/// samples of its loops are there, it takes as much as a hot line does, and nothing pauses, as whoever waits for a
/// lock does.
#[must_use]
pub fn one_line_share(profile: &Profile, class: CauseClass) -> Option<f64> {
    let spots = match class {
        CauseClass::UserSpin => user_spinners(profile).map_or_else(Vec::new, |them| them.spots),
        CauseClass::TrylockRetry
            if profile.tried_in_vain(AttemptKind::Trylock) < at::PLACE_SHARE =>
        {
            profile
                .hot
                .iter()
                .filter(|(key, spot)| retries(key, spot))
                .filter_map(|(key, spot)| {
                    let (addr, code) = (key.addr, spot.facts?);
                    Some(Sampled { addr, spot, code })
                })
                .collect()
        }
        _ => return None,
    };
    let nr: u64 = spots.iter().map(|sampled| sampled.spot.nr).sum();
    // An exchange alone is how a lock without a pause is taken.
    let counts = |line: &&Line<'_>| line.op != AtomicOp::Xchg;
    let lines = lines(&spots);
    let hottest = lines.iter().filter(counts).map(|line| line.nr).max()?;
    let is_most = hottest as f64 >= at::MAJORITY * nr as f64;
    let pauses = spots.iter().any(|sampled| sampled.code.loop_has_pause);
    let share = profile.share(hottest)?;
    (share >= at::HOT_INSTRUCTION_SHARE && is_most && !pauses).then_some(share)
}
