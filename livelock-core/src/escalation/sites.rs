//! Where attempts deserve to be counted: in kernel functions below which busy CPUs spend their time.
//!
//! In: windows, names, and the attempts that somebody found in the code of such functions. Out: the sites of the next
//! window. Refuses: to count again soon what has turned out to succeed; counting is not free.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use crate::attempts::{AttemptSite, FoundSite, SiteAttempts, Suspect};
use crate::detect::Observation;
use crate::event::{SampleEvent, SampleMode};
use crate::ids::{CodeAddr, CpuId};
use crate::names::Names;
use crate::thresholds as at;
use crate::window::Window;

/// Return addresses of a window that are looked up: those of a few call chains.
const NR_ADDRS_LOOKED_UP: usize = 256;

/// Windows for which a site at which too little was tried makes room for others.
const NR_WINDOWS_UNTRIED: u32 = 1;

/// Windows for which a site that succeeds is left alone the first time, then twice as long each time up to
/// [`NR_BARRED_WINDOWS`](at::NR_BARRED_WINDOWS). One count may fall into a moment in which whoever is in the way does not run: this
/// process takes a CPU now and then, most of all when it loads programs. A count is told for three windows, so that it speaks once.
const NR_FIRST_BARRED_WINDOWS: u32 = 3;

/// Decides on the sites.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SiteChoice {
    /// Windows for which a site is left alone.
    barred: BTreeMap<AttemptSite, u32>,
    /// For how many it was the last time that it succeeded; no more than there are places in the kernel's code that try.
    last_barred: BTreeMap<AttemptSite, u32>,
}

impl SiteChoice {
    /// Takes a window with what was counted in it, and all `found`; says which the next window deserves.
    pub fn next(
        &mut self,
        window: &Window,
        seen: &Observation,
        found: &[FoundSite],
    ) -> Vec<Suspect> {
        self.barred.retain(|_, nr_windows| {
            *nr_windows -= 1;
            *nr_windows > 0
        });
        let does_one_fail = window.attempts.iter().any(SiteAttempts::fails_mostly);
        for counted in &window.attempts {
            let site = counted.site;
            if counted.fails_mostly() {
                self.last_barred.remove(&site);
            } else if does_one_fail || counted.nr_tried() < at::NR_MIN_TRIES {
                // Who did not get to run did not try. Where one site fails, the other that succeeds may be that of its opponent, whose
                // own was away for the moment.
                self.barred.insert(site, NR_WINDOWS_UNTRIED);
            } else if !self.barred.contains_key(&site) {
                let last = self.last_barred.get(&site);
                let nr_windows = last.map_or(NR_FIRST_BARRED_WINDOWS, |last| 2 * last);
                let nr_windows = nr_windows.min(at::NR_BARRED_WINDOWS);
                self.barred.insert(site, nr_windows);
                self.last_barred.insert(site, nr_windows);
            }
        }
        if !is_busy_with_kernel(seen) {
            return Vec::new();
        }
        let nr_busy = busy(window).count();
        let least = at::ATTEMPTS_SHARE * nr_busy as f64;
        let mut ranked: Vec<(u64, Suspect)> = found
            .iter()
            .filter(|found| !self.barred.contains_key(&found.site))
            .map(|found| suspect(window, found))
            .filter(|&(nr, _)| nr > 0 && nr as f64 >= least)
            .collect();
        let is_failing: BTreeSet<AttemptSite> =
            window.attempts.iter().map(|counted| counted.site).collect();
        ranked.sort_by_key(|(nr, suspect)| {
            let site = suspect.found.site;
            (Reverse(is_failing.contains(&site)), Reverse(*nr), site)
        });
        ranked.truncate(at::NR_SITES_COUNTED);
        ranked.into_iter().map(|(_, suspect)| suspect).collect()
    }
}

/// Samples at `found`, and the CPUs that they are of.
fn suspect(window: &Window, found: &FoundSite) -> (u64, Suspect) {
    let mut by_cpu: BTreeMap<CpuId, u64> = BTreeMap::new();
    let is_there = |sample: &&SampleEvent| {
        is_work(sample) && sample.frames.iter().any(|&frame| found.site.covers(frame))
    };
    for sample in busy(window).filter(is_there) {
        *by_cpu.entry(sample.cpu).or_default() += 1;
    }
    let nr = by_cpu.values().sum();
    let mut cpus: Vec<(u64, CpuId)> = by_cpu.into_iter().map(|(cpu, nr)| (nr, cpu)).collect();
    cpus.sort_by_key(|&(nr, cpu)| (Reverse(nr), cpu));
    cpus.truncate(at::NR_CPUS_COUNTED);
    let cpus = cpus.into_iter().map(|(_, cpu)| cpu).collect();
    let found = found.clone();
    (nr, Suspect { found, cpus })
}

/// Starts of the kernel functions below which busy CPUs often are, most often first.
#[must_use]
pub fn functions_to_search(window: &Window, names: &dyn Names) -> Vec<CodeAddr> {
    let mut by_addr: BTreeMap<CodeAddr, u64> = BTreeMap::new();
    for sample in busy(window).filter(|sample| is_work(sample)) {
        for frame in sample.frames.iter().copied().collect::<BTreeSet<_>>() {
            *by_addr.entry(frame).or_default() += 1;
        }
    }
    let mut addrs: Vec<(u64, CodeAddr)> = by_addr
        .into_iter()
        .map(|(addr, nr)| (nr, addr))
        .filter(|&(nr, _)| nr >= at::NR_HOT_SAMPLES)
        .collect();
    addrs.sort_by_key(|&(nr, addr)| (Reverse(nr), addr));
    addrs.truncate(NR_ADDRS_LOOKED_UP);
    let mut by_function: BTreeMap<CodeAddr, u64> = BTreeMap::new();
    for (nr, addr) in addrs {
        let start = names
            .function(addr)
            .and_then(|function| addr.0.checked_sub(function.offset_bytes));
        if let Some(start) = start {
            *by_function.entry(CodeAddr(start)).or_default() += nr;
        }
    }
    let least = at::ATTEMPTS_SHARE * busy(window).count() as f64;
    let mut functions: Vec<(u64, CodeAddr)> = by_function
        .into_iter()
        .map(|(start, nr)| (nr, start))
        .filter(|&(nr, _)| nr as f64 >= least)
        .collect();
    functions.sort_by_key(|&(nr, start)| (Reverse(nr), start));
    functions.truncate(at::NR_FUNCTIONS_SEARCHED);
    functions.into_iter().map(|(_, start)| start).collect()
}

/// Whether it is worth to ask what the kernel attempts.
#[must_use]
pub fn is_busy_with_kernel(seen: &Observation) -> bool {
    seen.used.is_some_and(|used| used >= at::BUSY_FOR_STATUS)
        && seen.user_share.is_none_or(|user| user < at::MAJORITY)
}

fn busy(window: &Window) -> impl Iterator<Item = &SampleEvent> {
    let is_busy = |sample: &&SampleEvent| sample.task.pid.0 != 0 && !sample.in_self;
    window.samples.iter().filter(is_busy)
}

/// What no tracepoint calls waiting.
fn is_work(sample: &SampleEvent) -> bool {
    sample.mode == SampleMode::Kernel && !sample.in_traced_spin
}
