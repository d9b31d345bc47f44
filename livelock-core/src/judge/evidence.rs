//! Evidence for and against.
//!
//! In: a span and its status. Out: signals with value, threshold, unit and source. Refuses: one fact
//! under two names; what speaks against is said as loudly as what speaks for.

use super::answer::Case;
use super::declared;
use super::halted;
use super::level::Level;
use super::seen_by::SeenBy;
use crate::detect::stuck_limit_ns;
use crate::host::SamplerSource;
use crate::ledger::progress::pi;
use crate::ledger::time::{TimeBooks, share};
use crate::thresholds as at;
use crate::verdict::{Evidence, EvidenceSource, LockReport, Status};

/// Signals that carry the status.
pub(super) fn for_it(case: &Case<'_>, status: Status, locks: &[LockReport]) -> Vec<Evidence> {
    match status {
        Status::Livelock | Status::Contended | Status::Starved => contention(case, status, locks),
        Status::Busy | Status::Healthy => business(case),
        Status::CannotTell => Vec::new(),
    }
}

pub(super) fn signal(
    name: &str,
    value: f64,
    unit: &str,
    threshold: Option<f64>,
    source: EvidenceSource,
    text: String,
) -> Evidence {
    Evidence {
        signal: name.to_owned(),
        value,
        unit: unit.to_owned(),
        threshold,
        source,
        text,
    }
}

const fn level_omega(level: Level) -> f64 {
    match level {
        Level::Livelock => at::OMEGA_WITHOUT_BASELINE,
        Level::Degraded => at::OMEGA_DEGRADED,
        Level::Contended | Level::Quiet => at::OMEGA_CONTENDED,
    }
}

/// The share that decided, where the holder's CPU had to be left out for it.
fn waiter_omega(case: &Case<'_>, books: &TimeBooks) -> Option<f64> {
    let is_needed = case.level == Level::Livelock
        && books
            .omega()
            .is_some_and(|omega| omega < at::OMEGA_WITHOUT_BASELINE);
    books
        .waiter_omega()
        .filter(|&omega| is_needed && omega >= at::OMEGA_WITHOUT_BASELINE)
}

