//! What kind of trouble (or business) it is, in one line.
//!
//! In: a span, its status, its locks. Out: [`Cause`]. Refuses: to name a lock that tracepoints did
//! not see.

use super::answer::{Case, Unanswerable};
use crate::event::LockKind;
use crate::ledger::time::{TimeBooks, share};
use crate::locks::path_function;
use crate::thresholds as at;
use crate::verdict::{Cause, CauseClass, LockReport, Status};

pub(super) fn class(case: &Case<'_>, status: Status, locks: &[LockReport]) -> CauseClass {
    let books = &case.span.books;
    match status {
        Status::Livelock | Status::Contended if case.is_stuck_alone() => CauseClass::StuckSpin,
        Status::Livelock | Status::Contended if case.is_sampled_only() => CauseClass::UntracedSpin,
        Status::Livelock => CauseClass::SpinCollapse,
        Status::Contended | Status::Starved => CauseClass::LockContention,
        Status::Busy => busy_class(case, books),
        Status::Healthy if sleeps(case) && !locks.is_empty() => CauseClass::SleepingLock,
        Status::Healthy | Status::CannotTell => CauseClass::None,
    }
}

fn busy_class(case: &Case<'_>, books: &TimeBooks) -> CauseClass {
    let of_busy = |ns: u64| share(ns, books.busy_ns()).unwrap_or(0.0);
    let interrupts = of_busy(books.hardirq_ns + books.softirq_ns);
    if of_busy(books.user_ns) >= at::MAJORITY {
        CauseClass::UserCompute
    } else if interrupts >= at::INTERRUPT_SHARE {
        CauseClass::InterruptWork
    } else if of_busy(books.kernel_ns) >= at::MAJORITY {
        CauseClass::KernelWork
    } else if case.is_overcommitted() {
        CauseClass::HostOvercommit
    } else if books.user_ns >= books.kernel_ns {
        CauseClass::UserCompute
    } else {
        CauseClass::KernelWork
    }
}

fn sleeps(case: &Case<'_>) -> bool {
    share(case.span.locks.sleep_ns(), case.span.wall_ns)
        .is_some_and(|mean| mean >= at::MEAN_SLEEPERS)
}

pub(super) fn cause(
    case: &Case<'_>,
    status: Status,
    class: CauseClass,
    locks: &[LockReport],
) -> Cause {
    Cause {
        class,
        summary: summary(case, status, class, locks),
    }
}

fn summary(case: &Case<'_>, status: Status, class: CauseClass, locks: &[LockReport]) -> String {
    if status == Status::CannotTell {
        return cannot_tell(case);
    }
    let (_, books) = case.span.books_at(case.level);
    let nr_cpus = case.host.nr_cpus_online;
    let user = books.user_share().map_or_else(
        || "an unknown share".to_owned(),
        |user| format!("{:.1} %", 100.0 * user),
    );
    let cpus = |ns: u64| f64::from(nr_cpus) * share(ns, books.capacity_ns).unwrap_or(0.0);
    let busy_pct = 100.0 * case.busy();
    match class {
        CauseClass::SpinCollapse | CauseClass::LockContention => {
            let burn_cpus = cpus(books.waste_ns());
            let tail = if status == Status::Livelock {
                format!("user code gets {user} of busy time")
            } else {
                format!(
                    "{:.0} % of busy time, user code gets {user}",
                    100.0 * books.omega().unwrap_or(0.0)
                )
            };
            format!(
                "{burn_cpus:.1} of {nr_cpus} CPUs spin on {}; {tail}",
                on_what(locks)
            )
        }
        CauseClass::UntracedSpin => format!(
            "{:.1} of {nr_cpus} CPUs spin, by samples only: no tracepoint shows on which lock, and whether \
             work gets done cannot be told from here",
            cpus(books.waste_ns())
        ),
        CauseClass::StuckSpin => stuck(case, locks),
        CauseClass::SleepingLock => format!(
            "{:.1} tasks on average sleep on contended locks, first {}; CPUs do not burn",
            share(case.span.locks.sleep_ns(), case.span.wall_ns).unwrap_or(0.0),
            locks
                .iter()
                .max_by_key(|l| l.wait_ns.total)
                .map_or("unknown", |l| l.name.as_str())
        ),
        CauseClass::UserCompute => {
            format!("CPUs are {busy_pct:.0} % busy; user code gets {user} of it")
        }
        CauseClass::KernelWork => format!(
            "CPUs are {busy_pct:.0} % busy, mostly with kernel work that spins on nothing; user code gets {user}"
        ),
        CauseClass::InterruptWork => {
            format!("CPUs are {busy_pct:.0} % busy, mostly with interrupts")
        }
        CauseClass::HostOvercommit => {
            format!(
                "CPUs are {busy_pct:.0} % busy, but the hypervisor takes them or loses their ticks"
            )
        }
        CauseClass::None => {
            format!("CPUs are {busy_pct:.0} % busy and spin on nothing to speak of")
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
    format!(
        "CPU {} has been spinning for {:.2} s on {} (thread {}), which should take microseconds",
        stuck.cpu.0,
        stuck.age_ns as f64 / 1e9,
        lock.map_or(addr.as_str(), |lock| lock.name.as_str()),
        stuck.pid.0
    )
}

const fn kind_name(kind: LockKind) -> &'static str {
    match kind {
        LockKind::Spinlock => "spinlock",
        LockKind::Rwlock => "rwlock",
        LockKind::Mutex => "mutex",
        LockKind::Rwsem => "rwsem",
        LockKind::PercpuRwsem => "percpu-rwsem",
        LockKind::Rtmutex => "rtmutex",
        LockKind::Unknown => "lock of unknown kind",
    }
}

/// The lock, or how many of them, and the paths that meet there.
fn on_what(locks: &[LockReport]) -> String {
    let Some(top) = locks.first() else {
        return "locks that no stack names".to_owned();
    };
    let total_cpus: f64 = locks.iter().map(|lock| lock.burn_cpus).sum();
    let top_share = if total_cpus > 0.0 {
        top.burn_cpus / total_cpus
    } else {
        1.0
    };
    let mut text = format!("{} ({})", top.name, kind_name(top.kind));
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
