//! One window judged on its own.
//!
//! In: a window, its time books, the baseline, facts of the host. Out: an [`Observation`]. Refuses:
//! verdicts; one window is a burst until others follow.

mod progress;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::activity::StarvedTask;
use crate::declared::DeclaredState;
use crate::event::{InFlightWait, LockKind};
use crate::host::HostFacts;
use crate::ids::{CpuId, LockAddr, MonotonicNs, Pid};
use crate::ledger::progress::{Tokens, pi};
use crate::ledger::shares::SampledShares;
use crate::ledger::time::{TimeBooks, share};
use crate::ledger::waited::Waited;
use crate::probes::Probe;
use crate::syscall_report::nr_achieved;
use crate::thresholds as at;
use crate::verdict::{ProgressState, TimeLedger};
use crate::window::Window;

/// The rule by which a window showed no progress.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoProgressRule {
    /// Rule (i): much waste, and tokens far below the baseline.
    BelowBaseline,
    /// Rule (i): much waste, a baseline, and throughput that falls as CPUs are added.
    Retrograde,
    /// Rule (ii): nearly all waste, and next to no user time.
    WasteWithoutUser,
    /// Rule (ii) without the CPU that holds a lock which is never free and stands still: all others do nothing but
    /// wait for it.
    WaitersWithoutUser,
    /// Rule (i) with declared progress in the place of tokens and their baseline.
    DeclaredProgress,
}

/// An open spin wait past the age rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StuckSpin {
    /// The lock.
    pub lock: LockAddr,
    /// Family.
    pub kind: LockKind,
    /// Since when.
    pub begin: MonotonicNs,
    /// Age at the close.
    pub age_ns: u64,
    /// CPU that it burns.
    pub cpu: CpuId,
    /// Thread.
    pub pid: Pid,
    /// Whether that CPU completed another wait or ran user code in this window.
    pub cpu_progressed: bool,
}

/// The lock that burned most in a window.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TopLock {
    /// Address; `None` for the overflow.
    pub lock: Option<LockAddr>,
    /// Name.
    pub name: String,
    /// Family.
    pub kind: LockKind,
    /// CPU-seconds per second.
    pub burn_cpus: f64,
    /// Waits completed.
    pub nr_waits: u64,
    /// Waits open.
    pub nr_in_flight: u64,
}

/// What one window says. `None`: could not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// From.
    pub begin: MonotonicNs,
    /// To.
    pub end: MonotonicNs,
    /// Share of the CPUs' time in which they ran something.
    pub busy: Option<f64>,
    /// Share of the CPUs' time in which waiters for locks stood halted, not part of `busy`; `None` if that could not be seen.
    #[serde(default)]
    pub halted: Option<f64>,
    /// What of the time that waiters spun, by the clock of the tracepoints, was burned: the rest was stolen, or they stood halted.
    /// `None` if nobody waited.
    #[serde(default)]
    pub burned_part: Option<f64>,
    /// Busy share of the time that was neither stolen nor this tool's: what decides whether the CPUs are full.
    pub used: Option<f64>,
    /// `waste / busy`.
    pub omega: Option<f64>,
    /// The same without waits for other CPUs to answer, which end: what may show that nothing is achieved.
    pub stall_omega: Option<f64>,
    /// The same without the CPUs that hold locks which are never free and stand still; `None` without such locks.
    pub waiter_omega: Option<f64>,
    /// Share of the waste that tracepoints saw; `None` without waste.
    pub traced_share: Option<f64>,
    /// Share of the waste that does not rest on samples alone; `None` without waste.
    pub agreed_share: Option<f64>,
    /// The same with waits for other CPUs, which end.
    pub seen_twice_share: Option<f64>,
    /// Share of busy samples in spin functions, traced or not.
    pub sampled_spin: Option<f64>,
    /// Share of busy time that tracepoints call spin and ticks do not: a contradiction.
    pub conflict: Option<f64>,
    /// Where busy samples lie; `None`: too few of them.
    pub sampled: Option<SampledShares>,
    /// User share of busy time, `U`.
    pub user_share: Option<f64>,
    /// Tokens per busy second.
    pub pi: Option<f64>,
    /// Their baseline.
    pub pi0: Option<f64>,
    /// Whether throughput has been falling as CPUs were added; `None`: cannot tell.
    pub retrograde: Option<bool>,
    /// State of progress.
    pub progress: ProgressState,
    /// The rule that found no progress, if one did.
    pub rule: Option<NoProgressRule>,
    /// Whether there was no progress.
    pub no_progress: bool,
    /// Spin waits past the age rule, oldest first.
    pub stuck: Vec<StuckSpin>,
    /// The task that has waited longest to run, if longer than anybody should.
    pub starved: Option<StarvedTask>,
    /// A real-time task that had a CPU nearly to itself, by samples.
    pub rt_hog: Option<Pid>,
    /// System calls that succeeded and did something, per busy second; `None`: not observed.
    pub ok_syscalls_per_busy_sec: Option<f64>,
    /// The lock that burned most.
    pub top_lock: Option<TopLock>,
    /// What declared progress says; `None`: nothing was declared.
    pub declared: Option<DeclaredState>,
    /// Whether the tasks of the scope used too little CPU time to be in a live lock.
    pub is_below_floor: bool,
    /// The time ledger of the window; `None`: not known.
    #[serde(default)]
    pub time: Option<TimeLedger>,
    /// The time ledger of each CPU, of those whose times are known; empty of a scope of tasks.
    #[serde(default)]
    pub cpus: BTreeMap<CpuId, TimeLedger>,
}

