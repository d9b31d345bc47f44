//! Candidates that the data exclude.
//!
//! In: a span and its status. Out: candidates with the number that excludes them. Refuses: to exclude
//! what could not be seen.

use super::answer::{Case, time_left};
use super::level::Level;
use crate::ledger::time::share;
use crate::thresholds as at;
use crate::verdict::{ProgressState, RuledOut, Status};

pub(super) fn ruled_out(case: &Case<'_>, status: Status, progress: ProgressState) -> Vec<RuledOut> {
    let mut found = Vec::new();
    let mut rule_out = |candidate: &str, reason: String| {
        found.push(RuledOut {
            candidate: candidate.to_owned(),
            reason,
        });
    };
    if status == Status::CannotTell {
        return found;
    }
    let span = case.span;
    let is_contention = matches!(status, Status::Livelock | Status::Contended);
    let (_, books) = span.books_at(case.level);
    let of_busy = |ns: u64| share(ns, books.busy_ns());

    let is_open = (is_contention && case.is_sampled_only()) || case.is_work_unseen(progress);
    if status != Status::Livelock && !is_open {
        rule_out("live lock", not_livelock(case));
    }
    if let Some(user) = books
        .user_share()
        .filter(|&user| is_contention && user < at::MAJORITY)
    {
        rule_out(
            "user compute",
            format!("user code gets {:.1} % of busy time", 100.0 * user),
        );
    }
    if let Some(irq) = of_busy(books.hardirq_ns + books.softirq_ns).filter(|&irq| {
        irq < at::INTERRUPT_SHARE && !books.is_of_tasks && books.hardirq_unseen_ns == 0
    }) {
        rule_out(
            "interrupt work",
            format!("interrupts get {:.1} % of busy time", 100.0 * irq),
        );
    }
    if let Some((nr_scanned, nr_reclaimed)) = span.nr_pages {
        let seconds = span.wall_ns as f64 / 1e9;
        let efficiency = share(nr_reclaimed, nr_scanned);
        if nr_scanned as f64 <= at::PAGES_SCANNED_PER_SEC * seconds {
            rule_out(
                "reclaim thrash",
                format!("{nr_scanned} pages scanned in {seconds:.0} s"),
            );
        } else if let Some(efficiency) = efficiency.filter(|&e| e >= at::RECLAIM_EFFICIENCY) {
            rule_out(
                "reclaim thrash",
                format!(
                    "{:.0} % of the pages scanned were reclaimed",
                    100.0 * efficiency
                ),
            );
        }
    }
    let steal = share(span.books.steal_ns, span.books.capacity_ns);
    let lost = share(span.books.lost_ticks_ns, span.books.capacity_ns);
    if let (Some(steal), Some(lost)) = (steal, lost)
        && !case.is_overcommitted()
        && !span.books.is_of_tasks
    {
        rule_out(
            "host overcommit",
            format!(
                "steal is {:.1} % and lost ticks {:.1} % of the CPUs' time",
                100.0 * steal,
                100.0 * lost
            ),
        );
    }
    let nr_done = span.tokens.get("handoffs").copied().unwrap_or(0);
    if is_contention && nr_done > 0 {
        rule_out(
            "deadlock",
            format!("contended locks were handed over {nr_done} times"),
        );
    }
    found
}

fn not_livelock(case: &Case<'_>) -> String {
    if let Some(why) = super::declared::keeps_pace(case) {
        return why;
    }
    let (_, books) = case.span.books_at(case.level);
    let nr_no_progress = case.span.nr_no_progress();
    if nr_no_progress > 0 {
        let burst = match case.span.may_be_burst() {
            true => ", no longer than bursts last",
            false => "",
        };
        return format!(
            "only {nr_no_progress} of {} windows showed no progress{burst}",
            case.span.nr_windows
        );
    }
    let omega = books.omega().unwrap_or(0.0);
    let user = books.user_share().unwrap_or(0.0);
    let busy = books.used_share().unwrap_or(0.0);
    if busy < at::BUSY_FOR_LIVELOCK {
        format!(
            "{} only {:.0} % busy{}",
            case.who(),
            100.0 * busy,
            time_left(books)
        )
    } else if case.level == Level::Quiet || omega < at::OMEGA_WITH_BASELINE {
        format!("only {:.1} % of busy time is spun away", 100.0 * omega)
    } else if let Some(conflict) =
        share(books.conflict_ns, books.busy_ns()).filter(|&share| share >= at::SPIN_CONFLICT)
    {
        format!(
            "tracepoints see {:.0} % of busy time more spinning than the ticks have kernel time: one of the two is wrong",
            100.0 * conflict
        )
    } else {
        format!(
            "{:.0} % of busy time is spun away, but user code gets {:.1} %",
            100.0 * omega,
            100.0 * user
        )
    }
}