fn contention(case: &Case<'_>, status: Status, locks: &[LockReport]) -> Vec<Evidence> {
    let mut found = Vec::new();
    let span = case.span;
    let (nr_hits, books) = span.books_at(case.level);
    if let Some(omega) = books.omega().filter(|_| case.level > Level::Quiet) {
        let waiters = waiter_omega(case, books);
        // Rule (i) asks for less waste than rule (ii), since it has a baseline to compare with. Where the waiters
        // decide, the share of all CPUs does not.
        let threshold = match case.level {
            Level::Livelock if waiters.is_some() => None,
            Level::Livelock if omega < at::OMEGA_WITHOUT_BASELINE => Some(at::OMEGA_WITH_BASELINE),
            level => Some(level_omega(level)),
        };
        let seen_by = SeenBy::of(case);
        let source = seen_by.source();
        found.push(signal(
            "omega",
            100.0 * omega,
            "%",
            threshold.map(|threshold| 100.0 * threshold),
            source,
            format!(
                "{} {:.0} % of busy time {} in {nr_hits} of {} windows",
                seen_by.words(),
                100.0 * omega,
                halted::what(books, seen_by.what()),
                span.nr_windows
            ),
        ));
        found.extend(waiters.map(|waiters| {
            signal(
                "waiter_omega",
                100.0 * waiters,
                "%",
                Some(100.0 * at::OMEGA_WITHOUT_BASELINE),
                source,
                format!(
                    "what they spin for stands still for over a millisecond at a time; of the CPUs that do not hold it, \
                     {:.0} % of busy time is spun away",
                    100.0 * waiters
                ),
            )
        }));
    }
    if let Some(stuck) = span.oldest_stuck {
        let limit_ns = stuck_limit_ns(case.host);
        found.push(signal(
            "oldest_spin_wait",
            stuck.age_ns as f64,
            "ns",
            Some(limit_ns as f64),
            EvidenceSource::InFlight,
            format!(
                "CPU {} has been spinning on {} for {:.2} s; seen in {} of {} windows",
                stuck.cpu.0,
                stuck.lock,
                stuck.age_ns as f64 / 1e9,
                span.nr_stuck_windows,
                span.nr_windows
            ),
        ));
    }
    if status == Status::Livelock {
        let user = books
            .user_share()
            .filter(|&user| user <= at::USER_SHARE_COLLAPSED);
        if let Some(user) = user {
            found.push(signal(
                "user_share",
                100.0 * user,
                "%",
                Some(100.0 * at::USER_SHARE_COLLAPSED),
                EvidenceSource::ProcStat,
                format!("user code gets {:.1} % of busy time", 100.0 * user),
            ));
        }
        if let Some(busy) = books
            .used_share()
            .filter(|&busy| busy >= at::BUSY_FOR_LIVELOCK)
        {
            found.push(signal(
                "busy",
                100.0 * busy,
                "%",
                Some(100.0 * at::BUSY_FOR_LIVELOCK),
                EvidenceSource::ProcStat,
                case.how_busy(books, busy),
            ));
        }
    }
    if let Some(spin) = sampled_spin(case)
        .filter(|&spin| spin >= at::SAMPLED_SPIN_AGREES && !case.is_sampled_only())
    {
        found.push(signal(
            "sampled_spin",
            100.0 * spin,
            "%",
            Some(100.0 * at::SAMPLED_SPIN_AGREES),
            EvidenceSource::Sampler,
            format!(
                "{:.0} % of {} samples of busy CPUs are in spin functions",
                100.0 * spin,
                books.samples.nr_busy
            ),
        ));
    }
    if let (Some(pi), Some(pi0)) = (pi(&span.tokens, span.books.busy_ns()), span.pi0)
        && pi <= at::PI_COLLAPSED * pi0
    {
        found.push(signal(
            "tokens_per_busy_sec",
            pi,
            "1/s",
            Some(at::PI_COLLAPSED * pi0),
            EvidenceSource::ProgressCounters,
            format!("{pi:.0} tokens a busy second, against {pi0:.0} in quiet windows"),
        ));
    }
    found.extend(halted::evidence(books));
    found.extend(declared::for_it(case, status));
    if let Some((top, share)) = top_share(locks).filter(|_| SeenBy::of(case) == SeenBy::Tracepoints)
    {
        found.push(signal(
            "top_lock_share",
            100.0 * share,
            "%",
            Some(100.0 * at::MAJORITY),
            EvidenceSource::ContentionTracepoints,
            format!(
                "{:.0} % of the traced spin is on {}",
                100.0 * share,
                top.name
            ),
        ));
    }
    if let Some(gap) = locks.first().and_then(|lock| lock.handoff_gap_ns) {
        let meaning = if gap.p50 >= at::GAP_NOT_RUNNING_NS {
            "the holder or the next waiter is not running, or holds by design"
        } else if gap.p50 < at::GAP_BOUNCE_NS {
            "bound by cache-line transfers and short holds"
        } else {
            "holds are long, but the holder runs"
        };
        found.push(signal(
            "handoff_gap_p50",
            gap.p50 as f64,
            "ns",
            None,
            EvidenceSource::ContentionTracepoints,
            format!(
                "half of the hand-offs take over {:.1} us: {meaning}",
                gap.p50 as f64 / 1e3
            ),
        ));
    }
    found
}

fn top_share(locks: &[LockReport]) -> Option<(&LockReport, f64)> {
    let burns = locks.iter().map(|lock| (lock, lock.burn_cpus));
    let total_cpus: f64 = burns.clone().map(|(_, cpus)| cpus).sum();
    let (top, _) = burns.max_by(|a, b| a.1.total_cmp(&b.1))?;
    (total_cpus > 0.0).then(|| (top, top.burn_cpus / total_cpus))
}

fn sampled_spin(case: &Case<'_>) -> Option<f64> {
    let (_, books) = case.span.books_at(case.level);
    let samples = &books.samples;
    samples
        .share(samples.nr_spin)
        .filter(|_| samples.nr_busy >= at::NR_MIN_SAMPLES)
}

fn business(case: &Case<'_>) -> Vec<Evidence> {
    let mut found = Vec::new();
    let books = &case.span.books;
    if let Some(busy) = books.used_share() {
        found.push(signal(
            "busy",
            100.0 * busy,
            "%",
            Some(100.0 * at::BUSY_FOR_STATUS),
            EvidenceSource::ProcStat,
            case.how_busy(books, busy),
        ));
    }
    if let Some(user) = books.user_share() {
        found.push(signal(
            "user_share",
            100.0 * user,
            "%",
            None,
            EvidenceSource::ProcStat,
            format!("user code gets {:.0} % of busy time", 100.0 * user),
        ));
    }
    if let Some(burn) = share(books.traced_spin_ns, books.capacity_ns) {
        found.push(signal(
            "traced_spin",
            100.0 * burn,
            "%",
            Some(100.0 * at::CONTENDED_MIN_BURN),
            EvidenceSource::ContentionTracepoints,
            format!(
                "tracepoints see {:.1} % of the CPUs' time spun away",
                100.0 * burn
            ),
        ));
    }
    if let Some(spin) = sampled_spin(case) {
        found.push(signal(
            "sampled_spin",
            100.0 * spin,
            "%",
            Some(100.0 * at::OMEGA_CONTENDED),
            EvidenceSource::Sampler,
            format!(
                "{:.1} % of {} samples of busy CPUs are in spin functions",
                100.0 * spin,
                books.samples.nr_busy
            ),
        ));
    }
    found
}

