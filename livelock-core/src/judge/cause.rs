//! What kind of trouble (or business) it is, in one line.
//!
//! In: a span, its status, its locks. Out: [`Cause`]. Refuses: to name a lock that tracepoints did
//! not see.

use super::answer::{Case, Unanswerable};
use super::halted;
use crate::detectors::{Detection, Nature};
use crate::ledger::time::share;
use crate::locks::path_function;
use crate::thresholds as at;
use crate::verdict::{AlsoSeen, Cause, CauseClass, LockReport, ProgressState, Status};

pub(super) fn cause(
    case: &Case<'_>,
    (status, progress): (Status, ProgressState),
    (class, found): (CauseClass, Option<&Detection>),
    locks: &[LockReport],
    detections: &[Detection],
) -> Cause {
    Cause {
        class,
        summary: match found {
            Some(found) if !is_of_locks(case, status, found) => told(case, status, found),
            _ => summary(case, (status, progress), class, locks),
        },
        also: detections
            .iter()
            .filter(|detection| detection.class != class && status != Status::CannotTell)
            .map(|detection| AlsoSeen {
                class: detection.class,
                share_pct: 100.0 * detection.share,
                summary: detection.summary.clone(),
            })
            .collect(),
    }
}

/// Whether tracepoints saw most of it, so that locks and paths can be named.
fn is_of_locks(case: &Case<'_>, status: Status, found: &Detection) -> bool {
    if !matches!(status, Status::Livelock | Status::Contended) {
        return false;
    }
    let (_, books) = case.span.books_at(case.level);
    matches!(found.nature, Nature::Place | Nature::Mechanism)
        && books.traced_ns() > 0
        && share(books.traced_ns(), books.waste_ns()).is_some_and(|s| s >= at::MAJORITY)
}

/// What the detector says, with what is left for user code.
fn told(case: &Case<'_>, status: Status, found: &Detection) -> String {
    let (_, books) = case.span.books_at(case.level);
    match (status, books.user_share()) {
        (Status::Livelock | Status::Contended, Some(user)) => format!(
            "{}; user code gets {:.1} % of busy time",
            found.summary,
            100.0 * user
        ),
        _ => found.summary.clone(),
    }
}

fn summary(
    case: &Case<'_>,
    (status, progress): (Status, ProgressState),
    class: CauseClass,
    locks: &[LockReport],
) -> String {
    if status == Status::CannotTell {
        return cannot_tell(case);
    }
    let (_, books) = case.span.books_at(case.level);
    // Whole CPUs, but for tasks.
    let nr_cpus = format!("{:.1}", case.nr_cpus);
    let nr_cpus = nr_cpus.strip_suffix(".0").unwrap_or(&nr_cpus);
    let user = books.user_share().map_or_else(
        || "an unknown share".to_owned(),
        |user| format!("{:.1} %", 100.0 * user),
    );
    let cpus = |ns: u64| case.nr_cpus * share(ns, books.capacity_ns).unwrap_or(0.0);
    let (who, spin) = if case.scope.is_of_tasks() {
        ("the scope is", "spins")
    } else {
        ("CPUs are", "spin")
    };
    let busy_pct = 100.0 * books.busy_share().unwrap_or(0.0);
    match class {
        CauseClass::UntracedSpin => format!(
            "{:.1} of {nr_cpus} CPUs spin, by samples only: no tracepoint shows on which lock, and whether \
             work gets done cannot be told from here",
            cpus(books.burned_ns())
        ),
        CauseClass::StuckSpin => stuck(case, locks),
        _ if matches!(status, Status::Livelock | Status::Contended) => {
            let burn_cpus = cpus(books.burned_ns());
            let tail = if status == Status::Livelock {
                format!("user code gets {user} of busy time")
            } else {
                format!(
                    "{:.0} % of busy time, user code gets {user}",
                    100.0 * books.omega().unwrap_or(0.0)
                )
            };
            let traced = share(books.traced_ns(), books.waste_ns());
            if traced.is_some_and(|traced| traced < at::MAJORITY) {
                return format!(
                    "{burn_cpus:.1} of {nr_cpus} CPUs spin or retry, most of it where no tracepoint shows for what; {tail}"
                );
            }
            format!(
                "{burn_cpus:.1} of {nr_cpus} CPUs spin on {}{}; {tail}",
                on_what(locks),
                halted::beside(books, cpus(books.halted_ns))
            )
        }
        CauseClass::SleepingLock => format!(
            "{:.1} tasks on average sleep on contended locks, first {}; CPUs do not burn",
            share(case.span.locks.sleep_ns(), case.span.wall_ns).unwrap_or(0.0),
            locks
                .iter()
                .max_by_key(|l| l.wait_ns.total)
                .map_or("unknown", |l| l.name.as_str())
        ),
        CauseClass::UserCompute => {
            format!("{who} {busy_pct:.0} % busy; user code gets {user} of it")
        }
        CauseClass::KernelWork if case.is_work_unseen(progress) => format!(
            "{who} {busy_pct:.0} % busy with kernel work of which no counter that is seen shows that it gets done; user \
             code gets {user}"
        ),
        CauseClass::KernelWork => format!(
            "{who} {busy_pct:.0} % busy, mostly with kernel work that spins on nothing; user code gets {user}"
        ),
        CauseClass::HostOvercommit => {
            format!(
                "{who} {busy_pct:.0} % busy, but the hypervisor takes them or loses their ticks"
            )
        }
        _ => {
            format!("{who} {busy_pct:.0} % busy and {spin} on nothing to speak of")
        }
    }
}