impl Observation {
    /// Share of the CPUs' time that was busy, or in which a waiter stood halted: what `omega` is of.
    #[must_use]
    pub fn occupied(&self) -> Option<f64> {
        self.busy.map(|busy| busy + self.halted.unwrap_or(0.0))
    }

    /// Share of the CPUs' time that was burned in vain.
    #[must_use]
    pub fn burn(&self) -> Option<f64> {
        let wasted = self.omega? * self.occupied()?;
        Some((wasted - self.halted.unwrap_or(0.0)).max(0.0))
    }

    /// Whether the ticks leave no room for the spin that the tracepoints claim.
    #[must_use]
    pub fn is_contradicted(&self) -> bool {
        self.conflict
            .is_some_and(|share| share >= at::SPIN_CONFLICT)
    }

    /// Whether the CPUs have next to no time left; `false` as well where that is not known.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.used.is_some_and(|used| used >= at::BUSY_FOR_LIVELOCK)
    }

    /// What rule (ii) compares: the share of waste, of all busy CPUs or of those that do not hold locks that stand
    /// still.
    #[must_use]
    pub fn vain_omega(&self) -> Option<f64> {
        let whole = self.stall_omega?;
        Some(self.waiter_omega.map_or(whole, |omega| omega.max(whole)))
    }

    /// Whether rule (ii) would hold if it asked for `omega` only. What tracepoints and ticks must agree on
    /// is asked for in full.
    #[must_use]
    pub fn wastes_without_user(&self, omega: f64) -> bool {
        let reaches = |seen: Option<f64>, least: f64| seen.is_some_and(|seen| seen >= least);
        !self.is_capped()
            && !self.is_below_floor
            && self.is_full()
            && reaches(self.vain_omega(), omega)
            && self
                .user_share
                .is_some_and(|user| user <= at::USER_SHARE_COLLAPSED)
            && self.is_corroborated()
            && !self.is_contradicted()
    }

    /// Whether declared progress keeps pace, which no live lock lets it do.
    #[must_use]
    pub fn is_capped(&self) -> bool {
        self.declared == Some(DeclaredState::KeepsPace)
    }

    /// Whether the waste does not rest on samples alone, waits for other CPUs included.
    #[must_use]
    pub fn is_seen_twice(&self) -> bool {
        !self.stuck.is_empty()
            || self
                .seen_twice_share
                .is_some_and(|share| share >= at::TRACED_SHARE_OF_WASTE)
    }

    /// Whether the burn, if any, was seen by tracepoints or an open wait and not by samples alone.
    #[must_use]
    pub fn is_corroborated(&self) -> bool {
        !self.stuck.is_empty()
            || self
                .agreed_share
                .is_some_and(|share| share >= at::TRACED_SHARE_OF_WASTE)
    }
}