/// Signals that speak against the status.
pub(super) fn against(case: &Case<'_>, status: Status) -> Vec<Evidence> {
    let mut found = Vec::new();
    let span = case.span;
    let (nr_hits, books) = span.books_at(case.level);
    let is_contention = matches!(status, Status::Livelock | Status::Contended);
    found.extend(declared::against(case, status));
    if is_contention && case.is_sampled_only() {
        let traced = share(books.traced_ns(), books.waste_ns()).unwrap_or(0.0);
        found.push(signal("coverage", 100.0 * traced, "%", Some(100.0 * at::TRACED_SHARE_OF_WASTE), EvidenceSource::ContentionTracepoints,
            format!("tracepoints confirm only {:.0} % of the sampled spin: one signal, and a test-and-set lock that spins may still make progress", 100.0 * traced)));
    }
    if let Some(spin) = sampled_spin(case).filter(|&spin| {
        is_contention
            && spin < at::OMEGA_CONTENDED
            && case.level >= Level::Degraded
            && SeenBy::of(case) == SeenBy::Tracepoints
    }) {
        let why = if case.host.sampler == SamplerSource::PmuNmi {
            "and the sampler sees regions with interrupts off"
        } else {
            "but the sampler is blind with interrupts off"
        };
        found.push(signal(
            "sampled_spin",
            100.0 * spin,
            "%",
            Some(100.0 * at::OMEGA_CONTENDED),
            EvidenceSource::Sampler,
            format!(
                "only {:.0} % of the samples are in spin functions, {why}",
                100.0 * spin
            ),
        ));
    }
    if let (Some(pi), Some(pi0)) = (pi(&span.tokens, span.books.busy_ns()), span.pi0)
        && is_contention
        && pi > pi0
    {
        found.push(signal(
            "tokens_per_busy_sec",
            pi,
            "1/s",
            Some(pi0),
            EvidenceSource::ProgressCounters,
            format!("{pi:.0} tokens a busy second, more than the {pi0:.0} of quiet windows"),
        ));
    }
    if is_contention && case.is_overcommitted() {
        found.push(halted::overcommit(&span.books));
    }
    if status == Status::Livelock {
        if (span.nr_windows as usize) < at::NR_RULE_WINDOWS {
            found.push(signal(
                "windows",
                f64::from(span.nr_windows),
                "windows",
                Some(at::NR_RULE_WINDOWS as f64),
                EvidenceSource::ProcStat,
                format!("seen in {nr_hits} windows; a burst could look the same"),
            ));
        }
        if let Some(user) = books
            .user_share()
            .filter(|&user| user > at::USER_SHARE_COLLAPSED)
        {
            found.push(signal(
                "user_share",
                100.0 * user,
                "%",
                Some(100.0 * at::USER_SHARE_COLLAPSED),
                EvidenceSource::ProcStat,
                format!("user code still gets {:.0} % of busy time", 100.0 * user),
            ));
        }
    }
    if status == Status::Contended && span.nr_no_progress() > 0 {
        found.push(signal(
            "no_progress_windows",
            f64::from(span.nr_no_progress()),
            "windows",
            (!span.may_be_burst()).then_some(at::NR_RULE_HITS as f64),
            EvidenceSource::ContentionTracepoints,
            format!(
                "{} windows showed no progress, {}",
                span.nr_no_progress(),
                match span.may_be_burst() {
                    true => "no longer than bursts last",
                    false => "fewer in a row than a live lock takes",
                }
            ),
        ));
    }
    if let Some(spin) =
        sampled_spin(case).filter(|&spin| !is_contention && spin >= at::OMEGA_CONTENDED)
    {
        found.push(signal(
            "sampled_spin",
            100.0 * spin,
            "%",
            Some(100.0 * at::OMEGA_CONTENDED),
            EvidenceSource::Sampler,
            format!(
                "{:.0} % of the samples of busy CPUs are in spin functions",
                100.0 * spin
            ),
        ));
    }
    found
}