fn cannot_tell(case: &Case<'_>) -> String {
    let span = case.span;
    match case.unanswerable() {
        Some(Unanswerable::Lossy) => format!(
            "{:.1} % of {} waits are lost or unaccounted for, too many to answer",
            100.0 * span.lost_share(),
            span.nr_begun
        ),
        Some(Unanswerable::TooShort) => format!(
            "only {} of at least {} windows were seen",
            span.nr_windows,
            at::NR_MIN_WINDOWS
        ),
        Some(Unanswerable::MayBeBurst) => format!(
            "nothing got on in all of {:.1} s, but a burst may last for {:.0} s: look for longer",
            span.wall_ns as f64 / 1e9,
            at::BURST_NS as f64 / 1e9
        ),
        Some(Unanswerable::Unseen) | None => format!(
            "snapshots of CPU times or counters are missing in {} of {} windows",
            span.nr_windows.saturating_sub(span.nr_visible),
            span.nr_windows
        ),
    }
}

fn stuck(case: &Case<'_>, locks: &[LockReport]) -> String {
    let Some(stuck) = case.span.oldest_stuck else {
        return "a spin wait was open for too long".to_owned();
    };
    let addr = stuck.lock.to_string();
    let lock = locks
        .iter()
        .find(|lock| lock.addr.as_deref() == Some(addr.as_str()));
    let others = match case.span.standing.nr_cpus() {
        0 | 1 => String::new(),
        nr => format!("; {nr} CPUs stood in waits that did not end while anybody looked"),
    };
    format!(
        "CPU {} has been spinning for {:.2} s on {} (thread {}), which should take microseconds{others}",
        stuck.cpu.0,
        stuck.age_ns as f64 / 1e9,
        lock.map_or(addr.as_str(), |lock| lock.name.as_str()),
        stuck.pid.0
    )
}

/// The lock, or how many of them, and the paths that meet there.
fn on_what(locks: &[LockReport]) -> String {
    let Some(top) = locks.first() else {
        return "locks that no stack names".to_owned();
    };
    let total_pct: f64 = locks.iter().map(LockReport::spin_pct).sum();
    let top_share = if total_pct > 0.0 {
        top.spin_pct() / total_pct
    } else {
        1.0
    };
    let mut text = format!("{} ({})", top.name, top.kind.word());
    if top_share < at::MAJORITY {
        text = format!("{} locks, most on {text}", locks.len());
    }
    let mut paths: Vec<&str> = Vec::new();
    for function in top
        .waiters
        .iter()
        .filter_map(|side| path_function(&side.stack))
    {
        if !paths.contains(&function) && paths.len() < 2 {
            paths.push(function);
        }
    }
    match paths.as_slice() {
        [a, b] => format!("{text}: {a} and {b} paths wait for each other"),
        [a] => format!("{text}: {a} paths wait for one another"),
        _ => text,
    }
}