/// Judges `window`. The top lock has no name yet; whoever knows stacks gives it one.
#[must_use]
pub fn detect(
    window: &Window,
    books: Option<&TimeBooks>,
    tokens: &Tokens,
    pi0: Option<f64>,
    retrograde: Option<bool>,
    host: &HostFacts,
) -> Observation {
    let burned_part = books.and_then(|books| Waited::of(window, books).burned_part());
    let mut seen = Observation {
        begin: window.begin,
        end: window.end,
        busy: books.and_then(TimeBooks::busy_share),
        halted: books.and_then(TimeBooks::halted_share),
        burned_part,
        used: books.and_then(TimeBooks::used_share),
        omega: books.and_then(TimeBooks::omega),
        stall_omega: books.and_then(|b| share(b.waste_ns() - b.ipi_ns, b.busy_ns())),
        waiter_omega: books.and_then(TimeBooks::waiter_omega),
        traced_share: books.and_then(|b| share(b.traced_ns(), b.spin_ns() + b.halted_ns)),
        agreed_share: books.and_then(|b| share(b.agreed_waste_ns(), b.waste_ns())),
        seen_twice_share: books.and_then(|b| share(b.seen_twice_ns(), b.waste_ns())),
        sampled_spin: books
            .filter(|b| b.samples.nr_busy >= at::NR_MIN_SAMPLES)
            .and_then(|b| b.samples.share(b.samples.nr_spin)),
        sampled: None,
        conflict: books.and_then(|b| share(b.conflict_ns, b.busy_ns())),
        user_share: books.and_then(TimeBooks::user_share),
        pi: books.and_then(|b| pi(tokens, b.busy_ns())),
        pi0,
        retrograde,
        progress: ProgressState::Unknown,
        rule: None,
        no_progress: false,
        stuck: stuck_spins(window, host),
        starved: None,
        rt_hog: None,
        ok_syscalls_per_busy_sec: ok_syscalls(window, books, &host.arch),
        top_lock: top_lock(window, burned_part),
        declared: None,
        is_below_floor: books.is_some_and(|b| is_below_floor(b, window.duration_ns())),
        time: books.map(TimeBooks::ledger),
        cpus: BTreeMap::new(),
    };
    seen.rule = no_progress(&seen);
    seen.no_progress = seen.rule.is_some();
    seen.progress = progress::state(&seen, books, window, tokens);
    seen
}

/// The rule of docs/detection.md, with one condition more: samples alone are one signal. Rule (ii) holds with
/// a baseline as well, since the hand-offs of a contended lock are tokens that a quiet baseline lacks.
fn no_progress(seen: &Observation) -> Option<NoProgressRule> {
    let omega = seen.stall_omega?;
    if seen.used? < at::BUSY_FOR_LIVELOCK
        || seen.is_below_floor
        || !seen.is_corroborated()
        || seen.is_contradicted()
    {
        return None;
    }
    if let (Some(pi), Some(pi0)) = (seen.pi, seen.pi0)
        && omega >= at::OMEGA_WITH_BASELINE
        && pi <= at::PI_COLLAPSED * pi0
    {
        return Some(NoProgressRule::BelowBaseline);
    }
    if seen.pi0.is_some() && omega >= at::OMEGA_WITH_BASELINE && seen.retrograde == Some(true) {
        return Some(NoProgressRule::Retrograde);
    }
    let rule = if omega >= at::OMEGA_WITHOUT_BASELINE {
        NoProgressRule::WasteWithoutUser
    } else {
        NoProgressRule::WaitersWithoutUser
    };
    seen.wastes_without_user(at::OMEGA_WITHOUT_BASELINE)
        .then_some(rule)
}

/// Shares of next to nothing prove nothing. CPUs have no floor: `busy` is one for them.
fn is_below_floor(books: &TimeBooks, wall_ns: u64) -> bool {
    let used_cpus = share(books.busy_ns(), wall_ns).unwrap_or(0.0);
    books.is_of_tasks && used_cpus < at::SCOPE_MIN_CPUS
}

/// Spin waits older than the age rule allows. Only locks that spin by construction: a mutex may spin
/// as long as its owner runs.
fn stuck_spins(window: &Window, host: &HostFacts) -> Vec<StuckSpin> {
    let limit_ns = stuck_limit_ns(host);
    let mut stuck: Vec<_> = window
        .in_flight
        .iter()
        .filter(|wait| {
            let spins = matches!(wait.kind, LockKind::Spinlock | LockKind::Rwlock);
            let is_old = window.end.since(wait.begin) > limit_ns;
            wait.spinning && spins && is_old && !is_phantom(window, wait)
        })
        .map(|wait| StuckSpin {
            lock: wait.lock,
            kind: wait.kind,
            begin: wait.begin,
            age_ns: window.end.since(wait.begin),
            cpu: wait.cpu,
            pid: wait.pid,
            cpu_progressed: cpu_progressed(window, wait),
        })
        .collect();
    stuck.sort_by_key(|wait| std::cmp::Reverse(wait.age_ns));
    stuck
}

/// Age in nanoseconds from which an open spin wait is stuck on `host`.
#[must_use]
pub fn stuck_limit_ns(host: &HostFacts) -> u64 {
    match host.hypervisor {
        Some(_) => at::STUCK_SPIN_NS.max(at::NR_GUEST_SLICES * at::HOST_SLICE_NS),
        None => at::STUCK_SPIN_NS,
    }
}

/// A spinning CPU runs no user code and does not idle. If it did for longer than
/// the window lasted before the wait, the end of the wait was missed.
fn is_phantom(window: &Window, wait: &InFlightWait) -> bool {
    let Some(times) = window.cpu_times.get(&wait.cpu) else {
        return false;
    };
    let age_ns = window.end.since(wait.begin).min(window.duration_ns());
    let before_ns = window.duration_ns() - age_ns;
    let elsewhere_ns = (times.user_ns + times.idle_ns + times.iowait_ns).saturating_sub(before_ns);
    share(elsewhere_ns, window.duration_ns()).is_some_and(|share| share > at::PHANTOM_SHARE)
}

/// A CPU not seen counts as having progressed: unknown must not accuse.
fn cpu_progressed(window: &Window, wait: &InFlightWait) -> bool {
    let completed = window.cpu_counters.get(&wait.cpu).map(|c| c.nr_completed);
    let user_ns = window.cpu_times.get(&wait.cpu).map(|t| t.user_ns);
    completed != Some(0) || user_ns != Some(0)
}

fn ok_syscalls(window: &Window, books: Option<&TimeBooks>, arch: &str) -> Option<f64> {
    let activity = window.activity.as_ref()?;
    if !activity.sees(Probe::SysExit) {
        return None;
    }
    let nr = nr_achieved(activity, arch);
    let busy_ns = books?.busy_ns();
    (busy_ns > 0).then(|| nr as f64 * 1e9 / busy_ns as f64)
}

fn top_lock(window: &Window, burned_part: Option<f64>) -> Option<TopLock> {
    let top = window
        .locks
        .iter()
        .max_by_key(|lock| (lock.spin_ns, lock.wait_ns, lock.nr_in_flight))?;
    let name = top.lock.map_or_else(
        || "locks beyond the table".to_owned(),
        |addr| addr.to_string(),
    );
    Some(TopLock {
        lock: top.lock,
        name,
        kind: top.kind,
        burn_cpus: share(top.spin_ns, window.duration_ns()).unwrap_or(0.0)
            * burned_part.unwrap_or(1.0),
        nr_waits: top.nr_waits,
        nr_in_flight: top.nr_in_flight,
    })
}
